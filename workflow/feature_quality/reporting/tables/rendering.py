"""What all tables share: their datasets, the notes below them, and how they are written."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from feature_quality.artifacts.prepared import Description
from feature_quality.artifacts.selection import Selection

DEMONSTRATION = "DEMONSTRATION data: these numbers reproduce nothing of the paper."

# What LaTeX reads otherwise, or its standard fonts lack.
ESCAPES = str.maketrans(
    {
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
        "→": "$\\to$",
    }
)


@dataclass(frozen=True)
class TableDataset:
    """A dataset of a table.

    Attributes:
        description: what the prepared dataset says of itself.
        selection: the settings that were chosen on it.
        provenance: the weakest provenance among the constants that its results rest on.
        differences: sentences that name the settings which differ from the documented defaults.
        backbone: the network of its runs.
        resolution: the side of its images, pixels.
    """

    description: Description
    selection: Selection
    provenance: str
    differences: Sequence[str]
    backbone: str
    resolution: int


@dataclass(frozen=True)
class RenderedTable:
    """A table: tidy rows for programs, and the same numbers for readers."""

    rows: pd.DataFrame
    markdown: str
    latex: str


@dataclass(frozen=True)
class Part:
    """A part of a table for readers.

    Attributes:
        heading: the name of its dataset.
        label: by which LaTeX refers to it.
        cells: its text.
        notes: sentences that stand below it.
        absence: the sentence that stands in place of it where there are no cells.
    """

    heading: str
    label: str
    cells: pd.DataFrame
    notes: Sequence[str] = ()
    absence: str = ""


def render(
    rows: pd.DataFrame, title: str, parts: Sequence[Part], protocol: Sequence[str]
) -> RenderedTable:
    """Return the table in all its forms.

    Args:
        rows: the tidy table.
        title: its heading.
        parts: what readers see of it; one without cells is left out of LaTeX.
        protocol: what holds for all parts, in sentences.
    """
    blocks = [f"# {title}"]
    for part in parts:
        blocks.append(f"## {part.heading}")
        if part.cells.empty:
            blocks.append(part.absence)
            continue
        blocks.append(pipe_table(part.cells))
        if part.notes:
            blocks.append("\n".join(f"- {note}" for note in part.notes))
    latex = "\n".join(_latex(part, protocol) for part in parts if not part.cells.empty)
    return RenderedTable(rows, "\n\n".join([*blocks, *protocol]) + "\n", latex)


def pipe_table(cells: pd.DataFrame) -> str:
    """Return ready text as a table in Markdown."""
    return str(cells.to_markdown(index=False, disable_numparse=True))


def spread(measured: Mapping[str, float] | pd.Series) -> str:
    """Return mean and deviation as ``0.0123 ± 0.0045``: the mean alone for one seed, else a dash.

    Args:
        measured: what ``metrics.summarise`` returns.
    """
    mean, std = measured["mean"], measured["std"]
    if pd.isna(mean):
        return "–"
    return f"{mean:.4f}" if std is None or pd.isna(std) else f"{mean:.4f} ± {std:.4f}"


def notes(datasets: Sequence[TableDataset], said: Iterable[str], unconverged: int) -> list[str]:
    """Return the sentences that stand below a part: those ``said`` and those of every table.

    Args:
        datasets: whose numbers the part has.
        said: what this table alone says.
        unconverged: the number of probe fits that did not converge.
    """
    lines = [DEMONSTRATION] if any(each.description.demonstration for each in datasets) else []
    lines += said
    if unconverged:
        lines.append(f"{unconverged} probe fits of these runs did not converge.")
    weakest = ", ".join(sorted({each.provenance for each in datasets}))
    lines.append(f"Weakest provenance of the constants used: {weakest}.")
    return lines + list(dict.fromkeys(line for each in datasets for line in each.differences))


def _latex(part: Part, protocol: Sequence[str]) -> str:
    """Return a table environment (booktabs), with the sentences in small print below."""
    tabular = part.cells.rename(columns=_escape).map(_escape)
    text = tabular.to_latex(
        index=False,
        column_format="l" + "c" * (tabular.shape[1] - 1),
        caption=_escape(part.heading),
        label=f"tab:{part.label}",
        position="t",
    )
    end = "\\end{tabular}\n"
    small_print = _escape(" ".join([*part.notes, *protocol]))
    return text.replace(end, f"{end}\n\\footnotesize {small_print}\n")


def _escape(text: str) -> str:
    return text.translate(ESCAPES)
