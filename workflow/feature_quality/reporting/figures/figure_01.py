"""Figure 1: what SGD and LSAM have learned of each feature, over the feature's plane."""

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.contour import ContourSet
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from feature_quality.artifacts.parquet import read_table
from feature_quality.artifacts.toy import CONTOURS, POINTS
from feature_quality.errors import InputError
from feature_quality.methods import BASELINE
from feature_quality.reporting.figures.drawing import Drawing, Inputs
from feature_quality.reporting.figures.style import FEATURES, NEUTRAL, canvas
from feature_quality.reporting.toy_runs import TOY_METHODS, method_of

INPUTS = {"toy": ["contours", "points"]}
CAPTION = (
    "Figure 1: what SGD and LSAM have learned. The output of the network of the easy feature and "
    "of the hard one, over the plane of the feature, and the training points of one run. The line "
    "is where the output is 0; crosses are points that the feature gets wrong."
)
LABELS = {-1: ("v", "white"), 1: ("^", "black")}
# Neither a colour of the map nor of the points.
WRONG = "#00A000"


def draw(inputs: Inputs, _: None) -> Drawing:
    """Draw the figure."""
    values = read_table(inputs["contours"][0], CONTOURS)[0]
    points = read_table(inputs["points"][0], POINTS)[0]
    return Drawing(plot(values, points), [f"Seed {values['seed'].iloc[0]}."])


def plot(values: pd.DataFrame, points: pd.DataFrame) -> Figure:
    """Draw contours of f_e and f_h with the training points: one row per method, f = 0 as a line.

    Args:
        values: the contours of one seed.
        points: the training points at the checkpoints; those of the same seed are drawn.

    Raises:
        InputError: a run of the seed has diverged.
    """
    if values["value"].isna().any():
        raise InputError("Figure 1: a run of every seed has diverged; there is nothing to draw")
    figure, axes = canvas(2, 2, 5.8)
    seed = values["seed"].iloc[0]
    points = points[(points["seed"] == seed) & (points["epoch"] == points["epoch"].max())]
    for column, feature in enumerate(FEATURES):
        symbol = f"$f_{feature[0]}$"
        of_feature = values[values["feature"] == feature]
        limit = float(of_feature["value"].abs().quantile(0.98))
        for panel, method in zip(axes[:, column], TOY_METHODS, strict=True):
            plane = of_feature[method_of(of_feature["rho"]) == method.name]
            filled = _fill(panel, plane, limit)
            error = _scatter(panel, points[method_of(points["rho"]) == method.name], feature)
            radius = "" if method == BASELINE else f", ρ = {plane['rho'].iloc[0]:g}"
            panel.set_title(f"{method.label}{radius}: {symbol}\ntraining error {error:.3f}")
            panel.set_xlabel(f"$x_{{{feature[0]},1}}$")
            panel.set_ylabel(f"$x_{{{feature[0]},2}}$")
        figure.colorbar(filled, ax=axes[:, column], location="bottom", aspect=30, label=symbol)
    handles, labels = axes[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=3, handletextpad=0)
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


def _scatter(panel: Axes, points: pd.DataFrame, feature: str) -> float:
    """Draw the points of one run, crosses over those that are wrong; return their share."""
    wrong = points[f"{feature}_contribution"] <= 0
    x, y = points[f"{feature}_x1"], points[f"{feature}_x2"]
    for label, (marker, colour) in LABELS.items():
        chosen = points["label"] == label
        panel.scatter(
            x[chosen],
            y[chosen],
            s=8,
            marker=marker,
            facecolor=colour,
            edgecolor="black",
            linewidth=0.4,
            label=f"y = {label:+d}".replace("-", "−"),
        )
    panel.scatter(x[wrong], y[wrong], s=12, marker="x", color=WRONG, linewidth=0.8, label="wrong")
    return float(wrong.mean())
