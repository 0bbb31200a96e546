"""Table 2 for readers, in Markdown and LaTeX, both rendered from the tidy table."""

from collections.abc import Mapping, Sequence

import pandas as pd

from feature_quality.formatting import format_number
from feature_quality.reporting.rendering import latex_table, spread
from feature_quality.reporting.selection import SAM, SGD
from feature_quality.reporting.table2 import Transfer

TITLE = "Table 2: accuracy on a domain that was left out of training"
PROTOCOL = (
    "Accuracies are fractions: mean ± sample standard deviation over seeds. A column is a target "
    "domain: a network is trained on the other three, and a linear probe of its representation on "
    "the target's training split; the accuracy is the probe's on the target's test split. "
    "Hyperparameters are chosen on examples of the three, held out of training.",
)
AGAINST_THE_PAPER = (
    "Differences are ours less the paper's, with a 95 % t-interval over our seeds. The protocol "
    "differs from the paper's wherever a constant is marked ours: its splits, network, resolution "
    "and hyperparameters are not known."
)


def readable(part: pd.DataFrame) -> pd.DataFrame:
    """Return one dataset's part of Table 2 with a column a target domain, as text."""
    rows: dict[str, dict[str, str]] = {}
    for _, cell in part.iterrows():
        method, target = cell["method"], cell["target"]
        rows.setdefault(method, {})[target] = spread(cell["mean"], cell["std"])
        if not pd.isna(cell["paper"]):
            rows.setdefault(f"{method}, paper", {})[target] = f"{cell['paper']:.3f}"
            rows.setdefault(f"{method} − paper", {})[target] = _difference(cell)
        seeds = "1 seed" if cell["n_seeds"] == 1 else f"{cell['n_seeds']} seeds"
        chosen = f"lr {format_number(cell['lr'])}, ρ {format_number(cell['rho'])}, {seeds}"
        rows.setdefault(f"{method}, selected", {})[target] = chosen
    order = ["", ", paper", " − paper", ", selected"]
    names = [f"{method}{kind}" for kind in order for method in (SGD, SAM)]
    table = pd.DataFrame.from_dict(rows, orient="index", columns=list(part["target"].unique()))
    table = table.reindex([name for name in names if name in rows]).fillna("–")
    return table.rename_axis("Method").reset_index()


def notes(
    part: pd.DataFrame,
    transfers: Sequence[Transfer],
    diverged: Sequence[str],
    unconverged: int,
) -> list[str]:
    """Return the sentences that stand under one dataset's part.

    Args:
        diverged: sentences on the runs that did.
        unconverged: the number of probe fits that did not converge.
    """
    networks = {(each.backbone, each.resolution) for each in transfers}
    lines = [
        f"Network: {backbone}, on images of {side} × {side} pixels."
        for backbone, side in sorted(networks)
    ]
    if part["paper"].notna().any():
        lines.append(AGAINST_THE_PAPER)
    lines += diverged
    if unconverged:
        lines.append(f"{unconverged} probe fits of these runs did not converge.")
    weakest = {each.subject.provenance for each in transfers}
    lines.append(f"Weakest provenance of the constants used: {', '.join(sorted(weakest))}.")
    lines += dict.fromkeys(line for each in transfers for line in each.subject.departures)
    if any(each.subject.description.demonstration for each in transfers):
        lines.insert(0, "DEMONSTRATION data: these numbers reproduce nothing of the paper.")
    return lines


def to_markdown(table: pd.DataFrame, remarks: Mapping[str, Sequence[str]]) -> str:
    """Return Table 2 in Markdown; ``remarks`` holds the notes of each dataset."""
    parts = [f"# {TITLE}"]
    for title, lines in remarks.items():
        part = table[table["dataset"] == title]
        parts.append(f"## {title}")
        if part.empty:
            parts.append("Left out: every run diverged.")
            continue
        parts.append(readable(part).to_markdown(index=False, disable_numparse=True))
        parts.append("\n".join(f"- {line}" for line in lines))
    return "\n\n".join([*parts, *PROTOCOL]) + "\n"


def to_latex(table: pd.DataFrame, remarks: Mapping[str, Sequence[str]]) -> str:
    """Return Table 2 in LaTeX (booktabs), one table environment a dataset."""
    return "\n".join(
        latex_table(
            readable(table[table["dataset"] == title]),
            title,
            f"transfer-{number}",
            [*lines, *PROTOCOL],
        )
        for number, (title, lines) in enumerate(remarks.items(), start=1)
        if title in set(table["dataset"])
    )


def _difference(cell: pd.Series) -> str:
    difference, low, high = (_signed(cell[name]) for name in ("difference", "low", "high"))
    return difference if pd.isna(cell["low"]) else f"{difference} [{low}, {high}]"


def _signed(value: float) -> str:
    # Adding 0 makes −0 a 0.
    return f"{round(value, 3) + 0:+.3f}".replace("-", "−")
