"""The three tables of plain columns: histories, probes and runs."""

import re

import pandas as pd
import pytest

from feature_quality.artifacts.features import PROBES
from feature_quality.artifacts.history import HISTORY
from feature_quality.artifacts.parquet import read_table, write_table
from feature_quality.artifacts.runs import RUNS
from feature_quality.errors import InputError

EPOCHS = [
    {
        "epoch": 1,
        "lr": 0.05,
        "train_loss": 0.7,
        "train_error": 0.5,
        "val_loss": 0.6,
        "val_error": 0.4,
    },
    {
        "epoch": 2,
        "lr": 0.0,
        "train_loss": 1e-9,
        "train_error": 0.0,
        "val_loss": 0.1,
        "val_error": 0.1 + 0.2,
    },
]
DRAWS = [
    {
        "feature": "cifar",
        "draw": 0,
        "error": 1 / 3,
        "C": 1e-4,
        "n_train": 1000,
        "n_test": 1960,
        "converged": True,
    },
    {
        "feature": "mnist",
        "draw": 4,
        "error": 0.0,
        "C": 1.0,
        "n_train": 1000,
        "n_test": 1960,
        "converged": False,
    },
]
METRICS = [
    {
        "dataset": "a",
        "lr": 0.1,
        "rho": 0.0,
        "seed": 3,
        "split": "test",
        "metric": "error",
        "value": 1 / 3,
        "selected": True,
    },
    {
        "dataset": "a",
        "lr": 0.1,
        "rho": 0.2,
        "seed": 0,
        "split": "val",
        "metric": "loss",
        "value": 1e-300,
        "selected": False,
    },
]
TABLES = {
    "history": (write_history, read_history, HISTORY, EPOCHS),
    "probes": (write_probes, read_probes, PROBES, DRAWS),
}


@pytest.mark.parametrize(("write", "read", "schema", "rows"), TABLES.values(), ids=TABLES)
def test_reads_the_rows_and_the_run_they_belong_to(tmp_path, write, read, schema, rows):
    run = {"dataset": "cifar_mnist", "lr": 0.1, "diverged": None}
    for name in ("a", "b"):
        # A row's own order of names does not matter.
        write(tmp_path / name, [dict(reversed(row.items())) for row in rows], run)
    table, metadata = read(tmp_path / "a")
    assert table.to_dict("records") == rows
    assert table.columns.tolist() == schema.names
    assert metadata == run
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_a_loss_that_is_not_finite_stays_what_it_is(tmp_path):
    row = {**EPOCHS[0], "train_loss": float("inf"), "val_loss": float("nan")}
    write_table(tmp_path / "h", [row], HISTORY, {})
    table, _ = read_table(tmp_path / "h", HISTORY)
    assert table["train_loss"].tolist() == [float("inf")]
    assert str(table["val_loss"][0]) == "nan"


def test_a_run_that_ends_before_its_first_epoch_has_an_empty_history(tmp_path):
    write_table(tmp_path / "h", [], HISTORY, {"diverged": [1, 0]})
    table, metadata = read_table(tmp_path / "h", HISTORY)
    assert table.columns.tolist() == HISTORY.names
    assert len(table) == 0
    assert metadata == {"diverged": [1, 0]}


def test_runs_come_back_without_an_index(tmp_path):
    runs = pd.DataFrame(METRICS, index=[7, 5])
    write_table(tmp_path / "runs", runs[sorted(runs.columns)], RUNS, {})
    read = read_table(tmp_path / "runs", RUNS)[0]
    assert read.columns.tolist() == RUNS.names
    assert read.index.tolist() == [0, 1]
    assert read.to_dict("records") == METRICS


def test_refuses_runs_that_lack_a_column(tmp_path):
    with pytest.raises(KeyError, match="selected"):
        write_table(tmp_path / "runs", pd.DataFrame(METRICS).drop(columns="selected"), RUNS, {})
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("read", [read_history, read_probes, read_runs])
def test_refuses_another_table_by_its_columns(tmp_path, read):
    path = tmp_path / "mine"
    if read is read_history:
        write_table(path, DRAWS, PROBES, {})
        found, expected = "feature: string, draw: int32", "epoch: int32, lr: double"
    else:
        write_table(path, EPOCHS, HISTORY, {})
        found = "epoch: int32, lr: double"
        expected = "feature: string" if read is read_probes else "dataset: string, lr: double"
    message = f"{re.escape(str(path))}: its columns are \\({found}.*expected \\({expected}"
    with pytest.raises(InputError, match=message):
        read(path)
