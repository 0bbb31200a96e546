from dataclasses import asdict, replace

import numpy as np
import pandas as pd
import pytest

from feature_quality.artifacts.parquet import read_table, write_table
from feature_quality.artifacts.toy import CONTOURS, EPOCHS, POINTS, TOY_RUNS
from feature_quality.toy.distribution import test_points as fresh_points
from feature_quality.toy.distribution import train_points
from feature_quality.toy.engine import Stack, Trained, train, training_set
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
def trained(runs, few) -> Trained:
    return train(runs, few, LR)


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
    for i, (run, row) in enumerate(zip(runs, table.to_dict("records"), strict=True)):
        for name, value in asdict(run).items():
            assert row[name] == value or (value is None and pd.isna(row[name])), name
        network = trained.networks.chosen([i])
        fitted = errors(network, Stack.of([train_points(run, few)]))
        fresh = errors(network, Stack.of([fresh_points(run, few)]))
        expected = {"train_error": fitted["label"][0], "test_error": fresh["label"][0]}
        expected |= {f"{name}_error": fresh[name][0] for name in ("easy", "hard")}
        expected |= ratios(trained.real, trained.phantom)[i]
        assert {name: row[name] for name in expected} == expected
        assert expected.keys() == set(MEASURES)
    assert len(table["test_error"].unique()) > 1


def test_a_table_of_plain_runs_fits_too(run, few, tmp_path):
    plain = [run(seed=seed, steps=4) for seed in (0, 1)]
    table = run_table(plain, train(plain, few, LR), few)
    assert_round_trip(table, TOY_RUNS, tmp_path / "runs.parquet")


@pytest.mark.parametrize("change", [{"rho": 1e30}, {"noise": "gaussian", "level": 1e30}])
def test_a_run_that_diverges_has_its_step_and_no_measures_and_its_neighbour_all(
    change, run, few, tmp_path
):
    runs = [run(steps=8), run(steps=8, **change), run(steps=8, rho=0.5)]
    trained = train(runs, few, LR)
    table = run_table(runs, trained, few)
    finite = np.isfinite(np.concatenate([trained.real, trained.phantom], axis=2)[:, 1]).all(1)
    first = finite.tolist().index(False) + 1
    assert 1 <= first < 8
    assert table["diverged_step"].tolist() == [pd.NA, first, pd.NA]
    assert table.loc[1, MEASURES].isna().all()
    assert not table.loc[[0, 2], MEASURES].isna().any(axis=None)
    for i in (0, 2):
        alone = run_table([runs[i]], train([runs[i]], few, LR), few)
        assert alone.loc[0, MEASURES].tolist() == table.loc[i, MEASURES].tolist()
    assert_round_trip(table, TOY_RUNS, tmp_path / "runs.parquet")


def test_a_learning_rate_that_is_too_large_ends_every_run(run, few, tmp_path):
    runs = [run(steps=8), run(seed=1, steps=8, rho=0.5)]
    table = run_table(runs, train(runs, few, 1e30), few)
    assert table["diverged_step"].between(2, 4).all()
    assert table[MEASURES].isna().all(axis=None)
    assert_round_trip(table, TOY_RUNS, tmp_path / "runs.parquet")


# Epochs


def test_epoch_means_by_hand(run):
    real = np.array([[1, 2], [1, 2], [2, 2], [2, 2], [4, 8.0]])
    phantom = np.array([[2, 2], [4, 4], [2, -2], [0, 2], [1, 4.0]])
    scaled = Trained(
        networks=None,
        real=np.stack([real, real], axis=1),
        phantom=np.stack([phantom, real], axis=1),
    )
    table = epoch_table([run(seed=7, rho=0.5), run(seed=8)], scaled, 2)
    assert table.sort_values(["seed", "epoch"]).to_numpy().tolist() == [
        [7, 0.5, 1, 3, 1.5],
        [7, 0.5, 2, 0.5, 0],
        [7, 0.5, 3, 0.25, 0.5],
        [8, 0, 1, 1, 1],
        [8, 0, 2, 1, 1],
        [8, 0, 3, 1, 1],
    ]


def test_the_epoch_table_fits_its_schema_and_averages_to_the_run_table(
    runs, trained, few, tmp_path
):
    table = epoch_table(runs, trained, 4)
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
    training = training_set(runs, few)
    table = point_table(runs, trained.networks, training, 2, 0.7)
    assert_round_trip(table, POINTS, tmp_path / "points.parquet")
    assert len(table) == 20 * len(runs)
    assert (table["epoch"] == 2).all()
    for i, run in enumerate(runs):
        rows = table[table["seed"] == run.seed]
        points = train_points(run, few)
        stack = Stack.of([points])
        network = trained.networks.chosen([i])
        assert (rows["rho"] == run.rho).all()
        assert rows["point"].tolist() == list(range(20))
        np.testing.assert_array_equal(rows["label"], points.y)
        for feature, x in zip(("easy", "hard"), points.x, strict=True):
            np.testing.assert_array_equal(rows[[f"{feature}_x1", f"{feature}_x2"]], x)
        phi = network.forward(stack.x)[0]
        w = network.last[0]
        contributions = rows[["easy_contribution", "hard_contribution"]].to_numpy().T
        np.testing.assert_allclose(contributions, points.y * w[:, None] * phi, rtol=1e-5)
        margins = contributions.sum(0)
        np.testing.assert_allclose(rows["weight"], 1 / (1 + np.exp(margins)), rtol=1e-12)
        alone = importance_weights(network, stack, [run], 0.7)
        np.testing.assert_array_equal(rows["phantom_weight"], alone["phantom_weight"][0])
        assert not np.allclose(rows["phantom_weight"], rows["weight"], rtol=1e-3)


# Contours


def test_the_contour_table_holds_both_planes_of_every_run(run, few, linear, tmp_path):
    runs = [run(seed=4), run(seed=5, rho=0.5)]
    table = contour_table(runs, linear([[1, 2], [3, 4]], [[9, 9]] * 2), few)
    assert_round_trip(table, CONTOURS, tmp_path / "contours.parquet")
    assert len(table) == 2 * 2 * SIDE**2
    slopes = {(4, "easy"): 1, (4, "hard"): 2, (5, "easy"): 3, (5, "hard"): 4}
    for (seed, feature), rows in table.groupby(["seed", "feature"]):
        assert len(rows) == len(rows[["x1", "x2"]].drop_duplicates()) == SIDE**2
        assert (rows["rho"] == (0.5 if seed == 5 else 0)).all()
        np.testing.assert_allclose(
            rows["value"], slopes.pop((seed, feature)) * rows["x1"], rtol=1e-6
        )
        reach = 1.15 * (1 if feature == "easy" else 3)
        for axis in ("x1", "x2"):
            assert rows[axis].max() == -rows[axis].min() == pytest.approx(reach)
    assert not slopes
