"""Table 1 for readers, in Markdown and LaTeX, both rendered from the tidy table."""

from collections.abc import Sequence

import pandas as pd

from feature_quality.artifacts.selection import Selection
from feature_quality.formatting import format_number
from feature_quality.reporting.selection import SAM, SGD
from feature_quality.reporting.table1 import Subject

PROTOCOL = (
    "Errors are fractions: mean ± sample standard deviation over seeds. The probing error of a "
    "feature is that of a linear probe on the representation, on balanced test data; the easy "
    "feature is the one with the lower probing error under SGD.",
    "Probes are trained on the images of the validation split that also chose the hyperparameters; "
    "test data chose nothing.",
)


def spread(mean: float, std: float | None) -> str:
    """Return ``0.0123 ± 0.0045``; the mean alone for one seed, a dash for none."""
    if pd.isna(mean):
        return "–"
    return f"{mean:.4f}" if std is None or pd.isna(std) else f"{mean:.4f} ± {std:.4f}"


def readable(table: pd.DataFrame, dataset: str) -> pd.DataFrame:
    """Return one dataset's part of Table 1 with a row a method and a column a metric, as text."""
    part = table[table["dataset"] == dataset]
    rows = []
    for method, metrics in part.groupby("method", sort=False):
        first = metrics.iloc[0]
        row = {"Method": method, "lr": format_number(first["lr"]), "ρ": format_number(first["rho"])}
        for _, metric in metrics.iterrows():
            heading = metric["metric"].replace("_", " ").replace("probe", "feature")
            heading = heading.capitalize()
            if metric["feature"]:
                heading = f"{heading.removesuffix(' error')}: {metric['feature']}"
            row[heading] = spread(metric["mean"], metric["std"])
        rows.append(row | {"Seeds": str(first["n_seeds"]), "Diverged": str(first["diverged"])})
    return pd.DataFrame(rows)


def notes(subject: Subject, selection: Selection, unconverged: int) -> list[str]:
    """Return the sentences that stand under one dataset's part."""
    choices = selection["choices"]
    lines = [f"Selected by: {selection['rule']}."]
    lines += [
        f"{method}: {choice['tied']} of {choice['candidates']} settings had the lowest "
        "validation error."
        for method, choice in choices.items()
        if method in (SGD, SAM)
    ]
    if SGD in choices and SAM in choices:
        lines.append(
            f"SAM has {choices[SAM]['candidates']} settings to choose from and SGD "
            f"{choices[SGD]['candidates']}, and a step of SAM takes two gradients."
        )
    if subject.description.group_weights:
        lines.append(
            "Validation and test errors weight each group's error by its frequency in training."
        )
    if unconverged:
        lines.append(f"{unconverged} probe fits of these runs did not converge.")
    lines.append(f"Weakest provenance of the constants used: {subject.provenance}.")
    lines += subject.departures
    if subject.description.demonstration:
        lines.insert(0, "DEMONSTRATION data: these numbers reproduce nothing of the paper.")
    return lines


def to_markdown(
    table: pd.DataFrame, subjects: Sequence[Subject], remarks: dict[str, list[str]]
) -> str:
    """Return Table 1 in Markdown; ``remarks`` holds the notes of each dataset."""
    parts = ["# Table 1: feature probing errors of SGD and SAM"]
    for subject in subjects:
        parts.append(f"## {subject.description.title}")
        if not _is_in(table, subject):
            parts.append("Left out: every run of SGD diverged.")
            continue
        text = readable(table, subject.dataset)
        parts.append(text.to_markdown(index=False, disable_numparse=True))
        parts.append("\n".join(f"- {line}" for line in remarks[subject.dataset]))
    return "\n\n".join([*parts, *PROTOCOL]) + "\n"


def to_latex(
    table: pd.DataFrame, subjects: Sequence[Subject], remarks: dict[str, list[str]]
) -> str:
    """Return Table 1 in LaTeX (booktabs), one table environment a dataset."""
    parts = []
    for subject in subjects:
        if not _is_in(table, subject):
            continue
        text = readable(table, subject.dataset)
        small_print = [*remarks[subject.dataset], *PROTOCOL]
        parts.append(latex_table(text, subject.description.title, subject.dataset, small_print))
    return "\n".join(parts)


def latex_table(text: pd.DataFrame, caption: str, label: str, small_print: Sequence[str]) -> str:
    """Return a table environment (booktabs) of ready text, with sentences in small print below."""
    tabular = _escaped(text).to_latex(
        index=False,
        column_format="l" + "c" * (text.shape[1] - 1),
        caption=_escape(caption),
        label=f"tab:{label}",
        position="t",
    )
    end = "\\end{tabular}\n"
    return tabular.replace(end, f"{end}\n\\footnotesize {_escape(' '.join(small_print))}\n")


def _is_in(table: pd.DataFrame, subject: Subject) -> bool:
    return subject.dataset in set(table["dataset"])


def _escape(text: str) -> str:
    for character, command in {
        "±": "$\\pm$",
        "ρ": "$\\rho$",
        "_": "\\_",
        "%": "\\%",
        "&": "\\&",
        "#": "\\#",
        ">": "$>$",
        "≥": "$\\geq$",
        "−": "$-$",
        "×": "$\\times$",
    }.items():
        text = text.replace(character, command)
    return text


def _escaped(text: pd.DataFrame) -> pd.DataFrame:
    return text.rename(columns=_escape).map(_escape)
