"""Figure 1: what SGD and LSAM have learned of each feature, over the feature's plane."""

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.contour import ContourSet
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from feature_quality.artifacts.parquet import read_table
from feature_quality.artifacts.toy import CONTOURS, POINTS
from feature_quality.methods import BASELINE
from feature_quality.reporting.figures.drawing import Drawing, Inputs
from feature_quality.reporting.figures.style import FEATURES, NEUTRAL, canvas
from feature_quality.reporting.toy_runs import TOY_METHODS, method_of

INPUTS = {"toy": ["contours", "points"]}
CAPTION = (
    "Figure 1. What SGD and LSAM have learned of the easy feature and of the hard one, over"
    " the plane of each feature, on the toy. The line is where the feature decides the "
    "label."
)
LABELS = {-1: ("v", "white"), 1: ("^", "black")}


def draw(inputs: Inputs, _: None) -> Drawing:
    """Draw the figure."""
    values = read_table(inputs["contours"][0], CONTOURS)[0]
    points = read_table(inputs["points"][0], POINTS)[0]
    return Drawing(plot(values, points), ["The first seed; the line is where f = 0."])


def plot(values: pd.DataFrame, points: pd.DataFrame) -> Figure:
    """Draw contours of f_e and f_h with the training points: one row per method, f = 0 as a line.

    Args:
        values: the contours of one seed.
        points: the training points at the checkpoints; those of the same seed are drawn.
    """
    figure, axes = canvas(2, 2, 4.6)
    seed = values["seed"].iloc[0]
    points = points[(points["seed"] == seed) & (points["epoch"] == points["epoch"].max())]
    for column, feature in enumerate(FEATURES):
        symbol = f"$f_{feature[0]}$"
        of_feature = values[values["feature"] == feature]
        limit = float(of_feature["value"].abs().quantile(0.98))
        for panel, method in zip(axes[:, column], TOY_METHODS, strict=True):
            plane = of_feature[method_of(of_feature["rho"]) == method.name]
            filled = _fill(panel, plane, limit)
            _scatter(panel, points[method_of(points["rho"]) == method.name], feature)
            radius = "" if method == BASELINE else f", ρ = {plane['rho'].iloc[0]:g}"
            panel.set_title(f"{method.label}{radius}: {symbol}")
            panel.set_xlabel(f"$x_{{{feature[0]},1}}$")
            panel.set_ylabel(f"$x_{{{feature[0]},2}}$")
        figure.colorbar(filled, ax=axes[:, column], shrink=0.6, label=symbol)
    axes[0, 0].legend(loc="upper left", handletextpad=0, borderpad=0.1, labelcolor="black")
    return figure


def _fill(panel: Axes, plane: pd.DataFrame, limit: float) -> ContourSet:
    grid = plane.pivot_table(index="x2", columns="x1", values="value")
    levels = MaxNLocator(14, symmetric=True).tick_values(-limit, limit)
    filled = panel.contourf(
        grid.columns, grid.index, grid, levels=levels, cmap="RdBu_r", extend="both"
    )
    panel.contour(grid.columns, grid.index, grid, levels=[0], colors=NEUTRAL, linewidths=1)
    panel.set_aspect("equal")
    panel.grid(visible=False)
    return filled


def _scatter(panel: Axes, points: pd.DataFrame, feature: str) -> None:
    for label, (marker, colour) in LABELS.items():
        chosen = points[points["label"] == label]
        panel.scatter(
            chosen[f"{feature}_x1"],
            chosen[f"{feature}_x2"],
            s=8,
            marker=marker,
            facecolor=colour,
            edgecolor="black",
            linewidth=0.4,
            label=f"y = {label:+d}".replace("-", "−"),
        )
