"""The importance weights that a dataset's figures show, of the selected runs of SGD and SAM."""

from collections.abc import Sequence
from typing import Any

import pandas as pd

from feature_quality.artifacts.features import IMPORTANCE
from feature_quality.artifacts.prepared import Description

Run = tuple[pd.DataFrame, dict[str, Any]]


def join(runs: Sequence[Run], first_is_easy: bool) -> pd.DataFrame:
    """Return the points of all runs that finished, the columns of ``IMPORTANCE``.

    Args:
        runs: the points of each run and its description.
        first_is_easy: whether feature A is the easy one.
    """
    easy, hard = ("a", "b") if first_is_easy else ("b", "a")
    names = {
        f"contribution_{easy}": "easy_contribution",
        f"contribution_{hard}": "hard_contribution",
    }
    tables = [
        table.rename(columns=names).assign(seed=run["seed"], rho=run["rho"])
        for table, run in runs
        if not run["diverged"]
    ]
    empty: pd.DataFrame = IMPORTANCE.empty_table().to_pandas()
    return pd.concat(tables, ignore_index=True)[list(empty)] if tables else empty


def describe(
    description: Description, easy: str, hard: str, runs: Sequence[dict[str, Any]]
) -> dict[str, Any]:
    """Return what a figure says of its points: what they are, and of which runs."""
    return {
        "dataset": description.dataset,
        "title": description.title,
        "demonstration": description.demonstration,
        "easy": easy,
        "hard": hard,
        "runs": [
            {name: run[name] for name in ("lr", "rho", "seed", "phantom_rho")} for run in runs
        ],
    }
