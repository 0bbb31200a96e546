"""Figure 2: the hard feature's error and the ratio of the last layer's weights against ρ."""

import pandas as pd
from matplotlib.axes import Axes
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

# With w̃_e ≤ 0 in more of the steps, the mean of w̃_h/w̃_e is no summary.
MOST_NONPOSITIVE = 0.01


def complexity(runs: pd.DataFrame) -> Figure:
    """Draw panels A and B, one line a complexity.

    In B, settings where some run has w̃_e ≤ 0 in more than one step of a hundred are hollow: there
    the mean over training breaks and the median is drawn in its place.
    """
    figure, axes = canvas(1, 2, 2.6)
    options = {"x": "rho", "hue": "complexity", "palette": sequence(runs["complexity"])}
    left, right = axes[0]
    lines(runs, left, y="hard_error", legend="full", **options)
    left.set(title="A", xlabel=RHO, ylabel=HARD_ERROR, ylim=(0, None))
    left.get_legend().set_title("rotation c, °")
    for text in left.get_legend().get_texts():
        text.set_text(f"{float(text.get_text()):g}")
    broken = breaks(runs)
    shown = runs.assign(
        phantom=runs["phantom_ratio_mean"].where(~broken, runs["phantom_ratio_median"])
    )
    lines(shown, right, y="phantom", legend=False, **options)
    lines(shown, right, y="real_ratio_mean", legend=False, linestyle="--", **options)
    _mark(right, shown[broken])
    right.set(title="B", xlabel=RHO, ylabel="weight ratio, hard/easy")
    right.legend(handles=_legend(any_broken=bool(broken.any())))
    return figure


def breaks(runs: pd.DataFrame) -> pd.Series:
    """Say which rows belong to a (complexity, ρ) where the mean of w̃_h/w̃_e breaks in some run."""
    share = runs.groupby(["complexity", "rho"])["phantom_easy_nonpositive"].transform("max")
    return share > MOST_NONPOSITIVE


def _mark(panel: Axes, broken: pd.DataFrame) -> None:
    medians = broken.groupby(["complexity", "rho"], as_index=False)["phantom"].mean()
    panel.plot(
        medians["rho"], medians["phantom"], "o", mfc="white", mec=NEUTRAL, markersize=6, zorder=5
    )


def _legend(*, any_broken: bool) -> list[Line2D]:
    handles = [
        Line2D([], [], color=NEUTRAL, label="phantom, $\\tilde{w}_h/\\tilde{w}_e$"),
        Line2D([], [], color=NEUTRAL, linestyle="--", label="real, $w_h/w_e$"),
    ]
    if any_broken:
        handles.append(
            Line2D([], [], ls="", marker="o", mfc="white", mec=NEUTRAL, label="median: mean breaks")
        )
    return handles
