"""What all tables share: their datasets, the notes below them, and how they are written."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import pandas as pd

from feature_quality.artifacts.prepared import Description
from feature_quality.artifacts.selection import Selection
from feature_quality.formatting import counted
from feature_quality.methods import BASELINE, METHODS

DEMONSTRATION = "DEMONSTRATION data: these numbers reproduce nothing of the paper."

# What LaTeX reads otherwise, or its standard fonts lack.
ESCAPES = str.maketrans(
    {
        "\\": "\\textbackslash{}",
        "{": "\\{",
        "}": "\\}",
        "$": "\\$",
        "~": "\\textasciitilde{}",
        "^": "\\textasciicircum{}",
        "<": "$<$",
        "±": "$\\pm$",
        "ρ": "$\\rho$",
        # Names of features and settings may be long.
        "_": "\\_\\allowbreak{}",
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


# What an article has to load.
LATEX_PACKAGES = "% \\usepackage{booktabs,tabularx,threeparttable}"
# What a step takes, by the number of gradients of the whole network.
COSTS = {1: "one gradient, and one of the last layer", 2: "two gradients"}
# How many characters fit beside each other in one column of an article.
COLUMN_HOLDS = 45


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
        reference: numbers of the user's to print beside ours, by method and metric of the table.
    """

    description: Description
    selection: Selection
    provenance: str
    differences: Sequence[str]
    backbone: str
    resolution: int
    reference: Mapping[str, Mapping[str, float]] = field(default_factory=dict)


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
        settings: the text of a second table, with the settings behind the first.
        best: which cells are bold in print.
    """

    heading: str
    label: str
    cells: pd.DataFrame
    notes: Sequence[str] = ()
    absence: str = ""
    settings: pd.DataFrame = field(default_factory=pd.DataFrame)
    best: pd.DataFrame = field(default_factory=pd.DataFrame)


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
        blocks += [pipe_table(cells) for cells in (part.cells, part.settings) if not cells.empty]
        if part.notes:
            blocks.append("\n".join(f"- {note}" for note in part.notes))
    tables = [_latex(part, title, protocol) for part in parts if not part.cells.empty]
    latex = "\n".join([LATEX_PACKAGES, *tables])
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


def effort_notes(selection: Selection) -> list[str]:
    """Say how settings were chosen, and what each method had to choose from and to compute."""
    choices = selection["choices"]
    sgd = choices.get(BASELINE.name)
    return [f"Selected by: {selection['rule']}."] + [
        f"{METHODS[name].label} has {counted(choice['candidates'], 'setting')} to choose from and "
        f"{BASELINE.label} {sgd['candidates']}, and a step of {METHODS[name].label} takes "
        f"{COSTS[METHODS[name].cost]}."
        for name, choice in choices.items()
        if sgd and name != BASELINE.name
    ]


def _latex(part: Part, title: str, protocol: Sequence[str]) -> str:
    """Return the part's tables for an article of two columns, wide ones across both columns."""
    label, small_print = f"tab:{part.label}", [*part.notes, *protocol]
    # LaTeX numbers its tables itself.
    title = re.sub(r"^Table [0-9]+: ", "", title)
    caption = f"{title[:1].upper()}{title[1:]}. {part.heading}"
    text = _environment(part.cells, caption, label, small_print, part.best)
    if part.settings.empty:
        return text
    caption = f"Settings behind the numbers on {part.heading}"
    return text + _environment(part.settings, caption, f"{label}-settings")


def _environment(
    cells: pd.DataFrame,
    caption: str,
    label: str,
    small_print: Sequence[str] = (),
    best: pd.DataFrame | None = None,
) -> str:
    """Return a floating table; all columns but the first share the width and break lines."""
    columns = cells.shape[1]
    kind = "table" if cells.map(len).max().sum() <= COLUMN_HOLDS else "table*"
    escaped = cells.map(_escape)
    if best is not None and not best.empty:
        escaped = escaped.mask(best, "\\textbf{" + escaped + "}")
    body = escaped.rename(columns=_escape).to_latex(index=False, column_format="l")
    width = (
        f"{{tabularx}}{{\\linewidth}}{{l*{{{columns - 1}}}{{>{{\\centering\\arraybackslash}}X}}}}"
    )
    body = body.replace("{tabular}{l}", width).replace("\\end{tabular}", "\\end{tabularx}")
    notes = ""
    if small_print:
        items = _escape(" ".join(small_print))
        notes = (
            "\\begin{tablenotes}[flushleft]\n\\scriptsize\\raggedright\n"
            f"\\item {items}\n\\end{{tablenotes}}\n"
        )
    return (
        f"\\begin{{{kind}}}[t]\n\\centering\n\\begin{{threeparttable}}\n"
        "\\footnotesize\n\\setlength{\\tabcolsep}{3pt}\n"
        f"\\caption{{{_escape(caption)}}}\n\\label{{{label}}}\n{body}{notes}"
        f"\\end{{threeparttable}}\n\\end{{{kind}}}\n"
    )


def _escape(text: str) -> str:
    return text.translate(ESCAPES)
