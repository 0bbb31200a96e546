"""Table 2: accuracy of a probe on a domain that the network was not trained on (Appendix F)."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from feature_quality.artifacts.selection import methods_of
from feature_quality.formatting import counted, format_number
from feature_quality.methods import METHODS
from feature_quality.reporting.metrics import (
    count_diverged,
    finished,
    selected_settings,
    setting_runs,
    summarise,
    unconverged,
)
from feature_quality.reporting.statistics import interval
from feature_quality.reporting.tables.rendering import (
    Part,
    RenderedTable,
    TableDataset,
    effort_notes,
    notes,
    render,
    spread,
)

DATASETS = "domains"
CAPTION = (
    "Table 2. Accuracy on a domain that was left out of training, by training method, of a linear "
    "probe on that domain; mean ± standard deviation over seeds."
)
PROTOCOL = (
    "Accuracies are fractions: mean ± sample standard deviation over seeds. A column is a target "
    "domain: a network is trained on the others, and a linear probe of its representation on "
    "the target's training split; the accuracy is the probe's on the target's test split. "
    "Hyperparameters are chosen on examples of the other domains, held out of training.",
)
AGAINST_THE_PAPER = (
    "Differences are ours less the paper's, with a 95 % t-interval over our seeds. The protocol "
    "differs from the paper's wherever a constant is marked ours: its splits, network, resolution "
    "and hyperparameters are not known."
)
COLUMNS = [
    *("dataset", "target", "method", "mean", "std", "n_seeds", "lr", "rho"),
    *("paper", "difference", "low", "high", "backbone", "resolution", "demonstration"),
]

# Appendix F, Table 2: accuracies by dataset, method and target domain.
PAPER: Mapping[str, Mapping[str, Mapping[str, float]]] = {
    "PACS": {
        "sgd": {"A": 0.910, "C": 0.897, "P": 0.955, "S": 0.893},
        "sam": {"A": 0.914, "C": 0.921, "P": 0.964, "S": 0.908},
    },
    "VLCS": {
        "sgd": {"C": 0.993, "L": 0.736, "S": 0.748, "V": 0.812},
        "sam": {"C": 0.996, "L": 0.748, "S": 0.776, "V": 0.830},
    },
    "OfficeHome": {
        "sgd": {"A": 0.687, "C": 0.716, "P": 0.853, "R": 0.777},
        "sam": {"A": 0.709, "C": 0.745, "P": 0.858, "R": 0.784},
    },
}


def make(runs: pd.DataFrame, datasets: Sequence[TableDataset]) -> RenderedTable:
    """Return Table 2 from the rows of ``runs.parquet``."""
    table = tidy(runs, datasets)
    families: dict[str, list[TableDataset]] = {}
    for each in datasets:
        families.setdefault(each.description.title, []).append(each)
    parts = []
    for number, (title, targets) in enumerate(families.items(), start=1):
        part = table[table["dataset"] == title]
        networks = sorted({(each.backbone, each.resolution) for each in targets})
        said = [
            f"Network: {backbone}, on images of {side} × {side} pixels."
            for backbone, side in networks
        ]
        if part["paper"].notna().any():
            said.append(AGAINST_THE_PAPER)
        said.append(f"Domains: {', '.join(targets[0].description.classes[1])}.")
        said += dict.fromkeys(line for each in targets for line in effort_notes(each.selection))
        said += [line for each in targets for line in divergences(runs, each)]
        failed = sum(
            unconverged(runs, each.description.dataset, selected_settings(each.selection).values())
            for each in targets
        )
        cells, settings, best = readable(part)
        parts.append(
            Part(
                title,
                f"transfer-{number}",
                cells,
                notes(targets, said, failed),
                "Left out: every run diverged.",
                settings,
                best,
            )
        )
    title = "Table 2: accuracy on a domain that was left out of training"
    return render(table, title, parts, PROTOCOL)


def tidy(runs: pd.DataFrame, datasets: Sequence[TableDataset]) -> pd.DataFrame:
    """Return the columns of ``COLUMNS``; accuracies are fractions.

    ``difference`` is our mean less the paper's number, and ``low`` and ``high`` are the ends of its
    95 % t-interval over seeds; they are empty where the paper has no number, or there is one seed.
    A method none of whose runs finished is absent.
    """
    table = []
    for each in datasets:
        description = each.description
        for method, setting in selected_settings(each.selection).items():
            rows = finished(setting_runs(runs, description.dataset, setting))
            errors = rows.loc[rows["metric"] == f"{description.features[0]}_probe_error", "value"]
            accuracy = 1 - errors
            paper = PAPER.get(description.title, {}).get(method, {}).get(description.target)
            compared = accuracy - (np.nan if paper is None else paper)
            low, high = interval(compared) if len(compared) > 1 else (np.nan, np.nan)
            table.append(
                {
                    "dataset": description.title,
                    "target": description.target,
                    "method": method,
                    **summarise(accuracy),
                    "lr": setting.lr,
                    "rho": setting.rho,
                    "paper": paper,
                    "difference": compared.mean(),
                    "low": low,
                    "high": high,
                    "backbone": each.backbone,
                    "resolution": each.resolution,
                    "demonstration": description.demonstration,
                }
            )
    return pd.DataFrame(table, columns=COLUMNS)


def readable(part: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Return one dataset's part as text, with a column per target domain.

    Returns:
        the accuracies, those of the paper and the differences; the settings; and which of our
        accuracies are the highest on their target.
    """
    rows: dict[str, dict[str, str]] = {}
    settings: dict[str, dict[str, str]] = {}
    best: dict[str, dict[str, bool]] = {}
    # Of equal accuracies none is better, in whatever order they were added up.
    highest = part.groupby("target")["mean"].max().round(12)
    for _, cell in part.iterrows():
        label, target = METHODS[cell["method"]].label, cell["target"]
        rows.setdefault(label, {})[target] = spread(cell)
        if not pd.isna(cell["paper"]):
            rows.setdefault(f"{label}, paper", {})[target] = f"{cell['paper']:.3f}"
            rows.setdefault(f"{label} − paper", {})[target] = _difference(cell)
        seeds = counted(cell["n_seeds"], "seed")
        chosen = f"lr {format_number(cell['lr'])}, ρ {format_number(cell['rho'])}, {seeds}"
        settings.setdefault(label, {})[target] = chosen
        best.setdefault(label, {})[target] = round(cell["mean"], 12) == highest[target]
    kinds = ["", ", paper", " − paper"]
    names = [f"{method.label}{kind}" for kind in kinds for method in METHODS.values()]

    def table(given: dict[str, dict[str, Any]], missing: Any) -> pd.DataFrame:
        columns = list(part["target"].unique())
        found = pd.DataFrame.from_dict(given, orient="index", columns=columns, dtype=object)
        found = found.reindex([name for name in names if name in given])
        return found.where(found.notna(), missing).rename_axis("Method").reset_index()

    marks = pd.DataFrame.from_dict(best, orient="index")
    cells = table(rows, "–")
    return cells, table(settings, "–"), marks.reindex(cells["Method"]).reset_index().eq(True)


def divergences(runs: pd.DataFrame, dataset: TableDataset) -> list[str]:
    """Say how many runs of the chosen settings diverged on a target, one sentence per method."""
    settings = selected_settings(dataset.selection)
    lines = []
    for method in methods_of(dataset.selection):
        of_method = f"{METHODS[method].label} on target {dataset.description.target}"
        if method not in settings:
            lines.append(f"Left out: {of_method}: every run diverged.")
            continue
        rows = setting_runs(runs, dataset.description.dataset, settings[method])
        if number := count_diverged(rows):
            seeds = rows["seed"].nunique()
            lines.append(f"Left out: {of_method}: {number} of {seeds} runs diverged.")
    return lines


def _difference(cell: pd.Series) -> str:
    difference, low, high = (_signed(cell[name]) for name in ("difference", "low", "high"))
    return difference if pd.isna(cell["low"]) else f"{difference} [{low}, {high}]"


def _signed(value: float) -> str:
    # Adding 0 makes −0 a 0.
    return f"{round(value, 3) + 0:+.3f}".replace("-", "−")
