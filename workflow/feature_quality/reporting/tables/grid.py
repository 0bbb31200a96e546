"""The whole sweep: what every setting of every method came to, whether it was selected or not."""

from collections.abc import Sequence
from typing import Any

import pandas as pd

from feature_quality.artifacts.prepared import Description
from feature_quality.formatting import format_number
from feature_quality.methods import METHODS
from feature_quality.reporting.metrics import count_diverged, finished, summarise
from feature_quality.reporting.tables.rendering import (
    Part,
    RenderedTable,
    TableDataset,
    render,
    spread,
)

DATASETS = "all"
CAPTION = (
    "The whole sweep: validation, test and probing errors of every method at every learning rate "
    "and ρ; an arrow marks what validation data chose."
)
PROTOCOL = (
    "Mean ± sample standard deviation over the seeds that finished; errors are fractions. "
    "Settings marked → were selected, on validation data; the others show what choosing "
    "otherwise would have given.",
)
COLUMNS = [
    *("dataset", "method", "lr", "rho", "split", "metric", "mean", "std", "n_seeds"),
    *("diverged", "selected", "demonstration"),
]
# A setting's rows; by method in the order of METHODS.
SETTING = ["method", "rho", "lr"]


def make(runs: pd.DataFrame, datasets: Sequence[TableDataset]) -> RenderedTable:
    """Return the table of the sweep from the rows of ``runs.parquet``."""
    descriptions = [each.description for each in datasets]
    table = tidy(runs, descriptions)
    parts = []
    for each in descriptions:
        target = f": target {each.target}" if each.target else ""
        cells = readable(table[table["dataset"] == each.dataset], each)
        parts.append(Part(f"{each.title}{target}", f"grid-{each.dataset}", cells))
    return render(table, "The sweep: every learning rate with every ρ", parts, PROTOCOL)


def tidy(runs: pd.DataFrame, descriptions: Sequence[Description]) -> pd.DataFrame:
    """Return mean and deviation over seeds of every metric at every setting (``COLUMNS``).

    The mean of ``diverged`` is the share of runs that did; the other metrics leave those out.
    """
    table = []
    demonstration = {each.dataset: each.demonstration for each in descriptions}
    for (dataset, method, rho, lr), setting in _settings(runs, ["dataset", *SETTING]):
        measured = finished(setting)
        for (split, metric), rows in setting.groupby(["split", "metric"]):
            counted = (
                rows if metric == "diverged" else measured.loc[measured.index.isin(rows.index)]
            )
            table.append(
                {
                    "dataset": dataset,
                    "method": method,
                    "lr": lr,
                    "rho": rho,
                    "split": split,
                    "metric": metric,
                    **summarise(counted["value"]),
                    "diverged": count_diverged(setting),
                    "selected": bool(setting["selected"].any()),
                    "demonstration": demonstration[str(dataset)],
                }
            )
    return pd.DataFrame(table, columns=COLUMNS)


def readable(part: pd.DataFrame, description: Description) -> pd.DataFrame:
    """Return one dataset's part with a row per setting, the selected ones marked, as text."""
    weighted = description.group_weights is not None
    headings = {
        ("val", "error"): "Validation error",
        ("val", "loss"): "Validation loss",
        ("test", "error"): "Test error" + (", training domains" if description.target else ""),
        **(
            {
                ("test", "balanced_error"): "Balanced test error",
                ("test", "worst_group_error"): "Worst group error",
            }
            if weighted
            else {}
        ),
        **{
            ("probe_test", f"{feature}_probe_error"): f"Probe: {feature}"
            for feature in description.probed
        },
    }
    rows = []
    for (method, rho, lr), metrics in _settings(part, SETTING):
        runs = metrics[metrics["metric"] == "diverged"].iloc[0]
        row = {
            "": "→" if runs["selected"] else "",
            "Method": METHODS[method].label,
            "ρ": format_number(rho),
            "lr": format_number(lr),
        }
        cells = {
            (metric["split"], metric["metric"]): spread(metric) for _, metric in metrics.iterrows()
        }
        row |= {heading: cells.get(key, "–") for key, heading in headings.items()}
        seeds = str(runs["n_seeds"] - runs["diverged"])
        rows.append(row | {"Seeds": seeds, "Diverged": str(runs["diverged"])})
    return pd.DataFrame(rows)


def _settings(rows: pd.DataFrame, names: list[str]) -> Any:
    """Group rows by setting."""
    method = pd.Categorical(rows["method"], list(METHODS))
    return rows.assign(method=method).groupby(names, observed=True)
