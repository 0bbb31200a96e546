import io
import math
from collections.abc import Callable
from typing import Any

import pandas as pd
import pytest

from feature_quality.reporting.grid import grid, to_markdown
from feature_quality.reporting.table1 import Subject

Rows = Callable[..., pd.DataFrame]
Subjects = Callable[..., Subject]
Tables = Callable[[str], list[list[dict[str, str]]]]


@pytest.fixture
def runs(rows_of: Rows) -> pd.DataFrame:
    """Two settings were selected and probed, two were only trained; one of their seeds diverged."""
    return pd.concat(
        [
            rows_of(0.1, 0.0, 0, test=0.1, shape=0.2, colour=0.5, val=(0.0, 1.0), selected=True),
            rows_of(0.1, 0.0, 1, test=0.3, shape=0.4, colour=0.5, val=(0.1, 2.0), selected=True),
            rows_of(0.02, 0.0, 0, val=(0.25, 0.5)),
            rows_of(0.02, 0.0, 1, val=(0.99, 9.0), diverged=True),
            rows_of(0.02, 0.05, 0, test=0.7, shape=0.6, colour=0.8, val=(0.3, 4.0), selected=True),
            rows_of(0.02, 0.05, 1, val=(0.1, 4.0), selected=True, diverged=True),
            rows_of(0.1, 0.05, 0, val=(0.5, 0.5)),
            rows_of(0.1, 0.05, 1, val=(0.7, 0.5)),
        ],
        ignore_index=True,
    )


def record(table: pd.DataFrame, lr: float, rho: float, split: str, metric: str) -> dict[str, Any]:
    wanted = {"lr": lr, "rho": rho, "split": split, "metric": metric}
    (row,) = [
        row for row in table.to_dict("records") if {name: row[name] for name in wanted} == wanted
    ]
    return row


def test_every_metric_of_every_setting_by_hand(runs: pd.DataFrame, subject_of: Subjects) -> None:
    text = grid(runs, [subject_of().description]).to_csv(index=False, lineterminator="\n")
    table = pd.read_csv(io.StringIO(text))
    assert list(table) == [
        *("dataset", "lr", "rho", "split", "metric", "mean", "std", "n_seeds"),
        *("diverged", "selected", "demonstration"),
    ]
    settings = table[["rho", "lr"]].drop_duplicates().to_numpy().tolist()
    assert settings == [[0, 0.02], [0, 0.1], [0.05, 0.02], [0.05, 0.1]]
    share = record(table, 0.02, 0.0, "train", "diverged")
    assert (share["mean"], share["n_seeds"], share["diverged"]) == (0.5, 2, 1)
    assert record(table, 0.1, 0.05, "train", "diverged")["mean"] == 0

    both = record(table, 0.1, 0.0, "test", "error")
    assert both["mean"] == pytest.approx(0.2)
    assert both["std"] == pytest.approx(math.sqrt(0.02))
    assert (both["n_seeds"], both["diverged"], both["selected"]) == (2, 0, True)
    probed = record(table, 0.1, 0.0, "probe_test", "shape_probe_error")
    assert probed["mean"] == pytest.approx(0.3)

    alone = record(table, 0.02, 0.0, "val", "error")
    assert alone["mean"] == 0.25
    assert math.isnan(alone["std"])
    assert (alone["n_seeds"], alone["diverged"], alone["selected"]) == (1, 1, False)
    assert "test" not in set(table.loc[(table["lr"] == 0.02) & (table["rho"] == 0), "split"])


def test_markdown_has_every_setting_marks_the_selected_and_dashes_what_was_not_probed(
    runs: pd.DataFrame, subject_of: Subjects, markdown_tables: Tables
) -> None:
    descriptions = [subject_of().description]
    text = to_markdown(grid(runs, descriptions), descriptions)
    assert "## Shapes in colours\n" in text
    (rows,) = markdown_tables(text)
    dash = "–"
    columns = [
        *("", "ρ", "lr", "Validation error", "Validation loss", "Test error"),
        *("Probe: shape", "Probe: colour", "Seeds", "Diverged"),
    ]
    expected = [
        ["", "0", "0.02", "0.2500", "0.5000", dash, dash, dash, "1", "1"],
        [
            *("→", "0", "0.1", "0.0500 ± 0.0707", "1.5000 ± 0.7071", "0.2000 ± 0.1414"),
            *("0.3000 ± 0.1414", "0.5000 ± 0.0000", "2", "0"),
        ],
        ["→", "0.05", "0.02", "0.3000", "4.0000", "0.7000", "0.6000", "0.8000", "1", "1"],
        ["", "0.05", "0.1", "0.6000 ± 0.1414", "0.5000 ± 0.0000", dash, dash, dash, "2", "0"],
    ]
    assert [list(row) for row in rows] == [columns] * 4
    assert [list(row.values()) for row in rows] == expected


def test_numbers_in_markdown_are_those_of_the_csv(
    runs: pd.DataFrame, subject_of: Subjects, markdown_tables: Tables
) -> None:
    descriptions = [subject_of().description]
    table = grid(runs.assign(value=runs["value"] / 7), descriptions)
    (rows,) = markdown_tables(to_markdown(table, descriptions))
    headings = {
        "Validation error": ("val", "error"),
        "Validation loss": ("val", "loss"),
        "Test error": ("test", "error"),
        "Probe: shape": ("probe_test", "shape_probe_error"),
        "Probe: colour": ("probe_test", "colour_probe_error"),
    }
    compared = 0
    for row in rows:
        for heading, key in headings.items():
            if row[heading] != "–":
                found = record(table, float(row["lr"]), float(row["ρ"]), *key)
                mean, *std = map(float, row[heading].split(" ± "))
                assert mean == pytest.approx(found["mean"], abs=0.5001e-4)
                assert std == (
                    [] if pd.isna(found["std"]) else [pytest.approx(found["std"], abs=0.5001e-4)]
                )
                compared += 1
    assert compared == 5 + 5 + 2 + 2


def test_datasets_stand_apart(
    runs: pd.DataFrame, rows_of: Rows, subject_of: Subjects, markdown_tables: Tables
) -> None:
    descriptions = [
        subject_of("other", title="Others", demonstration=True).description,
        subject_of().description,
    ]
    other = rows_of(0.5, 0.0, 0, test=0.9, shape=0.1, colour=0.1, dataset="other")
    table = grid(pd.concat([runs, other], ignore_index=True), descriptions)
    assert table.loc[table["dataset"] == "other", "demonstration"].all()
    assert not table.loc[table["dataset"] == "toy", "demonstration"].any()
    text = to_markdown(table, descriptions)
    assert text.index("## Others") < text.index("## Shapes in colours")
    first, second = markdown_tables(text)
    assert [(row["lr"], row["Test error"]) for row in first] == [("0.5", "0.9000")]
    assert len(second) == 4


def test_a_setting_all_of_whose_seeds_diverged_is_shown(
    runs: pd.DataFrame, rows_of: Rows, subject_of: Subjects, markdown_tables: Tables
) -> None:
    descriptions = [subject_of().description]
    gone = [rows_of(0.1, 0.2, seed, test=0.9, val=(0.9, 0.9), diverged=True) for seed in range(2)]
    table = grid(pd.concat([runs, *gone], ignore_index=True), descriptions)
    (rows,) = markdown_tables(to_markdown(table, descriptions))
    dash = "–"
    assert list(rows[-1].values()) == ["", "0.2", "0.1", *[dash] * 5, "0", "2"]
    assert len(rows) == 5
    text = table.to_csv(index=False, lineterminator="\n")
    error = record(pd.read_csv(io.StringIO(text)), 0.1, 0.2, "test", "error")
    assert math.isnan(error["mean"])
    assert (error["n_seeds"], error["diverged"]) == (0, 2)


@pytest.mark.parametrize("group_weights", [None, (0.7, 0.1, 0.1, 0.1)])
def test_the_balanced_error_stands_beside_a_weighted_one(
    rows_of: Rows, subject_of: Subjects, markdown_tables: Tables, group_weights: Any
) -> None:
    rows = rows_of(0.1, 0.0, 0, test=0.1)
    balanced = rows[rows["metric"] == "error"].assign(metric="balanced_error", value=0.375)
    rows = pd.concat([rows, balanced[balanced["split"] == "test"]], ignore_index=True)
    descriptions = [subject_of(group_weights=group_weights).description]
    (table,) = markdown_tables(to_markdown(grid(rows, descriptions), descriptions))
    expected = None if group_weights is None else "0.3750"
    assert table[0].get("Balanced test error") == expected


def test_with_a_target_domain_only_the_first_feature_is_probed(
    rows_of: Rows, subject_of: Subjects, markdown_tables: Tables
) -> None:
    descriptions = [subject_of(target="A").description]
    table = grid(rows_of(0.1, 0.0, 0, shape=0.25), descriptions)
    ((row,),) = markdown_tables(to_markdown(table, descriptions))
    assert {key: value for key, value in row.items() if key.startswith("Probe")} == {
        "Probe: shape": "0.2500"
    }
