import io
from collections.abc import Callable
from typing import Any

import pandas as pd
import pytest

from feature_quality.reporting.table2 import PAPER, Transfer, divergences, table2

Rows = Callable[..., pd.DataFrame]
Selections = Callable[..., Any]
Transfers = Callable[..., Transfer]

SGD, SAM = (0.1, 0.0), (0.2, 0.05)


def read_back(table: pd.DataFrame) -> pd.DataFrame:
    """Read the CSV that the script writes, empty cells as empty strings."""
    text = table.to_csv(index=False, lineterminator="\n")
    return pd.read_csv(io.StringIO(text), dtype=str, keep_default_na=False)


@pytest.fixture
def runs_of(rows_of: Rows) -> Callable[..., pd.DataFrame]:
    """Make the runs of one setting from the class probe's error of each seed; None diverged."""

    def make(setting: tuple[float, float], *errors: float | None, target: str = "A"):
        return pd.concat(
            [
                rows_of(
                    *setting,
                    seed,
                    test=0.9,
                    shape=0.4 if error is None else error,
                    colour=0.7,
                    diverged=error is None,
                    dataset=f"pacs_{target}",
                )
                for seed, error in enumerate(errors)
            ],
            ignore_index=True,
        )

    return make


@pytest.fixture
def selections(selection_of: Selections) -> dict[str, Any]:
    return {
        f"pacs_{target}": selection_of(f"pacs_{target}", SGD=SGD, SAM=SAM, at_sgd=(0.1, 0.05))
        for target in "ACPS"
    }


def test_columns_are_exactly_these(
    runs_of: Rows, transfer_of: Transfers, selections: dict[str, Any]
) -> None:
    expected = [
        *("dataset", "target", "method", "mean", "std", "n_seeds", "lr", "rho", "paper"),
        *("difference", "low", "high", "backbone", "resolution", "demonstration"),
    ]
    runs = pd.concat([runs_of(SGD, 0.1), runs_of(SAM, 0.1)], ignore_index=True)
    assert list(read_back(table2(runs, [transfer_of("A")], selections))) == expected
    assert list(read_back(table2(runs, [], selections))) == expected


def test_numbers_by_hand(runs_of: Rows, transfer_of: Transfers, selections: dict[str, Any]) -> None:
    runs = pd.concat(
        [
            runs_of(SGD, 0.05, None, 0.07),
            runs_of(SAM, 0.06, 0.08, 0.1),
            # Settings and targets that are not asked for.
            runs_of((0.2, 0.0), 0.9, 0.9),
            runs_of((0.1, 0.05), 0.9, 0.9),
            runs_of(SGD, 0.9, 0.9, target="C"),
        ],
        ignore_index=True,
    )
    table = table2(runs, [transfer_of("A", backbone="cnn", resolution=64)], selections)
    same = {"dataset": "PACS", "target": "A", "backbone": "cnn", "resolution": 64}
    expected = [
        {
            "method": "SGD",
            "mean": 0.94,
            "std": 0.02 / 2**0.5,
            "n_seeds": 2,
            "lr": 0.1,
            "rho": 0.0,
            "paper": 0.91,
            "difference": 0.03,
            # The quantile 12.706 of one degree of freedom times 0.02 / √2 / √2.
            "low": 0.03 - 0.12706,
            "high": 0.03 + 0.12706,
        },
        {
            "method": "SAM",
            "mean": 0.92,
            "std": 0.02,
            "n_seeds": 3,
            "lr": 0.2,
            "rho": 0.05,
            "paper": 0.914,
            "difference": 0.006,
            # The quantile 4.303 of two degrees of freedom times 0.02 / √3.
            "low": 0.006 - 0.04969,
            "high": 0.006 + 0.04969,
        },
    ]
    for row, numbers in zip(table.to_dict("records"), expected, strict=True):
        assert row == pytest.approx(same | {"demonstration": False} | numbers, abs=1e-5)


def test_targets_keep_their_order_and_their_numbers(
    runs_of: Rows, transfer_of: Transfers, selections: dict[str, Any]
) -> None:
    runs = pd.concat(
        [
            runs_of(setting, error, target=target)
            for target, error in [("A", 0.1), ("S", 0.3)]
            for setting in (SGD, SAM)
        ],
        ignore_index=True,
    )
    table = table2(runs, [transfer_of("S"), transfer_of("A", resolution=64)], selections)
    assert table[["target", "method", "resolution"]].to_numpy().tolist() == [
        ["S", "SGD", 224],
        ["S", "SAM", 224],
        ["A", "SGD", 64],
        ["A", "SAM", 64],
    ]
    assert table["mean"].tolist() == pytest.approx([0.7, 0.7, 0.9, 0.9])
    assert table["paper"].tolist() == [0.893, 0.908, 0.91, 0.914]


def test_one_seed_has_no_deviation_and_no_interval(
    runs_of: Rows, transfer_of: Transfers, selections: dict[str, Any]
) -> None:
    runs = pd.concat([runs_of(SGD, 0.2), runs_of(SAM, None, 0.1)], ignore_index=True)
    table = read_back(table2(runs, [transfer_of("A")], selections))
    assert table["n_seeds"].tolist() == ["1", "1"]
    assert table["difference"].astype(float).tolist() == pytest.approx([-0.11, -0.014])
    for column in ("std", "low", "high"):
        assert table[column].tolist() == ["", ""]


@pytest.mark.parametrize(
    ("title", "target", "demonstration"),
    [
        ("Digits in four domains (demonstration)", "P", True),
        ("PACS (another copy)", "A", False),
        ("pacs", "A", False),
        # A letter of VLCS.
        ("PACS", "L", False),
    ],
)
def test_only_what_the_paper_published_is_compared(
    runs_of: Rows,
    transfer_of: Transfers,
    selection_of: Selections,
    title: str,
    target: str,
    *,
    demonstration: bool,
) -> None:
    runs = runs_of(SGD, 0.25, 0.75, target=target)
    transfer = transfer_of(target, title=title, demonstration=demonstration)
    selections = {f"pacs_{target}": selection_of(SGD=SGD)}
    (row,) = read_back(table2(runs, [transfer], selections)).to_dict("records")
    assert (row["mean"], row["n_seeds"]) == ("0.5", "2")
    assert row["demonstration"] == str(demonstration)
    assert [row[column] for column in ("paper", "difference", "low", "high")] == [""] * 4


@pytest.mark.parametrize(("method", "setting"), [("SGD", SGD), ("SAM", SAM)])
def test_a_method_without_a_finished_run_is_absent(
    runs_of: Rows,
    transfer_of: Transfers,
    selection_of: Selections,
    method: str,
    setting: tuple[float, float],
) -> None:
    runs = pd.concat([runs_of(SGD, 0.1), runs_of(SAM, 0.1)], ignore_index=True)
    selections = {"pacs_A": selection_of(**{method: setting})}
    table = table2(runs, [transfer_of("A")], selections)
    assert table["method"].tolist() == [method]
    assert table2(runs, [transfer_of("A")], {"pacs_A": selection_of()}).empty


def test_the_papers_numbers_are_those_of_appendix_f() -> None:
    published = {
        "OfficeHome": ("ACPR", ".687 .716 .853 .777", ".709 .745 .858 .784"),
        "PACS": ("ACPS", ".910 .897 .955 .893", ".914 .921 .964 .908"),
        "VLCS": ("CLSV", ".993 .736 .748 .812", ".996 .748 .776 .830"),
    }
    assert {
        title: {
            method: dict(zip(letters, map(float, row.split()), strict=True))
            for method, row in (("SGD", sgd), ("SAM", sam))
        }
        for title, (letters, sgd, sam) in published.items()
    } == PAPER


def test_runs_that_diverged_are_said(
    runs_of: Rows, transfer_of: Transfers, selections: dict[str, Any]
) -> None:
    runs = pd.concat(
        [runs_of(SGD, None, 0.1, None), runs_of(SAM, 0.2), runs_of(SGD, 0.2, target="C")],
        ignore_index=True,
    )
    said = divergences(runs, transfer_of("A"), selections)
    assert said == ["Left out: SGD on target A: 2 of 3 runs diverged."]
    assert divergences(runs, transfer_of("C"), selections) == []
    del selections["pacs_C"]["choices"]["SAM"]
    assert divergences(runs, transfer_of("C"), selections) == [
        "Left out: SAM on target C: every run diverged."
    ]
