"""Appendix D as a figure: how much the weight of a single example rises, measured and predicted."""

from itertools import product

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from scipy.special import expit

from feature_quality.artifacts.parquet import read_table
from feature_quality.artifacts.toy import PERTURBATIONS
from feature_quality.errors import InputError
from feature_quality.reporting.figures.drawing import Drawing, Inputs
from feature_quality.reporting.figures.style import NEUTRAL, canvas
from feature_quality.reporting.lorenz import Array
from feature_quality.reporting.toy_runs import TOY_METHODS, method_of

INPUTS = {"toy": ["appendix_d"]}
CAPTION = (
    "Appendix D. By how much the weight of a single example rises under LSAM: measured, and"
    " as the approximation predicts it."
)
MARKERS = {"last layer": "o", "all": "x"}
LOSSES = ("exponential loss", "logistic loss")


def draw(inputs: Inputs, _: None) -> Drawing:
    """Draw the figure."""
    tables = [read_table(path, PERTURBATIONS) for path in inputs["appendix_d"]]
    lost = [about["run"] for _, about in tables if about.get("run", {}).get("diverged")]
    kept = [table for table, about in tables if about.get("run") not in lost]
    perturbations = pd.concat(kept).replace([np.inf, -np.inf], np.nan).dropna()
    if perturbations.empty:
        raise InputError("Appendix D: every network has diverged; there is nothing to draw")
    texts = ["Single examples of one seed; the dotted line is where both agree."]
    texts += [f"Left out, as it diverged: {run['dataset']}." for run in lost]
    return Drawing(plot(perturbations), texts)


def plot(perturbations: pd.DataFrame) -> Figure:
    """Draw log(λ̃/λ) of single examples against its first-order value: one column per network.

    For the exponential loss, λ = exp(−m), that value is ρ‖∇m‖ (equation 23); for the logistic
    loss, λ = σ(−m), it is σ(m)·ρ‖∇m‖.
    """
    networks = list(perturbations["network"].unique())
    figure, axes = canvas(len(LOSSES), len(networks), 5.2)
    for row, loss in enumerate(LOSSES):
        for column, network in enumerate(networks):
            panel = axes[row, column]
            _panel(panel, perturbations[perturbations["network"] == network], loss)
            panel.set(title=f"{network}: {loss}", ylabel="measured log($\\tilde{λ}$/λ)")
            panel.set_xlabel("predicted, " + ("ρ‖∇m‖" if row == 0 else "σ(m)·ρ‖∇m‖"))
    axes[0, 0].legend(markerscale=1.5)
    return figure


def log_ratios(perturbations: pd.DataFrame, loss: str) -> tuple[Array, Array]:
    """Return the predicted and the measured log(λ̃/λ) of every row."""
    real = perturbations["margin"].to_numpy()
    phantom = perturbations["phantom_margin"].to_numpy()
    first_order = (perturbations["rho"] * perturbations["gradient_norm"]).to_numpy()
    if loss == "exponential loss":
        return first_order, real - phantom
    # log σ(−m) = −log(1 + exp m)
    measured = np.logaddexp(0, real) - np.logaddexp(0, phantom)
    return first_order * expit(real), measured


def _panel(panel: Axes, perturbations: pd.DataFrame, loss: str) -> None:
    methods = method_of(perturbations["trained_rho"])
    for method, perturbed in product(TOY_METHODS, MARKERS):
        chosen = (methods == method.name) & (perturbations["perturbed"] == perturbed)
        rows = perturbations[chosen]
        predicted, measured = log_ratios(rows, loss)
        panel.scatter(
            predicted,
            measured,
            s=7,
            marker=MARKERS[perturbed],
            color=method.colour,
            linewidth=0.5,
            alpha=0.6,
            label=f"{method.label}, {'w' if perturbed == 'last layer' else 'θ'} perturbed",
        )
    panel.axline((0, 0), slope=1, color=NEUTRAL, linewidth=0.8, linestyle=":")
