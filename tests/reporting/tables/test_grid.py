import io
import math

import pandas as pd
import pytest

from feature_quality.reporting.tables.grid import make, readable, tidy

SGD, SAM = ("sgd", 0.1, 0.0), ("sam", 0.02, 0.05)


@pytest.fixture
def runs(rows_of) -> pd.DataFrame:
    """Two settings were selected and probed, two were only trained; one of their seeds diverged."""
    return pd.concat(
        [
            rows_of(*SGD, 0, test=0.1, shape=0.2, colour=0.5, val=(0.0, 1.0), selected=True),
            rows_of(*SGD, 1, test=0.3, shape=0.4, colour=0.5, val=(0.1, 2.0), selected=True),
            rows_of("sgd", 0.02, 0.0, 0, val=(0.25, 0.5)),
            rows_of("sgd", 0.02, 0.0, 1, val=(0.99, 9.0), diverged=True),
            rows_of(*SAM, 0, test=0.7, shape=0.6, colour=0.8, val=(0.3, 4.0), selected=True),
            rows_of(*SAM, 1, val=(0.1, 4.0), selected=True, diverged=True),
            rows_of("sam", 0.1, 0.05, 0, val=(0.5, 0.5)),
            rows_of("sam", 0.1, 0.05, 1, val=(0.7, 0.5)),
        ],
        ignore_index=True,
    )


@pytest.fixture
def rows_for_readers(description_of):
    """Return the rows of one dataset as readers see them."""

    def read(runs: pd.DataFrame, **details) -> list[dict[str, str]]:
        description = description_of(**details)
        return readable(tidy(runs, [description]), description).to_dict("records")

    return read


def record(table: pd.DataFrame, setting, split: str, metric: str) -> dict:
    wanted = dict(zip(("method", "lr", "rho"), setting, strict=True))
    wanted |= {"split": split, "metric": metric}
    (row,) = [
        row for row in table.to_dict("records") if {name: row[name] for name in wanted} == wanted
    ]
    return row


def test_every_metric_of_every_setting_by_hand(runs, description_of) -> None:
    text = tidy(runs, [description_of()]).to_csv(index=False, lineterminator="\n")
    table = pd.read_csv(io.StringIO(text))
    assert list(table) == [
        *("dataset", "method", "lr", "rho", "split", "metric", "mean", "std", "n_seeds"),
        *("diverged", "selected", "demonstration"),
    ]
    settings = table[["method", "rho", "lr"]].drop_duplicates().to_numpy().tolist()
    assert settings == [["sgd", 0, 0.02], ["sgd", 0, 0.1], ["sam", 0.05, 0.02], ["sam", 0.05, 0.1]]
    share = record(table, ("sgd", 0.02, 0.0), "train", "diverged")
    assert (share["mean"], share["n_seeds"], share["diverged"]) == (0.5, 2, 1)
    assert record(table, ("sam", 0.1, 0.05), "train", "diverged")["mean"] == 0

    both = record(table, SGD, "test", "error")
    assert both["mean"] == pytest.approx(0.2)
    assert both["std"] == pytest.approx(math.sqrt(0.02))
    assert (both["n_seeds"], both["diverged"], both["selected"]) == (2, 0, True)
    assert record(table, SGD, "probe_test", "shape_probe_error")["mean"] == pytest.approx(0.3)

    alone = record(table, ("sgd", 0.02, 0.0), "val", "error")
    assert alone["mean"] == 0.25
    assert math.isnan(alone["std"])
    assert (alone["n_seeds"], alone["diverged"], alone["selected"]) == (1, 1, False)
    assert "test" not in set(table.loc[(table["lr"] == 0.02) & (table["rho"] == 0), "split"])


def test_readers_see_every_setting_the_selected_ones_marked_and_dashes_for_what_was_not_probed(
    runs, rows_for_readers
) -> None:
    rows = rows_for_readers(runs)
    dash = "–"
    columns = [
        *("", "Method", "ρ", "lr", "Validation error", "Validation loss", "Test error"),
        *("Probe: shape", "Probe: colour", "Seeds", "Diverged"),
    ]
    assert [list(row) for row in rows] == [columns] * 4
    assert [list(row.values()) for row in rows] == [
        ["", "SGD", "0", "0.02", "0.2500", "0.5000", dash, dash, dash, "1", "1"],
        [
            *("→", "SGD", "0", "0.1", "0.0500 ± 0.0707", "1.5000 ± 0.7071", "0.2000 ± 0.1414"),
            *("0.3000 ± 0.1414", "0.5000 ± 0.0000", "2", "0"),
        ],
        ["→", "SAM", "0.05", "0.02", "0.3000", "4.0000", "0.7000", "0.6000", "0.8000", "1", "1"],
        ["", "SAM", "0.05", "0.1", "0.6000 ± 0.1414", "0.5000 ± 0.0000", *[dash] * 3, "2", "0"],
    ]


def test_datasets_stand_apart(runs, rows_of, dataset_of, selection_of, markdown_tables) -> None:
    other = rows_of("sgd", 0.5, 0.0, 0, test=0.9, shape=0.1, colour=0.1, dataset="other")
    datasets = [
        dataset_of(selection_of(dataset="other"), title="Others", demonstration=True, target="A"),
        dataset_of(selection_of()),
    ]
    table = make(pd.concat([runs, other], ignore_index=True), datasets)
    rows = table.rows
    assert rows.loc[rows["dataset"] == "other", "demonstration"].all()
    assert not rows.loc[rows["dataset"] == "toy", "demonstration"].any()
    text = table.markdown
    assert 0 < text.index("## Others: target A") < text.index("## Shapes in colours")
    first, second = markdown_tables(text)
    tested = [(row["lr"], row["Test error, training domains"]) for row in first]
    assert tested == [("0.5", "0.9000")]
    # Of a target domain the first feature alone is probed.
    assert [name for name in first[0] if "Probe" in name] == ["Probe: shape"]
    assert len(second) == 4
    assert table.latex.count("$\\to$ & S") == 2
    assert "\\label{tab:grid-other}" in table.latex


def test_other_methods_at_the_same_setting_and_one_whose_seeds_all_diverged_have_their_rows(
    runs, rows_of, description_of, rows_for_readers
) -> None:
    more = [rows_of(method, 0.02, 0.05, 0, test=0.9) for method in ("asam", "lsam")]
    gone = [rows_of("sam", 0.1, 0.2, seed, test=0.9, diverged=True) for seed in (0, 1)]
    runs = pd.concat([*more, runs, *gone], ignore_index=True)
    rows = rows_for_readers(runs)
    assert [row["Method"] for row in rows] == [*["SGD"] * 2, *["SAM"] * 3, "LSAM", "ASAM"]
    assert [row["Test error"] for row in rows][-2:] == ["0.9000"] * 2
    assert list(rows[4].values()) == ["", "SAM", "0.2", "0.1", *["–"] * 5, "0", "2"]
    error = record(tidy(runs, [description_of()]), ("sam", 0.1, 0.2), "test", "error")
    assert math.isnan(error["mean"])
    assert (error["n_seeds"], error["diverged"]) == (0, 2)


@pytest.mark.parametrize("group_weights", [None, (0.7, 0.1, 0.1, 0.1)])
def test_the_balanced_error_stands_beside_a_weighted_one(
    rows_of, rows_for_readers, group_weights
) -> None:
    rows = rows_of(*SGD, 0, test=0.1)
    balanced = rows[rows["metric"] == "error"].assign(metric="balanced_error", value=0.375)
    rows = pd.concat([rows, balanced[balanced["split"] == "test"]], ignore_index=True)
    (row,) = rows_for_readers(rows, group_weights=group_weights)
    assert row.get("Balanced test error") == (None if group_weights is None else "0.3750")
