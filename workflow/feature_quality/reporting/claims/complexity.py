"""Claims 3, 4 and 7: LSAM on the toy at each complexity and ρ (Sections 5.2, 6.1 and 6.2)."""

from itertools import pairwise
from typing import Any

import pandas as pd

from feature_quality.reporting.claims.verdict import (
    ERRORS,
    RATIOS,
    TOY,
    Check,
    CheckContext,
    Row,
)
from feature_quality.reporting.toy_runs import (
    breaks,
    comparable,
    degrees,
    lost_note,
    lsam_and_sgd,
    setting,
    without_lost,
)

TRAINING_ERROR = Check(
    "3a",
    "The training error is zero, under SGD and under LSAM.",
    "training error",
    "within",
    ERRORS,
)
HARD_ERROR = Check(
    "3b",
    "The error on the spiral falls with ρ: at each ρ it is below SGD's, which is ρ = 0.",
    "hard feature's error, LSAM − SGD",
    "below",
)
EASY_ERROR = Check(
    "3c",
    "The linear feature is learned, under SGD and under LSAM.",
    "easy feature's error",
    "within",
    ERRORS,
)
MONOTONE = Check(
    "3d",
    "The error on the spiral falls from each ρ of the sweep to the next.",
    "hard feature's error, at this ρ − at the next smaller ρ",
    "below",
)
PHANTOM_RATIO = Check(
    "4a",
    "w̃_h/w̃_e grows with ρ: at each ρ it is above SGD's, which is ρ = 0.",
    "w̃_h/w̃_e over training, LSAM − SGD",
    "above",
)
REAL_RATIO = Check(
    "4b",
    "w_h/w_e stays nearly constant: at each ρ it is SGD's, which is ρ = 0.",
    "w_h/w_e over training, LSAM/SGD − 1",
    "within",
    RATIOS,
)
HARD_SCALING = Check(
    "7a",
    "LSAM raises the learning rate of the hard feature: w̃_h/w_h > 1.",
    "w̃_h/w_h over training, less 1",
    "above",
)
EASY_SCALING = Check(
    "7b",
    "LSAM lowers the learning rate of the easy feature: w̃_e/w_e < 1.",
    "w̃_e/w_e over training, less 1",
    "below",
)
SCALINGS = Check(
    "7c",
    "LSAM changes the learning rates in favour of the hard feature: w̃_h/w_h > w̃_e/w_e (ours).",
    "over training, w̃_h/w_h − w̃_e/w_e",
    "above",
)
RELATIVE_HARD = Check(
    "7d",
    "Relative to ‖w‖, LSAM raises the learning rate of the hard feature.",
    "(w̃_h/‖w̃‖)/(w_h/‖w‖) over training, less 1",
    "above",
)
RELATIVE_EASY = Check(
    "7e",
    "Relative to ‖w‖, LSAM lowers the learning rate of the easy feature.",
    "(w̃_e/‖w̃‖)/(w_e/‖w‖) over training, less 1",
    "below",
)

CHECKS = (
    *(TRAINING_ERROR, HARD_ERROR, EASY_ERROR, MONOTONE, PHANTOM_RATIO, REAL_RATIO),
    *(HARD_SCALING, EASY_SCALING, SCALINGS, RELATIVE_HARD, RELATIVE_EASY),
)


def check(runs: pd.DataFrame) -> list[Row]:
    """Check claims 3, 4 and 7 at every complexity, on the runs of that study.

    What the paper says of growth with ρ is checked by the difference between LSAM at each ρ and SGD
    with the same seed, which is ρ = 0:

    - 3a (Section 5.2): the training error is zero if its 90 % interval lies within ±0.02. There is
      nothing to pair it with; each ρ, 0 included, has a row.
    - 3b (Section 5.2, Figure 2A): the error of the hard feature on fresh points.
    - 3c (Section 5.2): the error of the easy feature, as 3a.
    - 3d (the same): the difference between neighbours in ρ, which is stricter than 3b.
    - 4a (Section 6.1, Figure 2B): the mean over training of w̃_h/w̃_e. Where that mean breaks in
      some run, as in the figure, the medians of both runs are compared. SGD's w̃ is w.
    - 4b (the same): the mean over training of w_h/w_e, relative to SGD's.
    - 7a, 7b, 7c (Section 6.2, Figure 4): means over training of w̃_j/w_j, which are 1 for SGD; 7c is
      weaker than 7a and 7b together, and ours.
    - 7d, 7e (ours): the same for each weight's share of the norm. w̃ − w points against SGD's step,
      so that w̃_j/w_j falls below 1 wherever w_j grows.

    A run that has lost the label is dropped, but in 3a and 3c. Where the median of w̃_h/w̃_e of some
    other run is not positive, a component of w̃ is negative in most of its steps: 4a is beyond the
    ratio's pole, a negative learning rate is neither raised nor lowered, and 4a and 7 are not run.
    """
    rows = []
    runs = without_lost(runs)
    about = {"broken": breaks(runs), "comparable": comparable(runs)}
    runs = runs.assign(**about).sort_values("complexity", kind="stable")
    settings: Any = runs.groupby(["complexity", "rho"])
    for (value, rho), part in settings:
        errors = part["train_error"]
        exact = f"exactly 0 in {int((errors == 0).sum())} of {len(errors)} runs"
        context = CheckContext(TOY, degrees(value), rho)
        rows.append(TRAINING_ERROR.evaluate(context, errors, exact))
        rows.append(EASY_ERROR.evaluate(context, part["easy_error"]))
    for value in runs["complexity"].unique():
        part = runs[runs["complexity"] == value]
        for smaller, rho in pairwise(sorted(part["rho"].unique())):
            before, errors = (setting(part, rho=each)["hard_error"] for each in (smaller, rho))
            context = CheckContext(TOY, degrees(value), rho)
            rows.append(MONOTONE.evaluate(context, errors - before))
    for (value,), rho, lsam, sgd in lsam_and_sgd(runs, ["complexity"]):
        context = CheckContext(TOY, degrees(value), rho)
        broken = bool(lsam["broken"].any())
        summary, note = ("median", "medians, as the mean breaks") if broken else ("mean", "")
        column = f"phantom_ratio_{summary}"
        hard, easy = lsam["hard_scaling"], lsam["easy_scaling"]
        of_phantom = {
            PHANTOM_RATIO: lsam[column] - sgd[column],
            HARD_SCALING: hard - 1,
            EASY_SCALING: easy - 1,
            SCALINGS: hard - easy,
            RELATIVE_HARD: lsam["hard_relative_scaling"] - 1,
            RELATIVE_EASY: lsam["easy_relative_scaling"] - 1,
        }
        real = lsam["real_ratio_mean"] / sgd["real_ratio_mean"] - 1
        rows += [
            HARD_ERROR.evaluate(context, lsam["hard_error"] - sgd["hard_error"], lost_note(lsam)),
            REAL_RATIO.evaluate(context, real),
        ]
        for each, values in of_phantom.items():
            if lsam["comparable"].all():
                rows.append(each.evaluate(context, values, note if each is PHANTOM_RATIO else ""))
            else:
                rows.append(each.unknown(context, "a component of w̃ is negative in most steps"))
    return rows
