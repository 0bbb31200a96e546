import itertools
import json
import random
from typing import Any

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from feature_quality.artifacts.selection import Candidate, Selection
from feature_quality.reporting.selection import SAM, SAM_AT_SGD_LR, SGD, select

Run = tuple[pd.DataFrame, dict[str, Any]]


def run(
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
    return history, {"dataset": "toy", "lr": lr, "rho": rho, "seed": seed, "diverged": diverged}


def setting(
    lr: float, rho: float, errors: list[float], losses: list[float] | None = None
) -> list[Run]:
    losses = losses or [1.0] * len(errors)
    return [
        run(lr, rho, seed, *values) for seed, values in enumerate(zip(errors, losses, strict=True))
    ]


def chosen(selection: Selection, method: str) -> tuple[float, float]:
    choice = selection["choices"][method]
    return choice["lr"], choice["rho"]


def candidate(selection: Selection, lr: float, rho: float) -> Candidate:
    (found,) = [c for c in selection["candidates"] if (c["lr"], c["rho"]) == (lr, rho)]
    return found


def test_the_lowest_mean_validation_error_wins() -> None:
    selection = select(
        "toy",
        [
            # The best single seed and the lowest loss, but not the lowest mean.
            *setting(0.1, 0, [0.0, 0.6], [0.1, 0.1]),
            *setting(0.2, 0, [0.2, 0.3], [9, 9]),
            *setting(0.1, 0.05, [0.2, 0.2]),
            *setting(0.2, 0.05, [0.1, 0.5]),
            *setting(0.1, 0.5, [0.1, 0.2]),
        ],
    )
    assert chosen(selection, SGD) == (0.2, 0)
    assert chosen(selection, SAM) == (0.1, 0.5)
    assert chosen(selection, SAM_AT_SGD_LR) == (0.2, 0.05)
    assert candidate(selection, 0.1, 0)["val_error"] == pytest.approx(0.3)
    assert candidate(selection, 0.2, 0)["val_loss"] == pytest.approx(9)
    assert selection["dataset"] == "toy"


# (lr, rho, errors, losses): the first of each is to be chosen for SAM.
TIES = {
    "error before loss": [
        (0.3, 0.3, [0.1, 0.2], [9, 9]),
        (0.1, 0.1, [0.2, 0.2], [1, 1]),
    ],
    "then loss before rho": [
        (0.3, 0.3, [0.2, 0.1], [1, 2]),
        (0.1, 0.1, [0.1, 0.2], [2, 2]),
    ],
    "then rho before lr": [
        (0.3, 0.1, [0.2, 0.1], [2, 1]),
        (0.1, 0.3, [0.1, 0.2], [1, 2]),
    ],
    "then lr": [
        (0.1, 0.3, [0.2, 0.1], [2, 1]),
        (0.3, 0.3, [0.1, 0.2], [1, 2]),
    ],
}


@pytest.mark.parametrize("tied", TIES.values(), ids=TIES)
@pytest.mark.parametrize("reverse", [False, True])
def test_ties_are_broken_in_order(tied: list[Any], *, reverse: bool) -> None:
    runs = [each for values in tied for each in setting(*values)]
    selection = select("toy", runs[::-1] if reverse else runs)
    assert chosen(selection, SAM) == tied[0][:2]


def test_sgd_too_breaks_ties_by_loss_and_lr() -> None:
    runs = [
        *setting(0.1, 0, [0.1], [3]),
        *setting(0.2, 0, [0.1], [2]),
        *setting(0.3, 0, [0.1], [2]),
    ]
    assert chosen(select("toy", runs), SGD) == (0.2, 0)


def test_equally_many_errors_tie_exactly_in_any_order() -> None:
    """0.1 + 0.2 + 0.3 is not 0.3 + 0.2 + 0.1 in floating point, nor is either 3 · 0.2."""
    errors = [*itertools.permutations([0.1, 0.2, 0.3]), (0.2, 0.2, 0.2), (0.3, 0.3, 0.0)]
    assert len({sum(each) for each in errors}) > 1
    runs = [
        each
        for number, values in enumerate(errors)
        for each in setting(0.1 + number / 100, 0, list(values), [1.0 + number] * 3)
    ]
    selection = select("toy", runs)
    assert selection["choices"][SGD]["tied"] == len(errors)
    assert len({each["val_error"] for each in selection["candidates"]}) == 1
    # Among equals the loss decides.
    assert chosen(selection, SGD) == (0.1, 0)


def test_losses_too_tie_in_any_order() -> None:
    losses = list(itertools.permutations([0.1, 0.2, 0.3]))
    runs = [
        each
        for number, values in enumerate(losses)
        for each in setting(0.9 - number / 10, 0, [0, 0, 0], list(values))
    ]
    assert chosen(select("toy", runs), SGD) == (pytest.approx(0.4), 0)


def test_a_single_different_error_of_many_examples_does_not_tie() -> None:
    runs = [*setting(0.1, 0, [7 / 50_000, 0.2]), *setting(0.2, 0, [6 / 50_000, 0.2])]
    selection = select("toy", runs)
    assert chosen(selection, SGD) == (0.2, 0)
    assert selection["choices"][SGD]["tied"] == 1


def test_counts_of_candidates_and_ties_on_the_papers_grid() -> None:
    """18 settings for SAM against SGD's 3; every second rho ties at SAM's lowest error."""
    runs = []
    for lr, (number, rho) in itertools.product(
        [0.01, 0.05, 0.1], enumerate([0, 0.01, 0.03, 0.05, 0.07, 0.1, 0.2])
    ):
        error = 0.3 if rho == 0 else 0.1 if number % 2 else 0.2
        runs += setting(lr, rho, [error] * 4, [1 + lr - rho] * 4)
    choices = select("toy", runs)["choices"]
    assert choices == {
        SGD: {"lr": 0.01, "rho": 0, "candidates": 3, "tied": 3},
        SAM: {"lr": 0.01, "rho": 0.1, "candidates": 18, "tied": 9},
        SAM_AT_SGD_LR: {"lr": 0.01, "rho": 0.1, "candidates": 6, "tied": 3},
    }


def test_sam_at_sgds_lr_keeps_to_that_lr() -> None:
    runs = [
        *setting(0.1, 0, [0.1]),
        *setting(0.2, 0, [0.2]),
        *setting(0.1, 0.05, [0.4]),
        *setting(0.1, 0.5, [0.3]),
        *setting(0.2, 0.05, [0.0]),
    ]
    selection = select("toy", runs)
    assert chosen(selection, SAM) == (0.2, 0.05)
    assert chosen(selection, SAM_AT_SGD_LR) == (0.1, 0.5)


def test_diverged_runs_are_left_out_and_listed() -> None:
    runs = [
        run(0.1, 0, 3, 0.1, 2),
        run(0.1, 0, 1, 0.0, 0, diverged=(2, 7)),
        run(0.1, 0, 0, 0.3, 4),
        run(0.1, 0, 2, 0.0, 0, diverged=(1, 1)),
    ]
    found = candidate(select("toy", runs), 0.1, 0)
    assert found["val_error"] == pytest.approx(0.2)
    assert found["val_loss"] == pytest.approx(3)
    assert found["finished"] == [0, 3]
    assert found["diverged"] == [1, 2]


def test_a_setting_all_of_whose_runs_diverged_is_listed_but_never_chosen() -> None:
    empty = pd.DataFrame(columns=["epoch", "lr", "val_loss", "val_error"])
    gone = [
        (empty, {"dataset": "toy", "lr": 0.1, "rho": 0, "seed": seed, "diverged": (1, 1)})
        for seed in range(2)
    ]
    selection = select("toy", [*gone, *setting(0.5, 0, [0.9, 0.9])])
    assert chosen(selection, SGD) == (0.5, 0)
    assert selection["choices"][SGD]["candidates"] == 1
    assert candidate(selection, 0.1, 0) == {
        "lr": 0.1,
        "rho": 0,
        "val_error": None,
        "val_loss": None,
        "finished": [],
        "diverged": [0, 1],
    }


@pytest.mark.parametrize(
    ("sgd", "sam", "methods"),
    [
        (None, None, {SGD, SAM, SAM_AT_SGD_LR}),
        ((1, 1), None, {SAM}),
        (None, (1, 1), {SGD}),
        ((1, 1), (1, 1), set()),
    ],
)
def test_a_method_without_a_finished_run_is_absent(
    sgd: tuple[int, int] | None, sam: tuple[int, int] | None, methods: set[str]
) -> None:
    runs = [run(0.1, 0, 0, diverged=sgd), run(0.1, 0.05, 0, diverged=sam)]
    assert set(select("toy", runs)["choices"]) == methods


def test_sam_at_sgds_lr_is_absent_when_sam_diverged_there() -> None:
    runs = [
        run(0.1, 0, 0, 0.1),
        run(0.2, 0, 0, 0.2),
        run(0.1, 0.05, 0, diverged=(1, 1)),
        run(0.2, 0.05, 0, 0.5),
    ]
    assert set(select("toy", runs)["choices"]) == {SGD, SAM}


grids = st.lists(
    st.builds(
        run,
        st.sampled_from([0.1, 0.2]),
        st.sampled_from([0.0, 0.05, 0.1]),
        st.integers(0, 4),
        # Few values, so that there are ties.
        st.sampled_from([0.0, 0.1, 0.2, 0.3]),
        st.sampled_from([0.1, 0.2, 0.3]),
        st.sampled_from([None, None, (1, 2)]),
    ),
    min_size=1,
    max_size=12,
    unique_by=lambda each: (each[1]["lr"], each[1]["rho"], each[1]["seed"]),
)


@settings(deadline=None, max_examples=40)
@given(grids, st.randoms(use_true_random=False))
def test_the_order_of_the_runs_does_not_matter(runs: list[Run], shuffler: random.Random) -> None:
    shuffled = list(runs)
    shuffler.shuffle(shuffled)
    assert json.dumps(select("toy", shuffled)) == json.dumps(select("toy", runs))


@settings(deadline=None, max_examples=40)
@given(grids)
def test_the_choice_is_the_minimum_of_what_is_eligible(runs: list[Run]) -> None:
    selection = select("toy", runs)
    for method, belongs in {SGD: lambda rho: rho == 0, SAM: lambda rho: rho > 0}.items():
        eligible = [c for c in selection["candidates"] if belongs(c["rho"]) and c["finished"]]
        assert (method in selection["choices"]) == bool(eligible)
        if eligible:
            best = candidate(selection, *chosen(selection, method))
            lowest = min(c["val_error"] for c in eligible)
            assert best["val_error"] == lowest
            tied = [c for c in eligible if c["val_error"] == lowest]
            assert best["val_loss"] == min(c["val_loss"] for c in tied)
            assert selection["choices"][method]["tied"] == len(tied)
            assert selection["choices"][method]["candidates"] == len(eligible)


def test_only_the_last_epochs_validation_counts() -> None:
    runs = [
        each
        for lr, rho in itertools.product([0.1, 0.2, 0.3], [0, 0.05, 0.1])
        for each in setting(lr, rho, [lr * (1 - rho), 0.1], [rho, lr])
    ]
    changed = []
    for number, (history, description) in enumerate(runs):
        other = history.copy()
        other[["train_loss", "train_error", "lr"]] = [[5.0 + number, 1 / (1 + number), 0.0]] * 2
        other.loc[0, ["val_loss", "val_error"]] = [1 / (1 + number), 1 / (2 + number)]
        changed.append((other, description))
    assert select("toy", changed) == select("toy", runs)
    # The test notices a change in what does count.
    for history, description in changed:
        if description["lr"] == 0.1:
            history.loc[1, "val_error"] = 0.9
    assert select("toy", changed)["choices"] != select("toy", runs)["choices"]
