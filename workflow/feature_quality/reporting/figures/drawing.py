"""What the module of a figure gives to the script, how it is saved, and what it says in words."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from matplotlib.figure import Figure

from feature_quality.artifacts.atomic import replacing
from feature_quality.artifacts.prepared import Description
from feature_quality.formatting import format_number

# The files that a figure is drawn from, by the names in its INPUTS.
Inputs = Mapping[str, Sequence[str]]


@dataclass(frozen=True)
class Drawing:
    """A figure, and what its caption adds: what the marks stand for, and what is left out."""

    figure: Figure
    texts: Sequence[str] = ()


def save(figure: Figure, pdf: str | Path, png: str | Path) -> None:
    """Write a figure to two files; equal figures give equal bytes."""
    for path, name, stamp in ((pdf, "pdf", {"CreationDate": None}), (png, "png", {})):
        with replacing(path) as temporary:
            figure.savefig(temporary, format=name, metadata=stamp)
        # Laid out once, it is the same in both, and laying it out is half of the work.
        figure.set_layout_engine("none")


def setting_text(lr: float, rho: float) -> str:
    """Name a setting."""
    return f"lr {format_number(lr)}, ρ {format_number(rho)}"


def plain(name: str) -> str:
    """Return the name of a value so that no part of it is taken for a formula."""
    return name.replace("$", r"\$")


def bands_text(seeds: int) -> str:
    """Say that lines are means over so many seeds, and bands their 95 % intervals."""
    return f"Means over {seeds} seeds with 95 % t-intervals." if seeds > 1 else "One seed."


def diverged_settings_text(settings: Iterable[tuple[float, float]]) -> str:
    """Say which runs are left out, or nothing.

    Args:
        settings: the learning rate and ρ of each run that diverged.
    """
    counts = Counter(settings)
    places = "; ".join(f"{counts[place]} at {setting_text(*place)}" for place in sorted(counts))
    return f"Diverged runs, left out: {places}." if counts else ""


def dataset_texts(description: Description, *shown: str) -> tuple[str, ...]:
    """Return what a figure's caption adds; the last introduces the note on the dataset's runs.

    Args:
        description: of the dataset.
        shown: what the marks stand for, and what is left out.
    """
    target = f", target {description.target}" if description.target else ""
    return (*shown, f"{description.title}{target}:")
