"""What the documentation says was measured comes from the runs beside it."""

import json
import re
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

ROOT = Path(__file__).parents[1]
MEASURED = ROOT / "docs" / "measured"
RUNS = pd.read_csv(MEASURED / "runs.csv")
SELECTIONS = sorted(MEASURED.glob("selection_*.json"))


def table_rows(page: Path) -> list[str]:
    """The rows of a page's tables of methods, without quotation marks."""
    return re.findall(r"^(?:> )?(\| (?:SGD|SAM).*\|)$", page.read_text(), re.MULTILINE)


@pytest.mark.parametrize("path", SELECTIONS, ids=lambda path: path.stem)
def test_the_selection_is_the_least_validation_error(path: Path) -> None:
    selection: dict[str, Any] = json.loads(path.read_text())
    rows = RUNS[(RUNS["dataset"] == selection["dataset"]) & (RUNS["split"] == "val")]
    means = rows.pivot_table(index=["rho", "lr"], columns="metric", values="value").round(12)
    ranked = means.reset_index().sort_values(["error", "loss", "rho", "lr"])
    sgd, sam = ranked[ranked["rho"] == 0], ranked[ranked["rho"] > 0]
    for method, candidates in (("SGD", sgd), ("SAM", sam)):
        choice = selection["choices"][method]
        assert (choice["rho"], choice["lr"]) == tuple(candidates[["rho", "lr"]].iloc[0])
        assert choice["candidates"] == len(candidates)


def test_table_1_is_the_mean_of_its_runs() -> None:
    table = pd.read_csv(MEASURED / "table1.csv")
    assert set(table["dataset"]) == {path.stem.removeprefix("selection_") for path in SELECTIONS}
    for row in table.to_dict("records"):
        metric = "error" if row["metric"] == "test_error" else f"{row['feature']}_probe_error"
        split = "test" if row["metric"] == "test_error" else "probe_test"
        wanted = {key: row[key] for key in ("dataset", "lr", "rho")}
        wanted |= {"metric": metric, "split": split}
        values = RUNS.loc[(RUNS[list(wanted)] == pd.Series(wanted)).all(axis=1), "value"]
        assert row["n_seeds"] == len(values) == 4
        assert (row["mean"], row["std"]) == pytest.approx((values.mean(), values.std(ddof=1)))


def test_the_record_quotes_table_1() -> None:
    quoted = table_rows(MEASURED / "README.md")
    assert [row for row in table_rows(MEASURED / "table1.md") if row not in quoted] == []


def test_the_front_page_says_what_the_checks_of_the_record_gave() -> None:
    page = (ROOT / "README.md").read_text()
    claims = pd.read_csv(MEASURED / "claims.csv")
    claims = claims[(claims["data"] == "real data") & claims["effect"].notna()]
    for row in claims[claims["claim"] <= 2].to_dict("records"):
        effect, low, high = (
            f"{row[key]:+.4f}".replace("-0", "−").replace("+0", "+")
            for key in ("effect", "low", "high")
        )
        assert f"{effect} [{low}, {high}]" in page
    for claim in (5, 6):
        verdicts = claims.loc[claims["claim"] == claim, "verdict"]
        supported, contradicted = (
            (verdicts == each).sum() for each in ("supported", "contradicted")
        )
        line = re.search(rf"^\| {claim} \|.*$", page, re.MULTILINE)
        said = f"in {supported} of {len(verdicts)} checks, contradicted in {contradicted}"
        assert line
        assert said in line[0]


TOY = pd.read_csv(MEASURED / "toy" / "claims.csv")
# An effect and its interval: −.134 [−.166, −.101].
QUOTED = re.compile(r"([−+]?\d*\.\d+) \[([−+]?\d*\.\d+), ([−+]?\d*\.\d+)\]")


def quoted(text: str) -> list[tuple[float, ...]]:
    """The effects and intervals that a text quotes."""
    return [
        tuple(float(number.replace("−", "-")) for number in match) for match in QUOTED.findall(text)
    ]


def rounded(rows: pd.DataFrame) -> set[tuple[float, ...]]:
    """The effects and intervals of some checks, to the digits of the quotations."""
    return {
        tuple(round(float(row[key]), digits) for key in ("effect", "low", "high"))
        for row in rows.to_dict("records")
        for digits in (3, 4)
    }


def test_the_front_page_quotes_the_toys_checks() -> None:
    lines = re.findall(r"^\| (\d+) \|.*\|(.*)\|$", (ROOT / "README.md").read_text(), re.MULTILINE)
    found = {int(claim): quoted(toy) for claim, toy in lines}
    assert all(found[claim] for claim in (3, 4, 5, 7, 8, 9, 10))
    for claim, numbers in found.items():
        assert set(numbers) <= rounded(TOY[TOY["claim"] == claim]), claim


def test_the_page_of_the_toy_quotes_its_checks() -> None:
    page = (ROOT / "docs" / "toy.md").read_text()
    lines = re.findall(r"^\| ((?:(?:\d+[a-j]|9)(?:, )?)+) \|(.*)$", page, re.MULTILINE)
    checks = {check for first, _ in lines for check in first.split(", ")}
    assert checks == set(TOY["check"])
    for first, rest in lines:
        rows = TOY[TOY["check"].isin(first.split(", "))]
        assert set(quoted(rest)) <= rounded(rows), first
        counts = {
            name: (rows["adjusted_verdict"] == name).sum()
            for name in ("supported", "contradicted", "open")
        }
        said = f"{counts['supported']} / {counts['contradicted']} / {counts['open']}"
        assert f" {said} " in rest, (first, said)
