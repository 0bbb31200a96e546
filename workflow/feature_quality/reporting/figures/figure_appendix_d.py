"""Appendix D as a figure: how much the weight of a single example rises, measured and predicted."""

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from feature_quality.artifacts.parquet import read_table
from feature_quality.artifacts.toy import PERTURBATIONS
from feature_quality.errors import InputError
from feature_quality.formatting import counted
from feature_quality.methods import METHODS, Method
from feature_quality.reporting.figures.drawing import Drawing, Inputs
from feature_quality.reporting.figures.style import NEUTRAL, canvas
from feature_quality.reporting.perturbations import LOSSES, log_ratios
from feature_quality.reporting.toy_runs import method_of

INPUTS = {"toy": ["appendix_d"]}
CAPTION = (
    "Appendix D: weights measured and predicted. By how much the weight of a single example rises "
    "when the network is perturbed for it alone, measured against what the first-order "
    "approximation predicts. Columns: networks; rows: losses; circles: the last layer w is "
    "perturbed, crosses: all parameters θ. The dotted line is where both agree."
)
MARKERS = {"last layer": "o", "all": "x"}
# Marks that hide none of those below them.
OPEN: dict[str, Any] = {"markersize": 3, "markeredgewidth": 0.5, "markerfacecolor": "none"}


def draw(inputs: Inputs, _: None) -> Drawing:
    """Draw the figure."""
    tables = [read_table(path, PERTURBATIONS) for path in inputs["appendix_d"]]
    lost = [about["run"] for _, about in tables if about.get("run", {}).get("diverged")]
    kept = [table for table, about in tables if about.get("run") not in lost]
    perturbations = pd.concat(kept).replace([np.inf, -np.inf], np.nan).dropna()
    if perturbations.empty:
        raise InputError("Appendix D: every network has diverged; there is nothing to draw")
    seeds = perturbations.groupby("network", sort=False)["seed"].nunique()
    drawn = (f"{name}, {counted(number, 'seed')}" for name, number in seeds.items())
    texts = [f"Examples of {'; '.join(drawn)}."]
    texts += [f"Left out, as it diverged: {run['dataset']}." for run in lost]
    return Drawing(plot(perturbations), texts)


def plot(perturbations: pd.DataFrame) -> Figure:
    """Draw log(λ̃/λ) of single examples against its first-order value: one column per network.

    For the exponential loss, λ = exp(−m), that value is ρ‖∇m‖ (equation 23); for the logistic
    loss, λ = σ(−m), it is σ(m)·ρ‖∇m‖.
    """
    trained = perturbations.assign(method=method_of(perturbations["trained_rho"]))
    columns = [*trained.groupby(["network", "method"], sort=False)]
    figure, axes = canvas(len(LOSSES), len(columns), 4.6)
    for row, loss in zip(axes, LOSSES, strict=True):
        for panel, ((network, method), rows) in zip(row, columns, strict=True):
            _panel(panel, rows, loss, METHODS[method])
            if loss == LOSSES[0]:
                panel.set_title(f"{network},\ntrained by {METHODS[method].label}")
            panel.set_xlabel("predicted, " + ("ρ‖∇m‖" if loss == LOSSES[0] else "σ(m)·ρ‖∇m‖"))
        row[0].set_ylabel(f"{loss}:\nmeasured log($\\tilde{{λ}}$/λ)")
    handles = [
        Line2D(
            [], [], **OPEN, color=NEUTRAL, linestyle="", marker=marker, label=f"{name} perturbed"
        )
        for name, marker in zip(("last layer w", "all parameters θ"), MARKERS.values(), strict=True)
    ]
    figure.legend(handles=handles, loc="outside upper center", ncols=2)
    return figure


def _panel(panel: Axes, rows: pd.DataFrame, loss: str, method: Method) -> None:
    """Draw the examples of one network."""
    for perturbed, marker in MARKERS.items():
        predicted, measured = log_ratios(rows[rows["perturbed"] == perturbed], loss)
        panel.plot(predicted, measured, marker, color=method.colour, alpha=0.6, **OPEN)
    panel.axline((0, 0), slope=1, color=NEUTRAL, linewidth=0.8, linestyle=":")
