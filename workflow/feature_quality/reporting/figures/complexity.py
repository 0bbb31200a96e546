"""Figure 2: the hard feature's error and the ratio of the last layer's weights against ρ."""

from typing import Any

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from feature_quality.reporting.figures.style import (
    HARD_ERROR,
    NEUTRAL,
    RHO,
    canvas,
    lines,
    sequence,
)
from feature_quality.reporting.ratios import breaks, phantom_ratio

HOLLOW: dict[str, Any] = {
    "linestyle": "",
    "marker": "o",
    "markerfacecolor": "white",
    "markersize": 5,
    "zorder": 5,
}


def complexity(runs: pd.DataFrame) -> Figure:
    """Draw panels A and B, one line a complexity.

    In B, settings where the mean over training breaks are hollow, and stand at the median.
    """
    figure, axes = canvas(1, 2, 3.0)
    colours = sequence(runs["complexity"])
    options = {"x": "rho", "hue": "complexity", "palette": colours, "legend": False}
    left, right = axes[0]
    lines(runs, left, y="hard_error", **options)
    left.set(title="A", xlabel=RHO, ylabel=HARD_ERROR, ylim=(0, None))
    shown = runs.assign(phantom=phantom_ratio(runs))
    lines(shown, right, y="phantom", **options)
    lines(shown, right, y="real_ratio_mean", linestyle="--", **options)
    broken = shown[breaks(runs)].groupby(["complexity", "rho"])["phantom"].mean()
    right.plot(broken.index.get_level_values("rho"), broken, **HOLLOW, color=NEUTRAL)
    right.set(title="B", xlabel=RHO, ylabel="weight ratio, hard/easy")
    handles = [
        Line2D([], [], color=colour, marker="o", label=f"c = {value:g}°")
        for value, colour in colours.items()
    ]
    handles += [
        Line2D([], [], color=NEUTRAL, label="B: $\\tilde{w}_h/\\tilde{w}_e$"),
        Line2D([], [], color=NEUTRAL, linestyle="--", label="B: $w_h/w_e$"),
    ]
    handles += hollow_handles(runs)
    figure.legend(handles=handles, loc="outside upper center", ncols=4)
    return figure


def hollow_handles(runs: pd.DataFrame) -> list[Line2D]:
    """Return the legend's entry for hollow marks, if there are any."""
    label = "median, as mean breaks"
    return [Line2D([], [], **HOLLOW, color=NEUTRAL, label=label)] if breaks(runs).any() else []
