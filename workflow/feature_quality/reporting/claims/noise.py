"""Claim 9: LSAM under noise in the features of the toy (Appendix H.1, Figure 9)."""

import pandas as pd

from feature_quality.formatting import format_number
from feature_quality.reporting.claims.verdict import TOY, Check, CheckContext, Row
from feature_quality.reporting.toy_runs import degrees, lsam_and_sgd

UNDER_NOISE = Check(
    "9",
    "LSAM's error on the spiral is lower than SGD's under noise.",
    "hard feature's error, LSAM − SGD",
    "below",
)
CHECKS = (UNDER_NOISE,)

KINDS = {
    "label": "label noise, p",
    "gaussian": "Gaussian noise, σ",
    "dropout": "feature dropout, q",
}
NOISY = {"both": "on both features", "hard": "on the hard feature"}


def check(runs: pd.DataFrame) -> list[Row]:
    """Check claim 9 for every kind of noise, on both features and on the hard one, at every level.

    The error of the hard feature on fresh points, which have no noise, is compared with SGD's under
    the same noise by seed. Level 0 is no noise, and so no check of this claim.
    """
    rows = []
    names = ["complexity", "noise", "noisy", "level"]
    for values, rho, lsam, sgd in lsam_and_sgd(runs[runs["level"] > 0], names):
        complexity, kind, noisy, level = values
        where = f"{degrees(complexity)}, {KINDS[kind]} = {format_number(level)} {NOISY[noisy]}"
        difference = lsam["hard_error"] - sgd["hard_error"]
        rows.append(UNDER_NOISE.evaluate(CheckContext(TOY, where, rho), difference))
    return rows or [UNDER_NOISE.unknown(CheckContext(TOY, "toy"), "no level of noise is above 0")]
