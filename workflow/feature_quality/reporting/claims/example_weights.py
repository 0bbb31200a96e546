"""Claims 5 and 6: how evenly, and to which examples, the weights are spread (Section 6.2)."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from feature_quality.artifacts.prepared import Description
from feature_quality.methods import Method
from feature_quality.reporting.claims.probing import Selections, missing, without_runs
from feature_quality.reporting.claims.verdict import (
    NOT_TOLD,
    TOY,
    Check,
    CheckContext,
    Row,
    kind_of,
    left_open,
)
from feature_quality.reporting.lorenz import gini
from feature_quality.reporting.toy_runs import degrees
from feature_quality.reporting.weighted_points import FEWEST, WeightedPoints

FIXED = Check(
    "5a",
    "At fixed parameters, the phantom weights λ̃ are more uniform than the weights λ.",
    "Gini coefficient, λ̃ − λ",
    "below",
)
TRAINED = Check(
    "5b",
    "The λ̃ of the method's network are more uniform than the λ of SGD's network.",
    "Gini coefficient, λ̃ of the method's network − λ of SGD's",
    "below",
)
CONTROL = Check(
    "5c",
    "At fixed parameters, λ̃ are more uniform than the weights at a random perturbation of the same "
    "length (ours, a control of 5a).",
    "Gini coefficient, λ̃ − weights at a random perturbation",
    "below",
)
# Within one network: each check with the measure that decides it.
WITHIN = {
    "phantom_less_real_gini": FIXED,
    "phantom_less_random_gini": CONTROL,
    "hard_half": Check(
        "6a",
        "Points poorly fit by the hard feature gain weight: the half with the lower contribution.",
        "these points' share of the weight, λ̃ − λ",
        "above",
    ),
    "hard_wrong": Check(
        "6b",
        "Points poorly fit by the hard feature gain weight: those that it gets wrong.",
        "these points' share of the weight, λ̃ − λ",
        "above",
    ),
    "easy_half": Check(
        "6c",
        "Points poorly fit by the easy feature lose weight: the half with the lower contribution.",
        "these points' share of the weight, λ̃ − λ",
        "below",
    ),
    "easy_wrong": Check(
        "6d",
        "Points poorly fit by the easy feature lose weight: those that it gets wrong.",
        "these points' share of the weight, λ̃ − λ",
        "below",
    ),
    "phantom_median": Check(
        "6e",
        "The median λ̃ is higher where the easy contribution exceeds the hard one.",
        "log10 of the median λ̃ there over that elsewhere",
        "above",
    ),
    "real_median": Check(
        "6f",
        "The median λ is higher where the easy contribution exceeds the hard one.",
        "log10 of the median λ there over that elsewhere",
        "above",
    ),
    "joint": Check(
        "6g",
        "Points well fit by the easy and poorly fit by the hard feature gain weight: easy "
        "contribution above its median, hard one not.",
        "these points' share of the weight, λ̃ − λ",
        "above",
    ),
    "joint_signs": Check(
        "6h",
        "Points well fit by the easy and poorly fit by the hard feature gain weight: right by the "
        "easy, wrong by the hard feature.",
        "these points' share of the weight, λ̃ − λ",
        "above",
    ),
    "joint_less_opposite": Check(
        "6i",
        "They gain more than the opposite points: easy contribution not above its median, hard one "
        "above it.",
        "share of the weight, λ̃ − λ, less that of the opposite points",
        "above",
    ),
    "joint_less_opposite_signs": Check(
        "6j",
        "They gain more than the opposite points: wrong by the easy, right by the hard feature.",
        "share of the weight, λ̃ − λ, less that of the opposite points",
        "above",
    ),
}
CHECKS = (FIXED, TRAINED, *(check for check in WITHIN.values() if check is not FIXED))


def check(points: WeightedPoints) -> list[Row]:
    """Check claims 5 and 6 on the toy or on one dataset, at each checkpoint.

    The last checkpoint is the end of training (Figures 3 and 5), the others are those of Appendix
    G. λ̃ is always at the ρ of the method that is compared with SGD: (L)SAM, or another one beside
    it. Every check but 5b is made on the network that SGD trained and on that which the method
    trained, each by itself.

    - 5a: the Gini coefficient of λ̃ less that of λ, of one network.
    - 5b: that of the method's λ̃ less that of SGD's λ, paired by seed.
    - 5c: that of λ̃ less that of the weights at a random perturbation, of one network: a control.
    - 6a, 6c: the share of the total weight that lies on the half of the points with the lower
      contribution of the feature, by λ̃ less by λ, of one network. "Poorly fit" can also be read as
      wrong: 6b, 6d take the points with a contribution of 0 or less.
    - 6e, 6f: the median weight of the points whose easy contribution exceeds the hard one, over
      that of the others, log10, by λ̃ and by λ (the paper does not say by which). λ falls with the
      sum of both contributions, and the points on either side differ in their sums too. A seed
      with fewer than five points on a side has no such number, as such a bin has in the figures.
    - 6g to 6j: the paper's own sentence, which 6a to 6d read for each feature alone: the share of
      the weight on points that the easy feature fits well and the hard one poorly, and that less
      the share of the opposite points.

    In claim 6, a seed without such points is dropped, and where SGD's errors do not tell the easy
    feature from the hard one, every check is open.
    """
    data, where, seeds, note = _subject(points)
    measures = _measures(points.points)
    sgd, compared = points.methods

    def at(name: str, method: Method, epoch: int) -> pd.Series:
        """Return a measure by seed."""
        found = measures[(measures["method"] == method.name) & (measures["epoch"] == epoch)]
        return found.set_index("seed")[name].reindex(seeds)

    def context(place: str, epoch: int) -> CheckContext:
        return CheckContext(data, place, points.rho, epoch, compared.name)

    rows = []
    for epoch in points.epochs:
        difference = at("phantom_gini", compared, epoch) - at("real_gini", sgd, epoch)
        rows.append(TRAINED.evaluate(context(where, epoch), difference, note))
    for method in points.methods:
        for epoch in points.epochs:
            trained = context(f"{where}, trained by {method.label}", epoch)
            rows += [
                check.evaluate(trained, at(measure, method, epoch), note)
                for measure, check in WITHIN.items()
            ]
    if points.told_apart:
        return rows
    return [left_open(row, NOT_TOLD) if row["claim"] == 6 else row for row in rows]


def absent(descriptions: Sequence[Description], selections: Selections) -> list[Row]:
    """Return rows, not run, for the datasets of two features without weights to compare."""
    rows = without_runs(descriptions, selections, CHECKS)
    return rows + missing([each.dataset for each in descriptions], CHECKS)


def _subject(points: WeightedPoints) -> tuple[str, str, list[int], str]:
    """Return kind and name of the data, the seeds, and a note."""
    about = points.about
    if points.of_toy:
        (complexity,) = about["axes"]["complexity"]
        return TOY, degrees(complexity), sorted(points.points["seed"].unique()), ""
    settings = ", ".join(f"{each.label} at lr {points.rate(each)}" for each in points.methods)
    return (
        kind_of(about["demonstration"], about["custom"]),
        about["title"],
        sorted({run["seed"] for run in about["runs"]}),
        f"easy: {about['easy']}, hard: {about['hard']}; {settings}",
    )


def _measures(points: pd.DataFrame) -> pd.DataFrame:
    """Return one row per network, seed and checkpoint; NaN for what is not defined."""
    rows = []
    for (method, seed, epoch), part in points.groupby(["method", "seed", "epoch"]):
        measured = {} if part.isna().any(axis=None) else _measure(part)
        rows.append({"method": method, "seed": seed, "epoch": epoch} | measured)
    names = ["method", "seed", "epoch", "real_gini", "phantom_gini", *WITHIN]
    return pd.DataFrame(rows, columns=names).replace([np.inf, -np.inf], np.nan)


def _measure(points: pd.DataFrame) -> dict[str, float]:
    """Return the measures of one network at one checkpoint; infinite or NaN if not defined."""
    real, phantom = points["weight"], points["phantom_weight"]
    easy, hard = points["easy_contribution"], points["hard_contribution"]
    with np.errstate(divide="ignore", invalid="ignore"):
        moved = phantom / phantom.sum() - real / real.sum()
        measured = {
            "real_gini": gini(real),
            "phantom_gini": gini(phantom),
            "phantom_less_real_gini": gini(phantom) - gini(real),
            "phantom_less_random_gini": gini(phantom) - gini(points["random_weight"]),
            "phantom_median": _log_ratio_of_medians(phantom, easy > hard),
            "real_median": _log_ratio_of_medians(real, easy > hard),
        }
    for feature, contribution in (("easy", easy), ("hard", hard)):
        lower = contribution <= contribution.median()
        measured[f"{feature}_half"] = moved[lower].sum(min_count=1)
        measured[f"{feature}_wrong"] = moved[contribution <= 0].sum(min_count=1)
    for name, easy_well, hard_well in (
        ("", easy > easy.median(), hard > hard.median()),
        ("_signs", easy > 0, hard > 0),
    ):
        joint = moved[easy_well & ~hard_well].sum(min_count=1)
        opposite = moved[~easy_well & hard_well].sum(min_count=1)
        measured[f"joint{name}"] = joint
        measured[f"joint_less_opposite{name}"] = joint - opposite
    return measured


def _log_ratio_of_medians(values: pd.Series, chosen: pd.Series) -> float:
    """Return log10 of the median of some points' values over that of the others'; NaN if few."""
    here, elsewhere = values[chosen], values[~chosen]
    if min(len(here), len(elsewhere)) < FEWEST:
        return float("nan")
    return float(np.log10(np.float64(here.median()) / np.float64(elsewhere.median())))
