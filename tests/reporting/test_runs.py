from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

# Not its names: pytest would take ``test_rows`` for a test.
from feature_quality.artifacts.parquet import read_table, write_table
from feature_quality.artifacts.runs import RUNS
from feature_quality.reporting import runs as reporting

RUN = {"dataset": "toy", "lr": 0.05, "rho": 0.1, "seed": 2, "diverged": None, "code": "abc"}


def values(rows: pd.DataFrame) -> dict[tuple[str, str], float]:
    keys = list(zip(rows["split"], rows["metric"], strict=True))
    assert len(set(keys)) == len(keys)
    return dict(zip(keys, rows["value"], strict=True))


HISTORY = pd.DataFrame(
    {
        "epoch": [1, 2],
        "lr": [0.05, 0.01],
        "train_loss": [0.9, 0.1],
        "train_error": [0.8, 0.2],
        "val_loss": [0.7, 0.3],
        "val_error": [0.6, 0.4],
    }
)


def test_training_rows_are_those_of_the_last_epoch() -> None:
    rows = reporting.training_rows(HISTORY, RUN)
    assert values(rows) == {
        ("train", "diverged"): 0,
        ("train", "loss"): 0.1,
        ("train", "error"): 0.2,
        ("val", "loss"): 0.3,
        ("val", "error"): 0.4,
    }
    assert rows[["dataset", "lr", "rho", "seed"]].drop_duplicates().to_dict("records") == [
        {"dataset": "toy", "lr": 0.05, "rho": 0.1, "seed": 2}
    ]


def test_a_run_that_diverged_in_its_first_epoch_has_no_other_row() -> None:
    assert values(reporting.training_rows(HISTORY.iloc[:0], RUN | {"diverged": [1, 3]})) == {
        ("train", "diverged"): 1
    }


def test_a_run_that_diverged_later_says_so() -> None:
    rows = values(reporting.training_rows(HISTORY, RUN | {"diverged": [3, 1]}))
    assert rows[("train", "diverged")] == 1
    assert rows[("val", "error")] == 0.4


@pytest.mark.parametrize(
    ("group_weights", "error"),
    [
        # Every example counts once; every group as often as in training.
        (None, 2 / 5),
        ((0.5, 0.0, 0.2, 0.3), 0.5 * 1 / 3 + 0.3 * 1),
    ],
)
def test_the_test_error_is_weighted_as_the_dataset_says(subject_of, group_weights, error) -> None:
    examples = pd.DataFrame({"label": [0, 0, 0, 1, 1], "group": [0, 0, 0, 2, 3]})
    logits = np.array([[2, 1], [0, 1], [5, -5], [2, 3], [1, 0]], np.float32)
    description = subject_of(group_weights=group_weights).description
    assert values(reporting.test_rows(examples, logits, RUN, description)) == {
        ("test", "error"): pytest.approx(error),
        ("test", "balanced_error"): pytest.approx((1 / 3 + 0 + 1) / 3),
    }


def test_probe_rows_are_means_over_draws_for_each_feature() -> None:
    probes = pd.DataFrame(
        {
            "feature": ["shape"] * 3 + ["colour"] * 3,
            "draw": [0, 1, 2] * 2,
            "error": [0.1, 0.2, 0.6, 0.0, 0.0, 0.3],
            "converged": [True, False, False, True, True, True],
        }
    )
    assert values(reporting.probe_rows(probes, RUN)) == {
        ("probe_test", "shape_probe_error"): pytest.approx(0.3),
        ("probe_test", "shape_probe_unconverged"): 2,
        ("probe_test", "colour_probe_error"): pytest.approx(0.1),
        ("probe_test", "colour_probe_unconverged"): 0,
    }


class TestCollect:
    @pytest.fixture
    def parts(self, rows_of: Callable[..., pd.DataFrame]) -> list[pd.DataFrame]:
        return [
            rows_of(lr, rho, seed, test=lr + seed, dataset=dataset).drop(columns="selected")
            for dataset in ("toy", "other")
            for lr in (0.1, 0.2)
            for rho in (0.0, 0.05)
            for seed in (0, 1)
        ]

    @pytest.fixture
    def selections(self, selection_of: Callable[..., Any]) -> list[Any]:
        return [
            selection_of("toy", SGD=(0.1, 0.0), SAM=(0.2, 0.05), at_sgd=(0.1, 0.05)),
            selection_of("other", SAM=(0.1, 0.05)),
        ]

    def test_every_row_is_kept(self, parts: list[pd.DataFrame], selections: list[Any]) -> None:
        runs = reporting.collect(parts, selections)
        key = ["dataset", "lr", "rho", "seed", "split", "metric"]
        before = pd.concat(parts).set_index(key)["value"]
        pd.testing.assert_series_equal(runs.set_index(key)["value"], before, check_like=True)

    def test_selected_are_the_settings_of_sgd_and_sam_in_their_own_dataset(
        self, parts: list[pd.DataFrame], selections: list[Any]
    ) -> None:
        runs = reporting.collect(parts, selections)
        marked = runs[runs["selected"]]
        assert set(zip(marked["dataset"], marked["lr"], marked["rho"], strict=True)) == {
            ("toy", 0.1, 0.0),
            ("toy", 0.2, 0.05),
            ("other", 0.1, 0.05),
        }
        # All rows of a setting have the same mark.
        rest = runs[~runs["selected"]]
        settings = ["dataset", "lr", "rho"]
        assert set(map(tuple, rest[settings].to_numpy())).isdisjoint(
            map(tuple, marked[settings].to_numpy())
        )

    def test_the_order_of_the_parts_does_not_matter(
        self, parts: list[pd.DataFrame], selections: list[Any], tmp_path: Path
    ) -> None:
        order = np.random.default_rng(0).permutation(len(parts))
        shuffled = [parts[number] for number in order]
        write_table(tmp_path / "a", reporting.collect(parts, selections), RUNS, {})
        write_table(tmp_path / "b", reporting.collect(shuffled, selections[::-1]), RUNS, {})
        assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()

    def test_it_can_be_written_and_read(
        self, parts: list[pd.DataFrame], selections: list[Any], tmp_path: Path
    ) -> None:
        runs = reporting.collect(parts, selections)
        write_table(tmp_path / "runs.parquet", runs, RUNS, {})
        pd.testing.assert_frame_equal(
            read_table(tmp_path / "runs.parquet", RUNS)[0], runs, check_dtype=False
        )
