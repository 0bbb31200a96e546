from dataclasses import asdict, replace

import numpy as np
import pandas as pd
import pytest

from feature_quality.artifacts.parquet import read_table, write_table
from feature_quality.artifacts.toy import CONTOURS, EPOCHS, POINTS, TOY_RUNS
from feature_quality.toy.distribution import draw_points
from feature_quality.toy.engine import Trained, train
from feature_quality.toy.measures import errors, importance_weights, ratios
from feature_quality.toy.tables import (
    SIDE,
    contour_table,
    epoch_table,
    point_table,
    run_table,
)

LR = 0.05
MEASURES = [name for name in TOY_RUNS.names if name.endswith(("error", "scaling", "nonpositive"))]
MEASURES += [name for name in TOY_RUNS.names if "_ratio_" in name]


@pytest.fixture(scope="module")
def few(distribution):
    return replace(distribution, train_points=20, test_points=50)


@pytest.fixture(scope="module")
def runs(run):
    return [
        run(seed=3, steps=8),
        run(seed=1, steps=8, rho=0.5, noise="label", level=0.1, noisy="hard", complexity=180.0),
        run(seed=2, steps=8, intervention="both", kappa="tracking", alpha=2.0, budget="epochs"),
    ]


@pytest.fixture(scope="module")
def trained(runs, few) -> list[Trained]:
    return [train(run, few, LR) for run in runs]


def assert_round_trip(table: pd.DataFrame, schema, path) -> None:
    """Assert that the columns are the schema's and that the file holds the same values."""
    assert sorted(table.columns) == sorted(schema.names)
    write_table(path, table, schema, {"lr": LR})
    again, metadata = read_table(path, schema)
    assert metadata == {"lr": LR}
    pd.testing.assert_frame_equal(again, table[schema.names], check_dtype=False, check_exact=True)


# Runs


def test_the_run_table_holds_what_every_run_was_and_its_own_measures(runs, trained, few, tmp_path):
    table = run_table(runs, trained, few)
    assert_round_trip(table, TOY_RUNS, tmp_path / "runs.parquet")
    assert table["diverged_step"].isna().all()
    assert not table[MEASURES].isna().any(axis=None)
    for run, each, row in zip(runs, trained, table.to_dict("records"), strict=True):
        for name, value in asdict(run).items():
            assert row[name] == value or (value is None and pd.isna(row[name])), name
        fitted = errors(each.network, draw_points(run, few, "train"))
        fresh = errors(each.network, draw_points(run, few, "test"))
        expected = {"train_error": fitted["label"], "test_error": fresh["label"]}
        expected |= {f"{name}_error": fresh[name] for name in ("easy", "hard")}
        expected |= ratios(each.real, each.phantom)
        assert {name: row[name] for name in expected} == expected
        assert expected.keys() == set(MEASURES)
    assert len(table["test_error"].unique()) > 1


def test_a_table_of_plain_runs_fits_too(run, few, tmp_path):
    plain = [run(seed=seed, steps=4) for seed in (0, 1)]
    table = run_table(plain, [train(each, few, LR) for each in plain], few)
    assert_round_trip(table, TOY_RUNS, tmp_path / "runs.parquet")


@pytest.mark.parametrize("change", [{"rho": 1e30}, {"noise": "gaussian", "level": 1e30}])
def test_a_run_that_diverges_has_its_step_and_no_measures(change, run, few, tmp_path):
    runs = [run(steps=8), run(steps=8, **change), run(steps=8, rho=0.5)]
    trained = [train(each, few, LR) for each in runs]
    table = run_table(runs, trained, few)
    finite = np.isfinite(np.concatenate([trained[1].real, trained[1].phantom], axis=1)).all(1)
    first = finite.tolist().index(False) + 1
    assert 1 <= first < 8
    assert table["diverged_step"].tolist() == [pd.NA, first, pd.NA]
    assert table.loc[1, MEASURES].isna().all()
    assert not table.loc[[0, 2], MEASURES].isna().any(axis=None)
    assert_round_trip(table, TOY_RUNS, tmp_path / "runs.parquet")


def test_a_learning_rate_that_is_too_large_ends_every_run(run, few, tmp_path):
    runs = [run(steps=8), run(seed=1, steps=8, rho=0.5)]
    table = run_table(runs, [train(each, few, 1e30) for each in runs], few)
    assert table["diverged_step"].between(2, 4).all()
    assert table[MEASURES].isna().all(axis=None)
    assert_round_trip(table, TOY_RUNS, tmp_path / "runs.parquet")


# Epochs


def test_epoch_means_by_hand(run):
    real = np.array([[1, 2], [1, 2], [2, 2], [2, 2], [4, 8.0]])
    phantom = np.array([[2, 2], [4, 4], [2, -2], [0, 2], [1, 4.0]])
    table = epoch_table(run(seed=7, rho=0.5), Trained(None, real, phantom), 2)
    assert table[EPOCHS.names].to_numpy().tolist() == [
        [7, 0.5, 1, 3, 1.5],
        [7, 0.5, 2, 0.5, 0],
        [7, 0.5, 3, 0.25, 0.5],
    ]


def test_the_epoch_table_fits_its_schema_and_averages_to_the_run_table(
    runs, trained, few, tmp_path
):
    tables = [epoch_table(run, each, 4) for run, each in zip(runs, trained, strict=True)]
    table = pd.concat(tables, ignore_index=True)
    assert_round_trip(table, EPOCHS, tmp_path / "epochs.parquet")
    assert len(table) == 2 * len(runs)
    whole = run_table(runs, trained, few).set_index("seed")
    means = table.groupby("seed")[["easy_scaling", "hard_scaling"]].mean()
    assert not np.allclose(means, 1)
    for seed, row in means.iterrows():
        expected = whole.loc[seed, ["easy_scaling", "hard_scaling"]]
        np.testing.assert_allclose(row, expected.astype(float), rtol=1e-12)


# Points


def test_the_rows_of_the_point_table_are_their_runs_and_points(runs, trained, few, tmp_path):
    for run, each in zip(runs, trained, strict=True):
        points, network = draw_points(run, few, "train"), each.network
        rows = point_table(run, network, points, 2, 0.7)
        assert_round_trip(rows, POINTS, tmp_path / "points.parquet")
        for name, value in (("seed", run.seed), ("rho", run.rho), ("epoch", 2)):
            assert (rows[name] == value).all()
        assert rows["point"].tolist() == list(range(20))
        np.testing.assert_array_equal(rows["label"], points.y)
        for feature, x in zip(("easy", "hard"), points.x, strict=True):
            np.testing.assert_array_equal(rows[[f"{feature}_x1", f"{feature}_x2"]], x)
        phi, w = network.forward(points.x), network.last
        contributions = rows[["easy_contribution", "hard_contribution"]].to_numpy().T
        np.testing.assert_allclose(contributions, points.y * w[:, None] * phi, rtol=1e-5)
        margins = contributions.sum(0)
        np.testing.assert_allclose(rows["weight"], 1 / (1 + np.exp(margins)), rtol=1e-12)
        measured = importance_weights(network, points, run, 0.7)
        np.testing.assert_array_equal(rows["phantom_weight"], measured["phantom_weight"])
        assert not np.allclose(rows["phantom_weight"], rows["weight"], rtol=1e-3)


# Contours


def test_the_contour_table_holds_both_planes(run, few, linear, tmp_path):
    table = contour_table(run(seed=5, rho=0.5), linear([3, 4], [9, 9]), few)
    assert_round_trip(table, CONTOURS, tmp_path / "contours.parquet")
    assert len(table) == 2 * SIDE**2
    assert (table[["seed", "rho"]] == [5, 0.5]).all(axis=None)
    slopes = {"easy": 3, "hard": 4}
    for feature, rows in table.groupby("feature"):
        assert len(rows) == len(rows[["x1", "x2"]].drop_duplicates()) == SIDE**2
        # Without w.
        np.testing.assert_allclose(rows["value"], slopes.pop(feature) * rows["x1"], rtol=1e-6)
        reach = 1.15 * (1 if feature == "easy" else 3)
        for axis in ("x1", "x2"):
            assert rows[axis].max() == -rows[axis].min() == pytest.approx(reach)
    assert not slopes
