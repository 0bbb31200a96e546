from collections.abc import Callable
from typing import Any

import pandas as pd
import pytest

from feature_quality.reporting.claims.probing import probing

Rows = Callable[..., pd.DataFrame]

SGD, SAM = (0.1, 0.0), (0.2, 0.05)
PAPERS = ["CIFAR-MNIST", "FMNIST-MNIST", "CelebA", "Waterbirds"]


@pytest.fixture
def runs_of(rows_of: Rows) -> Callable[..., pd.DataFrame]:
    """Make the runs of one setting from (shape, colour) errors of each seed; None diverged."""

    def make(setting: tuple[float, float], *errors: tuple[float, float] | None, **details: Any):
        return pd.concat(
            [
                rows_of(
                    *setting,
                    seed,
                    test=0.1,
                    shape=0.9 if error is None else error[0],
                    colour=0.9 if error is None else error[1],
                    diverged=error is None,
                    **details,
                )
                for seed, error in enumerate(errors)
            ],
            ignore_index=True,
        )

    return make


@pytest.fixture
def checked(subject_of, selection_of) -> Callable[..., list[dict[str, Any]]]:
    def check(runs: pd.DataFrame, dataset: str = "toy", **details: Any) -> list[dict[str, Any]]:
        selections = {dataset: selection_of(dataset, SGD=SGD, SAM=SAM, at_sgd=(0.1, 0.05))}
        return probing(runs, [subject_of(dataset, **details).description], selections)

    return check


def test_the_selected_settings_are_compared_by_seed(runs_of, checked, only) -> None:
    runs = pd.concat(
        [
            runs_of(SGD, (0.1, 0.3), (0.2, 0.5), (0.3, 0.4)),
            # The easy feature gains 0.1 each time, the hard one loses 0.1, 0.2 and 0.3.
            runs_of(SAM, (0.0, 0.4), (0.1, 0.7), (0.2, 0.7)),
            # Settings and datasets that are not asked for.
            runs_of((0.1, 0.05), (0.9, 0.0), (0.9, 0.0), (0.9, 0.0)),
            runs_of(SAM, (0.9, 0.0), (0.9, 0.0), (0.9, 0.0), dataset="another"),
        ],
        ignore_index=True,
    )
    rows = checked(runs)
    hard, easy = (only(rows, check, where="Shapes in colours") for check in ("1", "2"))
    assert (easy["verdict"], easy["effect"], easy["runs"]) == ("supported", -0.1, 3)
    assert hard["effect"] == pytest.approx(0.2)
    # The quantile 4.302653 of two degrees of freedom times 0.1 / √3.
    assert (hard["low"], hard["high"]) == pytest.approx((0.2 - 0.248414, 0.2 + 0.248414), abs=1e-6)
    assert (hard["verdict"], hard["reason"]) == ("open", "the interval holds 0")
    assert hard["note"] == "colour; SGD at lr 0.1, SAM at lr 0.2"
    assert easy["note"].startswith("shape;")
    assert hard["rho"] == 0.05


def test_the_easy_feature_is_told_by_sgd_alone(runs_of, checked, only) -> None:
    runs = pd.concat(
        [
            runs_of(SGD, (0.3, 0.1), (0.3, 0.1), None),
            runs_of(SAM, (0.0, 0.2), (0.0, 0.2), (0.0, 0.2)),
        ],
        ignore_index=True,
    )
    rows = checked(runs)
    hard, easy = (only(rows, check, where="Shapes in colours") for check in ("1", "2"))
    assert hard["note"].startswith("shape;")
    assert (hard["verdict"], hard["effect"]) == ("supported", -0.3)
    assert (easy["verdict"], easy["effect"]) == ("contradicted", 0.1)
    assert hard["low"] == hard["high"] == -0.3


def test_a_run_that_diverged_takes_its_pair_along(runs_of, checked, only) -> None:
    runs = pd.concat(
        [
            runs_of(SGD, None, (0.1, 0.3), (0.2, 0.4), (0.1, 0.4)),
            runs_of(SAM, (0.0, 0.0), None, (0.1, 0.3), (0.0, 0.2)),
        ],
        ignore_index=True,
    )
    row = only(checked(runs), "1", where="Shapes in colours")
    assert (row["effect"], row["runs"], row["dropped"]) == (-0.15, 2, 2)


def test_one_seed_is_open(runs_of, checked, only) -> None:
    runs = pd.concat([runs_of(SGD, (0.1, 0.3)), runs_of(SAM, (0.0, 0.1))], ignore_index=True)
    row = only(checked(runs), "1", where="Shapes in colours")
    assert (row["verdict"], row["reason"], row["effect"]) == ("open", "one seed", -0.2)


def test_equal_errors_are_a_tie(runs_of, checked, only) -> None:
    errors = [(0.1, 0.3), (0.2, 0.4)]
    runs = pd.concat([runs_of(SGD, *errors), runs_of(SAM, *errors)], ignore_index=True)
    row = only(checked(runs), "1", where="Shapes in colours")
    assert (row["verdict"], row["reason"]) == ("open", "a tie on every seed")


@pytest.mark.parametrize(
    ("choices", "reason"),
    [
        ({"SGD": SGD}, "no run of SAM has finished"),
        ({"SAM": SAM}, "no run of SGD has finished"),
        ({}, "no run of SGD or SAM has finished"),
    ],
)
def test_a_method_without_a_finished_run_is_said(
    runs_of, subject_of, selection_of, only, choices, reason
) -> None:
    runs = pd.concat([runs_of(SGD, (0.1, 0.3)), runs_of(SAM, None)], ignore_index=True)
    selections = {"toy": selection_of(**choices)}
    rows = probing(runs, [subject_of().description], selections)
    for check in ("1", "2"):
        row = only(rows, check, where="Shapes in colours")
        assert (row["verdict"], row["reason"], row["runs"]) == ("open", reason, 0)


def test_the_papers_datasets_that_are_not_there_are_open(runs_of, checked, found) -> None:
    runs = pd.concat([runs_of(SGD, (0.1, 0.3)), runs_of(SAM, (0.0, 0.1))], ignore_index=True)
    absent = found(checked(runs), "1", reason="the dataset is not among the results")
    assert absent["where"].tolist() == PAPERS
    assert (absent["verdict"] == "open").all()
    assert (absent["data"] == "real data").all()
    runs["dataset"] = "celeba"
    rows = checked(runs, "celeba", title="CelebA")
    absent = found(rows, "2", reason="the dataset is not among the results")
    assert absent["where"].tolist() == ["CIFAR-MNIST", "FMNIST-MNIST", "Waterbirds"]
    assert len(found(rows, "2", where="CelebA", reason="one seed")) == 1


@pytest.mark.parametrize("demonstration", [False, True])
def test_demonstration_data_are_called_so(runs_of, checked, only, demonstration) -> None:
    runs = pd.concat([runs_of(SGD, (0.1, 0.3)), runs_of(SAM, (0.0, 0.1))], ignore_index=True)
    row = only(checked(runs, demonstration=demonstration), "1", where="Shapes in colours")
    assert row["data"] == ("demonstration" if demonstration else "real data")
