from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from feature_quality.artifacts.features import IMPORTANCE
from feature_quality.artifacts.parquet import read_table, write_table
from feature_quality.artifacts.runs import BOOTSTRAP, RUNS

# Not its names: pytest would take ``test_rows`` for a test.
from feature_quality.reporting import collect as reporting

KEY = {"dataset": "toy", "method": "sam", "lr": 0.05, "rho": 0.1, "seed": 2}
RUN = KEY | {"diverged": None, "code": "abc"}


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


def test_training_rows_are_those_of_the_last_epoch_and_say_whether_the_run_diverged() -> None:
    rows = reporting.training_rows(HISTORY, RUN)
    last = {("train", "loss"): 0.1, ("train", "error"): 0.2}
    last |= {("val", "loss"): 0.3, ("val", "error"): 0.4}
    assert values(rows) == last | {("train", "diverged"): 0}
    assert rows[[*KEY]].drop_duplicates().to_dict("records") == [KEY]
    # The epoch in which a run diverged has no numbers.
    lost = pd.DataFrame({"epoch": [3], "lr": [0.1]})
    later = reporting.training_rows(pd.concat([HISTORY, lost]), RUN | {"diverged": [3, 1]})
    assert values(later) == last | {("train", "diverged"): 1}
    first = reporting.training_rows(pd.concat([HISTORY, lost]).iloc[2:], RUN | {"diverged": [1, 3]})
    assert values(first) == {("train", "diverged"): 1}


@pytest.mark.parametrize(
    ("group_weights", "error"),
    [
        # Every example counts once; every group as often as in training.
        (None, 2 / 5),
        ((0.5, 0.0, 0.2, 0.3), 0.5 * 1 / 3 + 0.3 * 1),
    ],
)
def test_the_test_error_is_weighted_as_the_dataset_says(
    description_of, group_weights, error
) -> None:
    examples = pd.DataFrame({"label": [0, 0, 0, 1, 1], "group": [0, 0, 0, 2, 3]})
    logits = np.array([[2, 1], [0, 1], [5, -5], [2, 3], [1, 0]], np.float32)
    description = description_of(group_weights=group_weights)
    assert values(reporting.test_rows(examples, logits, RUN, description)) == {
        ("test", "error"): pytest.approx(error),
        ("test", "balanced_error"): pytest.approx((1 / 3 + 0 + 1) / 3),
        ("test", "worst_group_error"): 1,
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


def test_bootstrap_samples_are_shared_by_the_runs_of_a_test_set(description_of) -> None:
    toy = description_of()
    groups = np.array([0, 0, 1, 1, 1])
    wrong = {"shape": [[0, 2], [0]], "colour": [[], [4]]}
    rows = [
        {"feature": feature, "draw": draw, "wrong": np.array(places, np.int32)}
        for feature, draws in wrong.items()
        for draw, places in enumerate(draws)
    ]
    runs = [(pd.DataFrame(rows), RUN | {"seed": seed}) for seed in (0, 1)]
    # A run that diverged has no probes.
    runs.append((pd.DataFrame(columns=["feature", "draw", "wrong"]), RUN | {"seed": 2}))
    table = reporting.bootstrap(runs, groups, toy, "split=published")
    assert list(table) == BOOTSTRAP.names
    assert table[["seed", "feature"]].to_numpy().tolist() == [
        *([0, "colour"], [0, "shape"], [1, "colour"], [1, "shape"])
    ]
    colour, shape, *others = (np.array(errors) for errors in table["errors"])
    assert [each.tolist() for each in others] == [colour.tolist(), shape.tolist()]
    # Groups' errors of 1/2 and 1/6, and of 0 and 1/6.
    assert shape.mean() == pytest.approx(1 / 3, abs=0.03)
    assert colour.mean() == pytest.approx(1 / 12, abs=0.02)
    assert set(np.unique(colour * 12)) <= {*map(float, range(5))}
    again = reporting.bootstrap(runs[1:2], groups, toy, "split=published")
    assert again["errors"][1].tolist() == shape.tolist()
    other = reporting.bootstrap(runs[:1], groups, toy, "split=1")
    assert other["errors"][1].tolist() != shape.tolist()
    spread = values(reporting.standard_errors(again))
    assert spread["probe_test", "shape_probe_error_se"] == pytest.approx(shape.std(ddof=1))
    assert reporting.bootstrap(runs[2:], groups, toy, "split=1").empty
    # On a target domain all examples count alike: 3/2 of 5 are wrong.
    of_target = reporting.bootstrap(runs[:1], groups, description_of(target="A"), "split=1")
    assert np.mean(of_target["errors"][1]) == pytest.approx(3 / 10, abs=0.02)


class TestCollect:
    METHODS = (("sgd", 0.0), ("sam", 0.05), ("lsam", 0.05))

    @pytest.fixture
    def parts(self, rows_of) -> list[pd.DataFrame]:
        return [
            rows_of(method, lr, rho, seed, test=lr + seed, dataset=dataset)
            for dataset in ("toy", "other")
            for lr in (0.1, 0.2)
            for method, rho in self.METHODS
            for seed in (0, 1)
        ]

    @pytest.fixture
    def selections(self, selection_of) -> list[Any]:
        chosen = [("sgd", 0.1, 0.0), ("sam", 0.2, 0.05), ("lsam", 0.1, 0.05)]
        return [
            selection_of(*chosen, at_sgd=[("sam", 0.1, 0.05)]),
            selection_of(("sam", 0.1, 0.05), dataset="other"),
        ]

    def test_every_row_is_kept(self, parts, selections) -> None:
        runs = reporting.collect(parts, selections)
        key = [*KEY, "split", "metric"]
        before = pd.concat(parts).set_index(key)["value"]
        pd.testing.assert_series_equal(runs.set_index(key)["value"], before, check_like=True)

    def test_selected_is_every_row_of_the_setting_chosen_for_its_method_and_no_other(
        self, parts, selections
    ) -> None:
        runs = reporting.collect(parts, selections)
        setting = ["dataset", "method", "lr", "rho"]
        marks = runs.groupby(setting)["selected"].agg(["all", "any"])
        assert (marks["all"] == marks["any"]).all()
        assert set(marks.index[marks["all"]]) == {
            ("toy", "sgd", 0.1, 0.0),
            ("toy", "sam", 0.2, 0.05),
            ("toy", "lsam", 0.1, 0.05),
            ("other", "sam", 0.1, 0.05),
        }

    def test_the_order_of_the_parts_does_not_matter_to_what_is_written(
        self, parts, selections, tmp_path: Path
    ) -> None:
        runs = reporting.collect(parts, selections)
        shuffled = [parts[number] for number in np.random.default_rng(0).permutation(len(parts))]
        write_table(tmp_path / "a", runs, RUNS, {})
        write_table(tmp_path / "b", reporting.collect(shuffled, selections[::-1]), RUNS, {})
        assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
        read, _ = read_table(tmp_path / "a", RUNS)
        pd.testing.assert_frame_equal(read, runs, check_dtype=False)


def test_origins_have_the_runs_that_were_made_the_same_way() -> None:
    same = [RUN, RUN | {"method": "sgd", "rho": 0.0}, RUN | {"seed": 3, "diverged": [1, 2]}]
    other = RUN | {"code": "def"}
    first, second = reporting.origins([*same, other])
    assert (first["code"], second["code"]) == ("abc", "def")
    assert [each["method"] for each in first["runs"]] == ["sam", "sgd", "sam"]
    assert first["runs"][2] == {
        "method": "sam",
        "lr": 0.05,
        "rho": 0.1,
        "seed": 3,
        "diverged": [1, 2],
    }
    assert len(second["runs"]) == 1


class TestImportance:
    @staticmethod
    def run(method: str, lr: float, rho: float, seed: int, diverged: Any = None) -> Any:
        points = pd.DataFrame(
            {
                "epoch": [1, 6],
                "id": ["x", "y"],
                "label": [0, 1],
                "group": [0, 3],
                "contribution_a": [rho + seed, 2.0],
                "contribution_b": [-rho - seed, 4.0],
                "weight": [0.5, 0.25],
                "phantom_weight": [0.75, 0.125],
                "random_weight": [0.5, 0.375],
            }
        )
        run = {"method": method, "lr": lr, "rho": rho, "seed": seed, "diverged": diverged}
        return points, run | {"compared": "lsam", "phantom_rho": 0.1}

    @pytest.fixture
    def runs(self) -> list[Any]:
        lost = self.run("sgd", 0.1, 0.0, 1, [2, 1])
        return [self.run("sgd", 0.1, 0.0, 0), lost, self.run("lsam", 0.2, 0.1, 0)]

    @pytest.mark.parametrize("first_is_easy", [True, False])
    def test_easy_is_told_from_hard_and_what_diverged_is_left_out(self, runs, first_is_easy):
        table = reporting.join_importance(runs, first_is_easy=first_is_easy)
        assert list(table) == IMPORTANCE.names
        first, second = [0.0, 2.0, 0.1, 2.0], [-0.0, 4, -0.1, 4]
        easy, hard = (first, second) if first_is_easy else (second, first)
        assert table.to_dict("list") == {
            "seed": [0] * 4,
            "rho": [0.0, 0.0, 0.1, 0.1],
            "epoch": [1, 6, 1, 6],
            "easy_contribution": easy,
            "hard_contribution": hard,
            "weight": [0.5, 0.25] * 2,
            "phantom_weight": [0.75, 0.125] * 2,
            "random_weight": [0.5, 0.375] * 2,
        }
        nothing = reporting.join_importance(runs[1:2], first_is_easy=first_is_easy)
        assert list(nothing) == IMPORTANCE.names
        assert nothing.empty

    @pytest.mark.parametrize(("second", "told"), [(0.9, True), (0.3, False)])
    def test_the_description_names_data_features_and_runs(
        self, runs, description_of, rows_of, second, told
    ) -> None:
        description = description_of("shapes", demonstration=True)
        descriptions = [about for _, about in runs]
        sgd = [
            rows_of("sgd", 0.1, 0.0, 0, shape=0.5, colour=0.2),
            rows_of("sgd", 0.1, 0.0, 1, shape=0.5, colour=0.2),
            rows_of("sgd", 0.1, 0.0, 2, shape=1.2 * second, colour=second),
            rows_of("sgd", 0.1, 0.0, 3, shape=0.0, colour=1.0, diverged=True),
        ]
        about = reporting.describe_importance(description, pd.concat(sgd), descriptions)
        assert about == {
            "dataset": "shapes",
            "title": "Shapes in colours",
            "demonstration": True,
            "custom": False,
            "easy": "colour",
            "hard": "shape",
            "told_apart": told,
            "compared": "lsam",
            "phantom_rho": 0.1,
            "runs": [
                {"method": "sgd", "lr": 0.1, "rho": 0.0, "seed": 0},
                {"method": "sgd", "lr": 0.1, "rho": 0.0, "seed": 1},
                {"method": "lsam", "lr": 0.2, "rho": 0.1, "seed": 0},
            ],
        }
