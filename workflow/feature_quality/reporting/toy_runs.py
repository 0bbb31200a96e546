"""What the tables of the toy's runs say: the method of a run, its setting, its ratio of weights."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd

from feature_quality.formatting import format_number
from feature_quality.methods import BASELINE, METHODS

# The toy's tables have a column for ρ and none for the method: there are two, and this ρ is SGD's.
TOY_METHODS = (BASELINE, METHODS["lsam"])
SGD_RHO = 0.0

# What interventions, and the norms of their weights, are called.
INTERVENTIONS = {
    "importance_weighting": "importance weighting",
    "learning_rate": "learning rate",
    "both": "both",
}
KAPPAS = {"constant": "κ = √2", "tracking": "κ = ‖w‖"}

# The ratio w̃_h/w̃_e has a pole. Its mean over training is no summary where more of the steps have
# w̃_e ≤ 0, or where a few steps near 0 carry it farther from the median than that is from 0.
MOST_NONPOSITIVE = 0.01
# A run whose error on its training labels is above this has lost the label: what it does to the
# spiral is no longer a gain, and its weights are those of no solution.
LABEL_LOST = 0.02
DROPPED_WITH_LABEL = [
    *("hard_error", "real_ratio_mean", "phantom_ratio_mean", "phantom_ratio_median"),
    *("phantom_easy_nonpositive", "easy_scaling", "hard_scaling"),
    *("easy_relative_scaling", "hard_relative_scaling"),
]


def method_of(rho: pd.Series) -> pd.Series:
    """Return the name of the method of each ρ."""
    sgd, lsam = TOY_METHODS
    return pd.Series(np.where(rho == SGD_RHO, sgd.name, lsam.name), index=rho.index)


def radii(runs: pd.DataFrame) -> list[float]:
    """Return LSAM's ρ, from small to large."""
    return sorted(runs.loc[method_of(runs["rho"]) == TOY_METHODS[1].name, "rho"].unique())


def setting(runs: pd.DataFrame, **values: Any) -> pd.DataFrame:
    """Return the runs whose columns have these values, by seed.

    A run that diverged is there, with NaN for every measure.
    """
    chosen = runs
    for column, value in values.items():
        chosen = chosen[chosen[column] == value]
    return chosen.set_index("seed").sort_index()


def lsam_and_sgd(
    runs: pd.DataFrame, names: list[str]
) -> Iterator[tuple[tuple[Any, ...], float, pd.DataFrame, pd.DataFrame]]:
    """Yield the values of some columns, LSAM's ρ, and the runs of LSAM and of SGD, by seed."""
    for values, part in runs.groupby(names, sort=False):
        sgd = setting(part, rho=SGD_RHO)
        for rho in radii(part):
            yield values, rho, setting(part, rho=rho), sgd


def lost(runs: pd.DataFrame) -> pd.Series:
    """Say which runs have lost the label."""
    return runs["train_error"] > LABEL_LOST


def without_lost(runs: pd.DataFrame) -> pd.DataFrame:
    """Return the runs with NaN for ``DROPPED_WITH_LABEL`` of those that have lost the label."""
    return runs.assign(**runs[DROPPED_WITH_LABEL].mask(lost(runs)))


def lost_points(runs: pd.DataFrame, by: list[str]) -> pd.Series:
    """Return the hard feature's mean error of each setting of which a run has lost the label.

    Args:
        runs: the runs.
        by: the columns that name a setting.
    """
    settings: Any = runs.assign(lost=lost(runs)).groupby(by)
    means: pd.Series = settings["hard_error"].mean()[settings["lost"].any()]
    return means


def lost_note(runs: pd.DataFrame) -> str:
    """Say of how many runs the label is lost."""
    number = int(lost(runs).sum())
    return f"label lost in {number} of {len(runs)} runs" if number else ""


def lost_text(runs: pd.DataFrame, drawn: str) -> list[str]:
    """Return what a caption adds where runs have lost the label; ``drawn`` says if it has them."""
    note = lost_note(runs)
    return [f"{drawn}: {note} (training error above {LABEL_LOST:g})."] if note else []


def pole_text(kept: pd.DataFrame, where: str) -> list[str]:
    """Return what a caption adds where some of the runs that kept the label are not comparable."""
    text = (
        "has no point where a component of the phantom weights is negative in most steps of a run"
    )
    return [] if comparable(kept).all() else [f"{where} {text}."]


def diverged_text(runs: pd.DataFrame) -> list[str]:
    """Return what a caption adds where runs diverged, which have no measures."""
    number = int(runs["diverged_step"].notna().sum())
    return [f"Diverged, and left out: {number} of {len(runs)} runs."] if number else []


def degrees(complexity: float) -> str:
    """Name the toy at one rotation of the spiral."""
    return f"toy, {format_number(complexity)}°"


def phantom_ratio(runs: pd.DataFrame) -> pd.Series:
    """Return each run's mean over training of w̃_h/w̃_e, or its median where that breaks."""
    return runs["phantom_ratio_mean"].where(~breaks(runs), runs["phantom_ratio_median"])


def comparable(runs: pd.DataFrame) -> pd.Series:
    """Say which rows belong to a (complexity, ρ) in which w̃_h/w̃_e is positive in all known runs.

    Elsewhere a component of w̃ is negative in most steps of some run: they are beyond the pole.
    """
    positive = ~(phantom_ratio(runs) <= 0)
    return positive.groupby([runs["complexity"], runs["rho"]]).transform("all")


def breaks(runs: pd.DataFrame) -> pd.Series:
    """Say which rows belong to a (complexity, ρ) where the mean of w̃_h/w̃_e breaks in some run."""
    nonpositive = runs["phantom_easy_nonpositive"] > MOST_NONPOSITIVE
    mean, median = runs["phantom_ratio_mean"], runs["phantom_ratio_median"]
    beyond = (mean - median).abs() > median.abs()
    return (nonpositive | beyond).groupby([runs["complexity"], runs["rho"]]).transform("any")
