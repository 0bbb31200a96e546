import io
import math
from collections.abc import Callable
from typing import Any

import pandas as pd
import pytest

from feature_quality.reporting.table1 import (
    Subject,
    easy_and_hard,
    finished,
    setting_runs,
    summarise,
    table1,
    unconverged,
)

Rows = Callable[..., pd.DataFrame]
Selections = Callable[..., Any]
Subjects = Callable[..., Subject]

SGD, SAM = (0.1, 0.0), (0.2, 0.05)


def read_back(table: pd.DataFrame) -> pd.DataFrame:
    """Read the CSV that the script writes, empty cells as empty strings."""
    text = table.to_csv(index=False, lineterminator="\n")
    return pd.read_csv(io.StringIO(text), dtype=str, keep_default_na=False)


def cell(table: pd.DataFrame, method: str, metric: str) -> pd.Series:
    (row,) = [
        row for _, row in table.iterrows() if (row["method"], row["metric"]) == (method, metric)
    ]
    return row


@pytest.fixture
def runs(rows_of: Rows) -> pd.DataFrame:
    """Shape is easier at SGD's chosen rate, but not in seed 0, nor at the other rate or in SAM."""
    return pd.concat(
        [
            rows_of(*SGD, 0, test=0.1, shape=0.4, colour=0.3),
            rows_of(*SGD, 1, test=0.2, shape=0.1, colour=0.3),
            rows_of(*SGD, 2, test=0.3, shape=0.1, colour=0.3),
            rows_of(0.2, 0.0, 0, test=0.6, shape=0.9, colour=0.0),
            rows_of(0.2, 0.0, 1, test=0.6, shape=0.9, colour=0.0),
            rows_of(*SAM, 0, test=0.0, shape=0.5, colour=0.1),
            rows_of(*SAM, 1, test=0.1, shape=0.6, colour=0.1),
            rows_of(*SAM, 2, test=0.5, shape=0.7, colour=0.1),
            rows_of(0.1, 0.05, 0, test=0.7, shape=0.2, colour=0.8),
        ],
        ignore_index=True,
    )


def test_columns_are_exactly_these(
    runs: pd.DataFrame, selection_of: Selections, subject_of: Subjects
) -> None:
    expected = [
        *("dataset", "method", "metric", "feature", "mean", "std", "n_seeds", "lr", "rho"),
        *("diverged", "demonstration", "provenance"),
    ]
    table = table1(runs, [subject_of()], {"toy": selection_of(SGD=SGD, SAM=SAM)})
    assert list(read_back(table)) == expected
    empty = table1(runs, [subject_of()], {"toy": selection_of()})
    assert list(read_back(empty)) == expected


def test_means_and_deviations_by_hand(
    runs: pd.DataFrame, selection_of: Selections, subject_of: Subjects
) -> None:
    selection = selection_of(SGD=SGD, SAM=SAM, at_sgd=(0.1, 0.05))
    table = read_back(table1(runs, [subject_of()], {"toy": selection}))
    expected = {
        ("SGD", "test_error"): ("", 0.2, 0.1),
        ("SGD", "easy_probe_error"): ("shape", 0.2, math.sqrt(0.03)),
        ("SGD", "hard_probe_error"): ("colour", 0.3, 0),
        ("SAM", "test_error"): ("", 0.2, math.sqrt(0.07)),
        ("SAM", "easy_probe_error"): ("shape", 0.6, 0.1),
        ("SAM", "hard_probe_error"): ("colour", 0.1, 0),
        ("SAM at SGD's lr", "test_error"): ("", 0.7, None),
        ("SAM at SGD's lr", "easy_probe_error"): ("shape", 0.2, None),
        ("SAM at SGD's lr", "hard_probe_error"): ("colour", 0.8, None),
    }
    assert list(zip(table["method"], table["metric"], strict=True)) == list(expected)
    for (method, metric), (feature, mean, std) in expected.items():
        row = cell(table, method, metric)
        assert row["feature"] == feature
        assert float(row["mean"]) == pytest.approx(mean)
        # One seed has no deviation: the cell is empty, neither 0 nor nan.
        assert row["std"] == "" if std is None else float(row["std"]) == pytest.approx(std)
        assert row["n_seeds"] == ("1" if std is None else "3")
        assert row["diverged"] == "0"
        lr, rho = {"SGD": SGD, "SAM": SAM}.get(method, (0.1, 0.05))
        assert (float(row["lr"]), float(row["rho"])) == (lr, rho)


def test_one_seed_has_no_deviation_anywhere(
    rows_of: Rows, selection_of: Selections, subject_of: Subjects
) -> None:
    runs = rows_of(*SGD, 0, test=0.1, shape=0.4, colour=0.3)
    table = read_back(table1(runs, [subject_of()], {"toy": selection_of(SGD=SGD)}))
    assert table["std"].tolist() == ["", "", ""]
    assert table["n_seeds"].tolist() == ["1", "1", "1"]


@pytest.mark.parametrize("features", [("shape", "colour"), ("colour", "shape")])
def test_easy_and_hard_swap_when_the_numbers_swap(
    runs: pd.DataFrame,
    features: tuple[str, str],
    selection_of: Selections,
    subject_of: Subjects,
) -> None:
    selection = {"toy": selection_of(SGD=SGD, SAM=SAM)}
    # Whichever is feature A, the label.
    subjects = [subject_of(features=features)]
    names = {"shape": "colour", "colour": "shape"}
    swapped = runs.assign(
        metric=runs["metric"].replace(
            {f"{a}_probe_error": f"{b}_probe_error" for a, b in names.items()}
        )
    )
    before, after = (table1(each, subjects, selection) for each in (runs, swapped))
    assert cell(before, "SGD", "easy_probe_error")["feature"] == "shape"
    assert cell(after, "SGD", "easy_probe_error")["feature"] == "colour"
    assert cell(after, "SAM", "easy_probe_error")["feature"] == "colour"
    assert cell(after, "SAM", "hard_probe_error")["feature"] == "shape"
    pd.testing.assert_series_equal(before["mean"], after["mean"])


@pytest.mark.parametrize("features", [("shape", "colour"), ("colour", "shape")])
def test_on_a_tie_the_first_feature_is_the_easy_one(
    rows_of: Rows, features: tuple[str, str]
) -> None:
    assert easy_and_hard(rows_of(*SGD, 0, shape=0.25, colour=0.25), features) == features


def test_diverged_seeds_are_excluded_and_counted(
    runs: pd.DataFrame, rows_of: Rows, selection_of: Selections, subject_of: Subjects
) -> None:
    # Counted in, SGD's two would make colour the easy feature.
    more = [
        rows_of(*SGD, 3, test=0.9, shape=1.0, colour=0.0, diverged=True),
        rows_of(*SGD, 4, diverged=True),
        rows_of(*SAM, 3, test=0.9, shape=1.0, colour=0.0, diverged=True),
        # A seed that diverged elsewhere stays.
        rows_of(0.1, 0.05, 1, test=0.9, shape=0.9, colour=0.9, diverged=True),
    ]
    selection = {"toy": selection_of(SGD=SGD, SAM=SAM)}
    subjects = [subject_of()]
    before = table1(runs, subjects, selection)
    after = table1(pd.concat([*more, runs], ignore_index=True), subjects, selection)
    same = ["method", "metric", "feature", "n_seeds"]
    pd.testing.assert_frame_equal(after[same], before[same])
    pd.testing.assert_frame_equal(after[["mean", "std"]], before[["mean", "std"]])
    assert after["diverged"].tolist() == [2, 2, 2, 1, 1, 1]


def test_a_dataset_without_a_finished_run_of_sgd_is_absent(
    runs: pd.DataFrame, selection_of: Selections, subject_of: Subjects
) -> None:
    subjects = [subject_of("gone"), subject_of("toy")]
    gone = runs.assign(dataset="gone")
    selections = {
        "gone": selection_of("gone", SAM=SAM),
        "toy": selection_of("toy", SGD=SGD, SAM=SAM),
    }
    table = table1(pd.concat([gone, runs], ignore_index=True), subjects, selections)
    assert set(table["dataset"]) == {"toy"}


def test_a_dataset_on_which_sam_never_finished_shows_sgd(
    runs: pd.DataFrame, selection_of: Selections, subject_of: Subjects
) -> None:
    table = table1(runs, [subject_of()], {"toy": selection_of(SGD=SGD)})
    assert table["method"].tolist() == ["SGD"] * 3


def test_datasets_do_not_mix(
    runs: pd.DataFrame, selection_of: Selections, subject_of: Subjects
) -> None:
    other = runs.assign(
        dataset="other", value=runs["value"].where(runs["metric"] == "diverged", runs["value"] / 2)
    )
    subjects = [
        subject_of("other", demonstration=True, provenance="ours"),
        subject_of("toy", provenance="cited"),
    ]
    selections = {name: selection_of(name, SGD=SGD, SAM=SAM) for name in ("toy", "other")}
    table = table1(pd.concat([runs, other], ignore_index=True), subjects, selections)
    assert table["dataset"].tolist() == ["other"] * 6 + ["toy"] * 6
    assert table["demonstration"].tolist() == [True] * 6 + [False] * 6
    assert table["provenance"].tolist() == ["ours"] * 6 + ["cited"] * 6
    means = table["mean"].tolist()
    assert means[:6] == pytest.approx([mean / 2 for mean in means[6:]])


def test_a_metric_of_another_split_is_not_taken_for_the_test_error(
    rows_of: Rows, selection_of: Selections, subject_of: Subjects
) -> None:
    runs = rows_of(*SGD, 0, test=0.125, shape=0.4, colour=0.3, val=(0.9, 0.9))
    table = table1(runs, [subject_of()], {"toy": selection_of(SGD=SGD)})
    assert cell(table, "SGD", "test_error")["mean"] == 0.125


def test_summarise_is_the_sample_deviation() -> None:
    assert summarise(pd.Series([1.0, 2.0, 3.0, 6.0])) == {
        "mean": 3.0,
        "std": pytest.approx(math.sqrt(14 / 3)),
        "n_seeds": 4,
    }
    assert summarise(pd.Series([2.0])) == {"mean": 2.0, "std": None, "n_seeds": 1}


def test_setting_runs_and_finished(runs: pd.DataFrame, rows_of: Rows) -> None:
    found = setting_runs(runs, "toy", 0.1, 0.0).reset_index(drop=True)
    assert set(zip(found["lr"], found["rho"], strict=True)) == {(0.1, 0.0)}
    assert set(found["seed"]) == {0, 1, 2}
    gone = rows_of(*SGD, 7, test=0.9, diverged=True)
    pd.testing.assert_frame_equal(finished(pd.concat([found, gone], ignore_index=True)), found)


def test_unconverged_counts_each_chosen_setting_once(
    rows_of: Rows, selection_of: Selections
) -> None:
    probed = {"test": 0.1, "shape": 0.1, "colour": 0.2}
    runs = pd.concat(
        [
            rows_of(*SGD, 0, **probed, unconverged=1),
            rows_of(*SGD, 1, **probed, unconverged=2),
            rows_of(*SAM, 0, **probed, unconverged=4),
            rows_of(0.1, 0.05, 0, **probed, unconverged=8),
            rows_of(*SAM, 0, **probed, unconverged=16, dataset="other"),
        ],
        ignore_index=True,
    )
    # SAM's own choice may be at SGD's rate.
    assert unconverged(runs, selection_of(SGD=SGD, SAM=SAM, at_sgd=SAM)) == 1 + 2 + 4
    assert unconverged(runs, selection_of(SGD=SGD, SAM=SAM, at_sgd=(0.1, 0.05))) == 15
    assert unconverged(runs, selection_of()) == 0
