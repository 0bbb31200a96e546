"""By how much the weight of a single example rises, measured and predicted (Appendix D)."""

import numpy as np
import pandas as pd
from scipy.special import expit

from feature_quality.reporting.lorenz import Array

LOSSES = ("exponential loss", "logistic loss")


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
