"""Hollow marks: where the mean over training of w̃_h/w̃_e breaks, and a median stands for it."""

from typing import Any

import pandas as pd
from matplotlib.lines import Line2D

from feature_quality.reporting.figures.style import NEUTRAL
from feature_quality.reporting.toy_runs import breaks

HOLLOW: dict[str, Any] = {
    "linestyle": "",
    "marker": "o",
    "markerfacecolor": "white",
    "markersize": 5,
    "zorder": 5,
}


def hollow_handles(runs: pd.DataFrame) -> list[Line2D]:
    """Return the legend's entry for hollow marks, if there are any."""
    label = "median, as mean breaks"
    return [Line2D([], [], **HOLLOW, color=NEUTRAL, label=label)] if breaks(runs).any() else []
