"""What figures 3, 5, 7 and 8 share: the weights that they show, of the toy or of a dataset."""

import pandas as pd

from feature_quality.errors import InputError
from feature_quality.formatting import format_number
from feature_quality.methods import Method
from feature_quality.reporting.figures.drawing import Inputs
from feature_quality.reporting.weighted_points import WeightedPoints

KINDS = {"weight": "λ", "phantom_weight": "$\\tilde{λ}$"}


def read_weights(inputs: Inputs) -> WeightedPoints:
    """Read the points of the toy, or of a dataset on which a method is compared with SGD."""
    (path,) = inputs["points"] if "points" in inputs else inputs["importance"]
    return WeightedPoints.read(path)


def panel_points(shown: WeightedPoints, method: Method, epoch: int) -> pd.DataFrame:
    """Return the points of one panel, without those of runs that have diverged.

    Raises:
        InputError: there are none.
    """
    points = shown.points
    part = points[(points["method"] == method.name) & (points["epoch"] == epoch)].dropna()
    if part.empty:
        raise InputError(
            f"{method.label}: no run is finite at epoch {epoch}; there is nothing to draw"
        )
    return part


def settings_text(shown: WeightedPoints) -> str:
    """Say at which settings the networks were trained, and which ρ gives λ̃."""
    at = format_number(shown.rho)
    if shown.of_toy:
        return f"{shown.compared.label} and λ̃ at ρ = {at}."
    rhos = {run["method"]: run["rho"] for run in shown.about["runs"]}
    named = ", ".join(
        f"{each.label} at lr {shown.rate(each)} and ρ {format_number(rhos[each.name])}"
        for each in shown.methods
    )
    return f"{shown.about['title']}: {named}; λ̃ at ρ {at}."
