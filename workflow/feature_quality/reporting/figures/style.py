"""The one style of all figures."""

from typing import Any

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from feature_quality.reporting.statistics import interval

# Of the colours by Okabe and Ito from which methods have theirs.
FEATURES = {"easy": "#009E73", "hard": "#CC79A7"}
NEUTRAL = "#555555"
# Where a map has nothing to show; neither of its scales of colours has a grey.
NO_DATA = "#CCCCCC"

# The width of a page's text, inches.
WIDTH = 5.5
RHO = "perturbation radius ρ"
HARD_ERROR = "hard feature's error"

STYLE = {
    "axes.grid": True,
    "axes.labelsize": 8,
    "axes.titlesize": 8,
    "figure.labelsize": 8,
    "font.size": 8,
    "grid.alpha": 0.4,
    "grid.linewidth": 0.5,
    "legend.fontsize": 8,
    "legend.frameon": False,
    "legend.title_fontsize": 8,
    "lines.linewidth": 1.3,
    "lines.markersize": 4,
    "pdf.fonttype": 42,
    "savefig.dpi": 200,
    "xtick.labelsize": 7,
    "ytick.labelsize": 7,
}

# How means and their bands look.
SEEDS: dict[str, Any] = {"marker": "o", "err_kws": {"alpha": 0.15, "linewidth": 0}}

# Where the mean over training of w̃_h/w̃_e breaks, and a median stands for it.
HOLLOW: dict[str, Any] = {
    "linestyle": "",
    "marker": "o",
    "markerfacecolor": "white",
    "markersize": 5,
    "zorder": 5,
}


# A setting of which a run has lost the label.
LOST: dict[str, Any] = {"linestyle": "", "marker": "x", "color": "black", "zorder": 6}


def canvas(rows: int, columns: int, height: float, **sharing: Any) -> tuple[Figure, Any]:
    """Return an empty figure of ``rows`` × ``columns`` axes, a page wide and ``height`` inches."""
    sns.set_theme(context="paper", style="ticks", rc=STYLE)
    figure = Figure(figsize=(WIDTH, height), layout="constrained")
    return figure, figure.subplots(rows, columns, squeeze=False, **sharing)


def lines(data: pd.DataFrame, axes: Axes, **options: Any) -> None:
    """Draw means over seeds with their intervals, as ``seaborn.lineplot`` does."""
    sns.lineplot(data, ax=axes, errorbar=interval, **(SEEDS | options))
    sns.despine(ax=axes)


def sequence(values: pd.Series) -> dict[Any, Any]:
    """Return a colour for every value of a sweep, from light to dark; all stand out on white."""
    found = sorted(values.unique())
    colours = sns.color_palette("plasma_r", as_cmap=True)
    return dict(zip(found, colours(np.linspace(0.38, 1, len(found))), strict=True))


def empty_panel(axes: Axes, why: str) -> None:
    """Say in the middle of a panel why there is nothing in it."""
    axes.text(0.5, 0.5, why, ha="center", va="center", color=NEUTRAL, transform=axes.transAxes)


def lost_handles(lost: pd.Series) -> list[Line2D]:
    """Return the legend's entry for crosses, if any run has ``lost`` the label."""
    return [Line2D([], [], **LOST, label="label lost by a run")] if lost.any() else []


def hollow_handles(broken: pd.Series) -> list[Line2D]:
    """Return the legend's entry for hollow marks, if any setting is ``broken``."""
    label = "median, as mean breaks"
    return [Line2D([], [], **HOLLOW, color=NEUTRAL, label=label)] if broken.any() else []
