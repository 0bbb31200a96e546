"""What figures of datasets say in words."""

from collections import Counter
from collections.abc import Iterable

from feature_quality.artifacts.prepared import Description
from feature_quality.formatting import format_number


def setting(lr: float, rho: float) -> str:
    """Name a setting."""
    return f"lr {format_number(lr)}, ρ {format_number(rho)}"


def plain(name: str) -> str:
    """Return the name of a value so that no part of it is taken for a formula."""
    return name.replace("$", r"\$")


def diverged(settings: Iterable[tuple[float, float]]) -> str:
    """Say which runs are left out, or nothing.

    Args:
        settings: the learning rate and ρ of each run that diverged.
    """
    counts = Counter(settings)
    places = "; ".join(f"{counts[place]} at {setting(*place)}" for place in sorted(counts))
    return f"Left out, as they diverged: runs {places}." if counts else ""


def weighting(description: Description) -> str:
    """Say that errors weight groups, where they do."""
    if description.group_weights is None:
        return ""
    return "Validation and test errors weight each group's error by its frequency in training."


def below(description: Description, *shown: str) -> tuple[str, ...]:
    """Return the texts below a figure; the last introduces the note on the dataset's runs.

    Args:
        description: of the dataset.
        shown: what the marks stand for, and what is left out.
    """
    target = f", target {description.target}" if description.target else ""
    return (*shown, f"{description.title}{target}:")
