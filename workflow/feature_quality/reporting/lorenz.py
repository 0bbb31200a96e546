"""How evenly importance weights are spread: Lorenz curves and Gini coefficients."""

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]


def lorenz(weights: npt.ArrayLike) -> tuple[Array, Array]:
    """Return the Lorenz curve of n weights ≥ 0, top points first (Section 6.2).

    Returns:
        the share of points and the cumulative share of the total weight, each (n + 1,), both from
        0 to 1. The diagonal is uniform, and the curve lies on it or above. The share of the weight
        is NaN if all weights are 0.
    """
    ordered = np.sort(np.asarray(weights, dtype=np.float64))[::-1]
    cumulative = np.concatenate([[0.0], np.cumsum(ordered)])
    with np.errstate(invalid="ignore"):
        return np.linspace(0, 1, len(cumulative)), cumulative / cumulative[-1]


def gini(weights: npt.ArrayLike) -> float:
    """Return the Gini coefficient of n weights ≥ 0: 0 if equal, 1 − 1/n if only one is not 0.

    It is NaN if all are 0, where no share is defined.
    """
    ascending = np.sort(np.asarray(weights, dtype=np.float64))
    n, total = len(ascending), ascending.sum()
    if total == 0:
        return float("nan")
    return float(2 * (np.arange(1, n + 1) @ ascending) / (n * total) - (n + 1) / n)
