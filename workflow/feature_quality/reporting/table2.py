"""Table 2: accuracy of a probe on a domain that the network was not trained on (Appendix F)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from feature_quality.artifacts.selection import Selection
from feature_quality.reporting.selection import SAM, SGD
from feature_quality.reporting.statistics import interval
from feature_quality.reporting.table1 import (
    Subject,
    count_diverged,
    finished,
    setting_runs,
    summarise,
)

COLUMNS = [
    *("dataset", "target", "method", "mean", "std", "n_seeds", "lr", "rho"),
    *("paper", "difference", "low", "high", "backbone", "resolution", "demonstration"),
]

# Appendix F, Table 2.
PAPER = {
    "PACS": {
        SGD: {"A": 0.910, "C": 0.897, "P": 0.955, "S": 0.893},
        SAM: {"A": 0.914, "C": 0.921, "P": 0.964, "S": 0.908},
    },
    "VLCS": {
        SGD: {"C": 0.993, "L": 0.736, "S": 0.748, "V": 0.812},
        SAM: {"C": 0.996, "L": 0.748, "S": 0.776, "V": 0.830},
    },
    "OfficeHome": {
        SGD: {"A": 0.687, "C": 0.716, "P": 0.853, "R": 0.777},
        SAM: {"A": 0.709, "C": 0.745, "P": 0.858, "R": 0.784},
    },
}


@dataclass(frozen=True)
class Transfer:
    """A target domain of Table 2: its dataset, the network of its runs, and the images' side."""

    subject: Subject
    backbone: str
    resolution: int


def table2(
    runs: pd.DataFrame, transfers: Sequence[Transfer], selections: Mapping[str, Selection]
) -> pd.DataFrame:
    """Return Table 2 as tidy rows, the columns of ``COLUMNS``; accuracies are fractions.

    ``difference`` is our mean less the paper's number, and ``low`` and ``high`` are the ends of its
    95 % t-interval over seeds; they are empty where the paper has no number, or there is one seed.
    A method none of whose runs finished is absent.
    """
    table = []
    for transfer in transfers:
        description = transfer.subject.description
        choices = selections[description.dataset]["choices"]
        for method in (SGD, SAM):
            if method not in choices:
                continue
            choice = choices[method]
            rows = finished(setting_runs(runs, description.dataset, choice["lr"], choice["rho"]))
            errors = rows.loc[rows["metric"] == f"{description.features[0]}_probe_error", "value"]
            accuracy = 1 - errors
            paper = PAPER.get(description.title, {}).get(method, {}).get(description.target)
            compared = accuracy - (float("nan") if paper is None else paper)
            low, high = interval(compared) if len(compared) > 1 else (None, None)
            table.append(
                {
                    "dataset": description.title,
                    "target": description.target,
                    "method": method,
                    **summarise(accuracy),
                    "lr": choice["lr"],
                    "rho": choice["rho"],
                    "paper": paper,
                    "difference": compared.mean(),
                    "low": low,
                    "high": high,
                    "backbone": transfer.backbone,
                    "resolution": transfer.resolution,
                    "demonstration": description.demonstration,
                }
            )
    return pd.DataFrame(table, columns=COLUMNS)


def divergences(
    runs: pd.DataFrame, transfer: Transfer, selections: Mapping[str, Selection]
) -> list[str]:
    """Say how many runs of the chosen settings diverged on a target, a sentence a method."""
    description = transfer.subject.description
    choices = selections[description.dataset]["choices"]
    lines = []
    for method in (SGD, SAM):
        if method not in choices:
            lines.append(f"Left out: {method} on target {description.target}: every run diverged.")
            continue
        choice = choices[method]
        rows = setting_runs(runs, description.dataset, choice["lr"], choice["rho"])
        if number := count_diverged(rows):
            seeds = rows["seed"].nunique()
            lines.append(
                f"Left out: {method} on target {description.target}: {number} of {seeds} runs "
                "diverged."
            )
    return lines
