"""Statistics over seeds."""

import pandas as pd
from scipy.stats import t


def interval(values: pd.Series) -> tuple[float, float]:
    """Return the 95 % t-interval of the mean over seeds; the mean alone for one seed."""
    values = values.dropna()
    mean, n = values.mean(), len(values)
    half = t.ppf(0.975, n - 1) * values.std() / n**0.5 if n > 1 else 0.0
    return float(mean - half), float(mean + half)
