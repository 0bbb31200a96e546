"""What the module of a figure gives to the script, and how it is saved."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from matplotlib.figure import Figure

from feature_quality.artifacts.atomic import replacing
from feature_quality.reporting.figures.style import NEUTRAL

# The files that a figure is drawn from, by the names in its INPUTS.
Inputs = Mapping[str, Sequence[str]]


@dataclass(frozen=True)
class Drawing:
    """A figure, and what is printed below it: what the marks stand for, and what is left out."""

    figure: Figure
    texts: Sequence[str] = ()


def save(drawing: Drawing, run_note: str, pdf: str | Path, png: str | Path) -> None:
    """Write a figure with the text below it; equal figures give equal bytes.

    Args:
        drawing: what to write.
        run_note: what the runs were; it ends the text.
        pdf, png: the two files.
    """
    text = " ".join(filter(None, [*drawing.texts, run_note]))
    drawing.figure.supxlabel(text, x=0.01, ha="left", color=NEUTRAL, wrap=True)
    for path, name, stamp in ((pdf, "pdf", {"CreationDate": None}), (png, "png", {})):
        with replacing(path) as temporary:
            drawing.figure.savefig(temporary, format=name, metadata=stamp)
