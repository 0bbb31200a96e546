"""The ratio w̃_h/w̃_e of toy runs, and where its mean over training is no summary."""

import pandas as pd

# The ratio has a pole. Its mean over training is no summary where more of the steps have w̃_e ≤ 0,
# or where a few steps near 0 carry it this many times beyond the median.
MOST_NONPOSITIVE = 0.01
MOST_TIMES_MEDIAN = 2


def phantom_ratio(runs: pd.DataFrame) -> pd.Series:
    """Return each run's mean over training of w̃_h/w̃_e, or its median where that breaks."""
    return runs["phantom_ratio_mean"].where(~breaks(runs), runs["phantom_ratio_median"])


def breaks(runs: pd.DataFrame) -> pd.Series:
    """Say which rows belong to a (complexity, ρ) where the mean of w̃_h/w̃_e breaks in some run."""
    nonpositive = runs["phantom_easy_nonpositive"] > MOST_NONPOSITIVE
    beyond = runs["phantom_ratio_mean"] > MOST_TIMES_MEDIAN * runs["phantom_ratio_median"]
    return (nonpositive | beyond).groupby([runs["complexity"], runs["rho"]]).transform("any")
