"""Appendix D: an example's weight rises by its gradient's norm (equation 23), on the toy."""

import numpy as np
import pandas as pd

from feature_quality.reporting.claims.verdict import RATIOS, TOY, Check, CheckContext, Row
from feature_quality.reporting.perturbations import LOSSES, log_ratios
from feature_quality.reporting.toy_runs import TOY_METHODS, method_of

FIRST_ORDER = Check(
    "5d",
    "The log of λ̃/λ of single examples is what the first order in ρ predicts, in proportion to the "
    "norm of their gradients.",
    "slope of the measured log(λ̃/λ) against the predicted one, less 1",
    "within",
    RATIOS,
)
CHECKS = (FIRST_ORDER,)


def check(perturbations: pd.DataFrame) -> list[Row]:
    """Check Appendix D on the toy's networks, by seed.

    All parameters are perturbed for the single example. The slope is by least squares through 0,
    over all examples of one network: 1 where the first-order value is exact. Where only the last
    layer is perturbed it is exact for the exponential loss, and no check.
    """
    of_toy = perturbations["network"] == "toy"
    chosen = perturbations[of_toy & (perturbations["perturbed"] == "all")]
    methods = method_of(chosen["trained_rho"])
    (rho,) = chosen["rho"].unique()
    rows = []
    for loss in LOSSES:
        for method in TOY_METHODS:
            networks = chosen[methods == method.name].groupby("seed")
            slopes = pd.Series({seed: _slope(part, loss) for seed, part in networks}, dtype=float)
            context = CheckContext(TOY, f"toy, {loss}, trained by {method.label}", rho)
            rows.append(FIRST_ORDER.evaluate(context, slopes - 1))
    return rows


def _slope(perturbations: pd.DataFrame, loss: str) -> float:
    predicted, measured = log_ratios(perturbations, loss)
    with np.errstate(invalid="ignore", divide="ignore"):
        return float(np.float64(predicted @ measured) / (predicted @ predicted))
