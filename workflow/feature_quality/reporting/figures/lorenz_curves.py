"""Figures 3 and 7: Lorenz curves of the weights of training examples."""

from collections.abc import Sequence
from itertools import product
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from feature_quality.reporting.figures.example_weights import KINDS, panel_points
from feature_quality.reporting.figures.style import NEUTRAL, canvas, lines
from feature_quality.reporting.lorenz import Array, gini, lorenz
from feature_quality.reporting.weighted_points import WeightedPoints

STYLES: dict[str, Any] = {"weight": "--", "phantom_weight": "-"}
# Points of a curve: those of the toy, and enough for any number of examples.
STEPS = 300


def lorenz_curves(shown: WeightedPoints, epochs: Sequence[int]) -> Figure:
    """Draw the Lorenz curves of λ and λ̃ with their Gini coefficients, means over seeds.

    One checkpoint puts the methods side by side (figure 3); several have a column each (figure 7).
    """
    single = len(epochs) == 1
    rows, columns, height = (1, 2, 3.2) if single else (2, len(epochs), 3.6)
    figure, axes = canvas(rows, columns, height, sharey=True)
    for (method, epoch), panel in zip(product(shown.methods, epochs), axes.flat, strict=True):
        coefficients = _panel(panel, panel_points(shown, method, epoch), method.colour)
        panel.set(xlim=(0, 1), ylim=(0, 1), xticks=(0, 0.5, 1), yticks=(0, 0.5, 1))
        panel.set_aspect("equal")
        panel.set_xlabel(f"share of points\n{coefficients}", fontsize=8 if single else 6)
        place = panel.get_subplotspec()
        trained = f"trained by {method.label}"
        if single:
            panel.set_title(trained)
        elif place.is_first_row():
            panel.set_title(f"epoch {epoch}")
        label = "share of weight" if single else f"{trained}\nshare of weight"
        panel.set_ylabel(label if place.is_first_col() else "")
    handles = [
        Line2D([], [], color=NEUTRAL, linestyle=style, label=f"{kind}, {KINDS[column]}")
        for kind, (column, style) in zip(("real", "phantom"), STYLES.items(), strict=True)
    ]
    figure.legend(handles=handles, loc="outside upper center", ncols=len(handles))
    return figure


def _panel(panel: Axes, points: pd.DataFrame, colour: str) -> str:
    """Draw the curves of one network over its seeds; return their Gini coefficients as text."""
    panel.plot([0, 1], [0, 1], color=NEUTRAL, linewidth=0.7, linestyle=":")
    noted = []
    for kind, name in KINDS.items():
        weights = [each[kind].to_numpy() for _, each in points.groupby("seed")]
        curves = [_curve(each) for each in weights]
        options: dict[str, Any] = {"color": colour, "linestyle": STYLES[kind], "marker": None}
        lines(pd.concat(curves, ignore_index=True), panel, x="x", y="y", legend=False, **options)
        coefficients = pd.Series([gini(each) for each in weights])
        noted.append(f"G({name}) = {coefficients.mean():.4f}")
        if coefficients.isna().any():
            noted.append(f"(all 0: {coefficients.isna().sum()} of {len(coefficients)} seeds)")
    return "\n".join(noted)


def _curve(weights: Array) -> pd.DataFrame:
    """Return the Lorenz curve at no more points than can be seen."""
    share = np.linspace(0, 1, min(len(weights), STEPS) + 1)
    return pd.DataFrame({"x": share, "y": np.interp(share, *lorenz(weights))})
