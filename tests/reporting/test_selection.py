import itertools
import json
import random
from typing import Any

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from feature_quality.artifacts.selection import Candidate, Selection, methods_of
from feature_quality.reporting.selection import select

Run = tuple[pd.DataFrame, dict[str, Any]]
SGD, SAM, LSAM, ASAM = "sgd", "sam", "lsam", "asam"


def run(
    method: str,
    lr: float,
    rho: float,
    seed: int,
    error: float = 0.5,
    loss: float = 1.0,
    diverged: tuple[int, int] | None = None,
) -> Run:
    """Make a run of two epochs; the first would lead elsewhere."""
    history = pd.DataFrame(
        {
            "epoch": [1, 2],
            "lr": [lr, lr / 2],
            "train_loss": [0.7, 0.1],
            "train_error": [0.3, 0.2],
            "val_loss": [1 / (1 + loss), loss],
            "val_error": [1 - error, error],
        }
    )
    key = {"dataset": "toy", "method": method, "lr": lr, "rho": rho, "seed": seed}
    return history, key | {"diverged": diverged}


def setting(method: str, lr: float, rho: float, errors: Any, losses: Any = None) -> list[Run]:
    values = zip(errors, losses or [1.0] * len(errors), strict=True)
    return [run(method, lr, rho, seed, *each) for seed, each in enumerate(values)]


def chosen(selection: Selection, method: str, *, at_sgd_lr: bool = False) -> tuple[float, float]:
    choice = selection["at_sgd_lr" if at_sgd_lr else "choices"][method]
    return choice["lr"], choice["rho"]


def candidate(selection: Selection, method: str, lr: float, rho: float) -> Candidate:
    wanted = (method, lr, rho)
    (found,) = [c for c in selection["candidates"] if (c["method"], c["lr"], c["rho"]) == wanted]
    return found


def test_the_lowest_mean_validation_error_wins_for_each_method_by_itself() -> None:
    selection = select(
        "toy",
        [
            *setting(LSAM, 0.1, 0.05, [0.4, 0.4]),
            *setting(LSAM, 0.2, 0.3, [0.5, 0.4]),
            # The best single seed and the lowest loss, but not the lowest mean.
            *setting(SGD, 0.1, 0, [0.0, 0.6], [0.1, 0.1]),
            *setting(SGD, 0.2, 0, [0.2, 0.3], [9, 9]),
            *setting(SAM, 0.1, 0.05, [0.2, 0.2]),
            *setting(SAM, 0.2, 0.05, [0.1, 0.5]),
            *setting(SAM, 0.2, 0.1, [0.5, 0.5]),
            *setting(SAM, 0.1, 0.5, [0.1, 0.2]),
        ],
    )
    assert set(selection["choices"]) == {SGD, SAM, LSAM}
    assert set(selection["at_sgd_lr"]) == {SAM, LSAM}
    assert [chosen(selection, method) for method in (SGD, SAM, LSAM)] == [
        (0.2, 0),
        (0.1, 0.5),
        (0.1, 0.05),
    ]
    assert chosen(selection, SAM, at_sgd_lr=True) == (0.2, 0.05)
    assert chosen(selection, LSAM, at_sgd_lr=True) == (0.2, 0.3)
    assert candidate(selection, SGD, 0.1, 0)["val_error"] == pytest.approx(0.3)
    assert candidate(selection, SGD, 0.2, 0)["val_loss"] == pytest.approx(9)
    assert selection["dataset"] == "toy"
    assert methods_of(selection) == [SGD, LSAM, SAM]


# (lr, rho, errors, losses): the first of each is to be chosen.
TIES = {
    "error before loss": [(0.3, 0.3, [0.1, 0.2], [9, 9]), (0.1, 0.1, [0.2, 0.2], [1, 1])],
    "then loss before rho": [(0.3, 0.3, [0.2, 0.1], [1, 2]), (0.1, 0.1, [0.1, 0.2], [2, 2])],
    "then rho before lr": [(0.3, 0.1, [0.2, 0.1], [2, 1]), (0.1, 0.3, [0.1, 0.2], [1, 2])],
    "then lr": [(0.1, 0.3, [0.2, 0.1], [2, 1]), (0.3, 0.3, [0.1, 0.2], [1, 2])],
    "loss before lr": [(0.2, 0, [0.1], [2]), (0.3, 0, [0.1], [2]), (0.1, 0, [0.1], [3])],
}


@pytest.mark.parametrize("tied", TIES.values(), ids=TIES)
@pytest.mark.parametrize("reverse", [False, True])
def test_ties_are_broken_in_order(tied: list[Any], reverse: bool) -> None:
    method = SAM if tied[0][1] else SGD
    runs = [each for values in tied for each in setting(method, *values)]
    selection = select("toy", runs[::-1] if reverse else runs)
    assert chosen(selection, method) == tied[0][:2]


def test_equally_many_errors_and_equal_losses_tie_exactly_in_any_order() -> None:
    """0.1 + 0.2 + 0.3 is not 0.3 + 0.2 + 0.1 in floating point, nor is either 3 · 0.2."""
    errors = [*itertools.permutations([0.1, 0.2, 0.3]), (0.2, 0.2, 0.2), (0.3, 0.3, 0.0)]
    assert len({sum(each) for each in errors}) > 1
    for losses, first in (([1.0 + i for i in range(8)], 0), ([2.0] * 8, 7)):
        runs = [
            each
            for number, (values, loss) in enumerate(zip(errors, losses, strict=True))
            for each in setting(SGD, 0.9 - number / 10, 0, values, [loss] * 3)
        ]
        selection = select("toy", runs)
        assert len(selection["choices"][SGD]["tied"]) == len(errors)
        assert len({each["val_error"] for each in selection["candidates"]}) == 1
        # Among equals the loss decides, and then the smaller learning rate.
        assert chosen(selection, SGD) == (pytest.approx(0.9 - first / 10), 0)
    by_loss = [setting(SGD, 0.9 - i / 10, 0, [0] * 3, each) for i, each in enumerate(errors[:6])]
    assert chosen(select("toy", itertools.chain(*by_loss)), SGD) == (pytest.approx(0.4), 0)
    # A single different error of many examples does not tie.
    errors = {0.1: [7 / 50_000, 0.2], 0.2: [6 / 50_000, 0.2]}
    selection = select("toy", [run for lr in errors for run in setting(SGD, lr, 0, errors[lr])])
    assert selection["choices"][SGD]["tied"] == [[0.2, 0]]


def test_counts_of_candidates_and_ties_on_the_papers_grid() -> None:
    """18 settings for each method against SGD's 3; every second ρ ties at the lowest error."""
    runs = []
    rhos = [0.01, 0.03, 0.05, 0.07, 0.1, 0.2]
    for lr in [0.01, 0.05, 0.1]:
        runs += setting(SGD, lr, 0, [0.3] * 4, [1 + lr] * 4)
        for method, (number, rho) in itertools.product([SAM, ASAM], enumerate(rhos)):
            runs += setting(method, lr, rho, [0.2 if number % 2 else 0.1] * 4, [1 + lr - rho] * 4)
    selection = select("toy", runs)
    rates = [0.01, 0.05, 0.1]
    tied = [[lr, rho] for rho in (0.01, 0.05, 0.1) for lr in rates]
    best = {"lr": 0.01, "rho": 0.1, "candidates": 18, "tied": tied}
    sgd = {"lr": 0.01, "rho": 0, "candidates": 3, "tied": [[lr, 0] for lr in rates]}
    assert selection["choices"] == {SGD: sgd, SAM: best, ASAM: best}
    at_sgd_lr = best | {"candidates": 6, "tied": [[0.01, rho] for rho in (0.01, 0.05, 0.1)]}
    assert selection["at_sgd_lr"] == {SAM: at_sgd_lr, ASAM: at_sgd_lr}


def test_diverged_runs_are_left_out_and_listed_and_a_setting_of_them_is_never_chosen() -> None:
    empty = pd.DataFrame(columns=["epoch", "lr", "val_loss", "val_error"])
    runs = [
        run(SGD, 0.1, 0, 3, 0.1, 2),
        run(SGD, 0.1, 0, 1, 0.0, 0, diverged=(2, 7)),
        run(SGD, 0.1, 0, 0, 0.3, 4),
        *((empty, run(SGD, 0.5, 0, seed, diverged=(1, 1))[1]) for seed in range(2)),
    ]
    selection = select("toy", runs)
    found = candidate(selection, SGD, 0.1, 0)
    assert (found["val_error"], found["val_loss"]) == pytest.approx((0.2, 3))
    assert (found["finished"], found["diverged"]) == ([0, 3], [1])
    assert chosen(selection, SGD) == (0.1, 0)
    assert selection["choices"][SGD]["candidates"] == 1
    lost = {"val_error": None, "val_loss": None, "finished": [], "diverged": [0, 1]}
    assert candidate(selection, SGD, 0.5, 0) == {"method": SGD, "lr": 0.5, "rho": 0} | lost


@pytest.mark.parametrize(
    ("diverged", "choices", "at_sgd_lr"),
    [
        ([], {SGD, SAM, LSAM}, {SAM, LSAM}),
        ([SGD], {SAM, LSAM}, set()),
        ([SAM], {SGD, LSAM}, {LSAM}),
        ([SGD, SAM, LSAM], set(), set()),
    ],
)
def test_a_method_without_a_finished_run_is_absent(diverged, choices, at_sgd_lr) -> None:
    runs = [
        run(method, 0.1, rho, 0, diverged=(1, 1) if method in diverged else None)
        for method, rho in ((SGD, 0.0), (SAM, 0.05), (LSAM, 0.05))
    ]
    selection = select("toy", runs)
    assert set(selection["choices"]) == choices
    assert set(selection["at_sgd_lr"]) == at_sgd_lr
    assert methods_of(selection) == [SGD, LSAM, SAM]


@pytest.mark.parametrize("lost", [[run(SAM, 0.1, 0.05, 0, diverged=(1, 1))], []])
def test_a_method_that_diverged_or_was_not_trained_at_sgds_lr_has_no_setting_there(lost) -> None:
    runs = [run(SGD, 0.1, 0, 0, 0.1), run(SGD, 0.2, 0, 0, 0.2), *lost, run(SAM, 0.2, 0.05, 0, 0.5)]
    selection = select("toy", runs)
    assert chosen(selection, SAM) == (0.2, 0.05)
    assert selection["at_sgd_lr"] == {}


SETTINGS = [(SGD, 0.0), (SAM, 0.05), (SAM, 0.1), (LSAM, 0.05), (LSAM, 0.1)]
grids = st.lists(
    st.builds(
        lambda setting, lr, *rest: run(setting[0], lr, setting[1], *rest),
        st.sampled_from(SETTINGS),
        st.sampled_from([0.1, 0.2]),
        st.integers(0, 4),
        # Few values, so that there are ties.
        st.sampled_from([0.0, 0.1, 0.2, 0.3]),
        st.sampled_from([0.1, 0.2, 0.3]),
        st.sampled_from([None, None, (1, 2)]),
    ),
    min_size=1,
    max_size=12,
    unique_by=lambda each: tuple(each[1][key] for key in ("method", "lr", "rho", "seed")),
)


@settings(deadline=None, max_examples=40)
@given(grids, st.randoms(use_true_random=False))
def test_the_choice_is_the_minimum_of_what_is_eligible_in_whatever_order_the_runs_come(
    runs: list[Run], shuffler: random.Random
) -> None:
    selection = select("toy", runs)
    for method in (SGD, SAM, LSAM):
        eligible = [c for c in selection["candidates"] if c["method"] == method and c["finished"]]
        assert (method in selection["choices"]) == bool(eligible)
        if eligible:
            best = candidate(selection, method, *chosen(selection, method))
            fewest = min(len(c["diverged"]) for c in eligible)
            tied = [c for c in eligible if len(c["diverged"]) == fewest]
            lowest = min(c["val_error"] for c in tied)
            tied = [c for c in tied if c["val_error"] == lowest]
            assert best["val_loss"] == min(c["val_loss"] for c in tied)
            settings = [[c["lr"], c["rho"]] for c in tied]
            assert selection["choices"][method]["tied"] == settings
            assert [best["lr"], best["rho"]] in settings
            assert selection["choices"][method]["candidates"] == len(eligible)
    shuffled = list(runs)
    shuffler.shuffle(shuffled)
    assert json.dumps(select("toy", shuffled)) == json.dumps(selection)
