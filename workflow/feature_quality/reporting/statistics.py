"""Statistics over seeds."""

import numpy as np
import pandas as pd
from scipy.stats import t


def interval(values: pd.Series, level: float = 0.95) -> tuple[float, float]:
    """Return the t-interval of the mean over seeds; the mean alone for one seed.

    Args:
        values: one number per seed; NaN for a seed that is left out.
        level: the probability with which such an interval covers the mean.
    """
    values = values.dropna()
    mean, n = values.mean(), len(values)
    half = t.ppf((1 + level) / 2, n - 1) * values.std() / n**0.5 if n > 1 else 0.0
    return float(mean - half), float(mean + half)


def holm(p: pd.Series) -> pd.Series:
    """Return Holm's adjusted p-values of one family of tests (Holm 1979); NaN is no test."""
    known = p.dropna().sort_values(kind="stable")
    steps = known * np.arange(len(known), 0, -1)
    return steps.cummax().clip(upper=1).reindex(p.index)
