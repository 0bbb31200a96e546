"""Claim 9: LSAM under noise in the features of the toy (Appendix H.1, Figure 9)."""

import pandas as pd

from feature_quality.formatting import format_number
from feature_quality.reporting.claims.verdict import (
    TOY,
    Check,
    CheckContext,
    Row,
    evaluate,
    not_run,
)
from feature_quality.reporting.toy_runs import SGD_RHO, degrees, radii, setting

UNDER_NOISE = Check(
    "9",
    "LSAM's error on the spiral is lower than SGD's under noise.",
    "hard feature's error, LSAM − SGD",
    "below",
)

KINDS = {
    "label": "label noise, p",
    "gaussian": "Gaussian noise, σ",
    "dropout": "feature dropout, q",
}
NOISY = {"both": "on both features", "hard": "on the hard feature"}


def noise(runs: pd.DataFrame | None) -> list[Row]:
    """Check claim 9 for every kind of noise, on both features and on the hard one, at every level.

    The error of the hard feature on fresh points, which have no noise, is compared with SGD's under
    the same noise by seed. Level 0 is no noise, and so no check of this claim.
    """
    if runs is None:
        return not_run([UNDER_NOISE])
    rows = []
    settings = runs.loc[runs["level"] > 0, ["noise", "noisy", "level"]].drop_duplicates()
    for kind, noisy, level in settings.itertuples(index=False):
        part = runs[(runs["noise"] == kind) & (runs["noisy"] == noisy) & (runs["level"] == level)]
        sgd = setting(part, rho=SGD_RHO)["hard_error"]
        (complexity,) = part["complexity"].unique()
        where = f"{degrees(complexity)}, {KINDS[kind]} = {format_number(level)} {NOISY[noisy]}"
        for rho in radii(part):
            difference = setting(part, rho=rho)["hard_error"] - sgd
            rows.append(evaluate(UNDER_NOISE, CheckContext(TOY, where, rho), difference))
    return rows
