"""Statistics over seeds, and over the examples of a test set."""

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.special import stdtrit

# The number of bootstrap samples.
REPLICATES = 1000


def interval(values: pd.Series, level: float = 0.95) -> tuple[float, float]:
    """Return the t-interval of the mean over seeds; the mean alone for one seed.

    Args:
        values: one number per seed; NaN for a seed that is left out.
        level: the probability with which such an interval covers the mean.
    """
    values = values.dropna()
    mean, n = values.mean(), len(values)
    half = stdtrit(n - 1, (1 + level) / 2) * values.std() / n**0.5 if n > 1 else 0.0
    return float(mean - half), float(mean + half)


def fieller(
    numerators: pd.Series, denominators: pd.Series, level: float
) -> tuple[float, float] | None:
    """Return Fieller's interval of the ratio of two paired means (Fieller 1954).

    It holds the ratios r for which the mean of numerator − r·denominator is not told from 0 by a
    t-test. None where the denominator's mean is not told from 0 on its positive side, for then the
    ratio has no bound.

    Args:
        numerators, denominators: two numbers of each seed, at least two seeds.
        level: the probability with which such an interval covers the ratio.
    """
    n = len(numerators)
    above, below = float(numerators.mean()), float(denominators.mean())
    (vaa, vab), (_, vbb) = (
        np.cov(numerators, denominators) / n * stdtrit(n - 1, (1 + level) / 2) ** 2
    )
    leading = below**2 - vbb
    if below <= 0 or leading <= 0:
        return None
    centre, root = above * below - vab, (above * below - vab) ** 2 - leading * (above**2 - vaa)
    half = max(root, 0.0) ** 0.5
    return (centre - half) / leading, (centre + half) / leading


def holm(p: pd.Series) -> pd.Series:
    """Return Holm's adjusted p-values of one family of tests (Holm 1979); NaN is no test."""
    known = p.dropna().sort_values(kind="stable")
    steps = known * np.arange(len(known), 0, -1)
    return steps.cummax().clip(upper=1).reindex(p.index)


def slopes(differences: pd.DataFrame) -> pd.DataFrame:
    """Return slopes in ρ by least squares, through the differences at each ρ and 0 at ρ = 0.

    The mean of the slopes is the slope of the mean.

    Args:
        differences: one row per ρ > 0 and learning rate and seed, the levels of its index.

    Returns:
        one row per learning rate and seed; NaN where a difference is.
    """
    rho = differences.index.unique("rho").to_numpy(float)
    centre = rho.sum() / (len(rho) + 1)
    scale = ((rho - centre) ** 2).sum() + centre**2
    weights = (differences.index.get_level_values("rho") - centre) / scale
    return differences.mul(weights, axis=0).groupby(["lr", "seed"]).sum(min_count=len(rho))


def bootstrap_errors(
    wrong: npt.NDArray[np.floating],
    groups: npt.NDArray[np.integer],
    rng: np.random.Generator,
    replicates: int = REPLICATES,
) -> npt.NDArray[np.float64]:
    """Return balanced errors on bootstrap samples of a test set, (replicates, k).

    A sample draws from every group as many examples as it has, with replacement (stratified
    bootstrap; Efron and Tibshirani 1993). All k columns see the same samples, so that differences
    between them are paired.

    Args:
        wrong: how often each of k classifiers is wrong on each of n examples, (n, k).
        groups: (n,); a balanced error is the mean of the groups' errors.
        rng: draws the samples.
        replicates: the number of samples.
    """
    errors = np.zeros((replicates, wrong.shape[1]))
    names = np.unique(groups)
    for group in names:
        of_group = wrong[groups == group]
        n = len(of_group)
        counts = rng.multinomial(n, np.full(n, 1 / n), size=replicates)
        errors += counts @ of_group / n
    return errors / len(names)
