"""The whole sweep: what every (lr, rho) came to, whether it was selected or not."""

from collections.abc import Sequence

import pandas as pd

from feature_quality.artifacts.prepared import Description
from feature_quality.formatting import format_number
from feature_quality.reporting.rendering import spread
from feature_quality.reporting.table1 import count_diverged, finished, summarise

COLUMNS = [
    *("dataset", "lr", "rho", "split", "metric", "mean", "std", "n_seeds"),
    *("diverged", "selected", "demonstration"),
]


def grid(runs: pd.DataFrame, descriptions: Sequence[Description]) -> pd.DataFrame:
    """Return mean and deviation over seeds of every metric at every setting (``COLUMNS``).

    The mean of ``diverged`` is the share of runs that did; the other metrics leave those out.
    """
    table = []
    demonstration = {each.dataset: each.demonstration for each in descriptions}
    for (dataset, rho, lr), setting in runs.groupby(["dataset", "rho", "lr"]):
        measured = finished(setting)
        for (split, metric), rows in setting.groupby(["split", "metric"]):
            counted = (
                rows if metric == "diverged" else measured.loc[measured.index.isin(rows.index)]
            )
            table.append(
                {
                    "dataset": dataset,
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


def to_markdown(table: pd.DataFrame, descriptions: Sequence[Description]) -> str:
    """Return the sweep in Markdown: a row a setting, the selected ones marked."""
    parts = [
        "# The sweep: every learning rate with every ρ",
        "Mean ± sample standard deviation over the seeds that finished; errors are fractions. "
        "Settings marked → were selected, on validation data; the others show what choosing "
        "otherwise would have given.",
    ]
    for description in descriptions:
        part = table[table["dataset"] == description.dataset]
        weighted = description.group_weights is not None
        headings = {
            ("val", "error"): "Validation error",
            ("val", "loss"): "Validation loss",
            ("test", "error"): "Test error",
            **({("test", "balanced_error"): "Balanced test error"} if weighted else {}),
            **{
                ("probe_test", f"{feature}_probe_error"): f"Probe: {feature}"
                for feature in description.probed
            },
        }
        rows = []
        for _, metrics in part.groupby(["rho", "lr"]):
            runs = metrics[metrics["metric"] == "diverged"].iloc[0]
            row = {
                "": "→" if runs["selected"] else "",
                "ρ": format_number(runs["rho"]),
                "lr": format_number(runs["lr"]),
            }
            cells = {
                (metric["split"], metric["metric"]): spread(metric["mean"], metric["std"])
                for _, metric in metrics.iterrows()
            }
            row |= {heading: cells.get(key, "–") for key, heading in headings.items()}
            seeds = str(runs["n_seeds"] - runs["diverged"])
            rows.append(row | {"Seeds": seeds, "Diverged": str(runs["diverged"])})
        target = f": target {description.target}" if description.target else ""
        parts.append(f"## {description.title}{target}")
        parts.append(pd.DataFrame(rows).to_markdown(index=False, disable_numparse=True))
    return "\n\n".join(parts) + "\n"
