"""Claim 8: LSAM's two effects on the toy, each alone and both together (Section 6.2, Figure 6)."""

import numpy as np
import pandas as pd

from feature_quality.formatting import format_number
from feature_quality.reporting.claims.verdict import ERRORS, TOY, Check, CheckContext, Row
from feature_quality.reporting.toy_runs import (
    INTERVENTIONS,
    KAPPAS,
    SGD_RHO,
    breaks,
    degrees,
    phantom_ratio,
    radii,
    setting,
    without_lost,
)

ALONE = Check(
    "8a",
    "Each intervention alone lowers the error on the spiral below SGD's.",
    "hard feature's error, intervention − SGD",
    "below",
)
COMPARABLE = Check(
    "8b",
    "The gains of the two interventions are comparable.",
    "hard feature's error, importance weighting − learning rate",
    "within",
    ERRORS,
)
TOGETHER = Check(
    "8c",
    "Both interventions together match LSAM at the same ratio of weights.",
    "hard feature's error, both interventions − LSAM",
    "within",
    ERRORS,
)
RATIO = Check(
    "8d",
    "The gains of the two interventions are comparable: neither is twice the other.",
    "ratio of the gains of importance weighting and learning rate, SGD − intervention",
    "factor",
    2,
)
CHECKS = (ALONE, COMPARABLE, TOGETHER, RATIO)

ALONE_KINDS = ("importance_weighting", "learning_rate")


def check(intervened: pd.DataFrame, trained: pd.DataFrame) -> list[Row]:
    """Check claim 8 for every κ, by seed.

    A run that has lost the label is dropped: what it does to the spiral is no gain.

    - 8a: at every α above SGD's own ratio (its w_h/w_e, mean over training and seeds), for the
      effects are those of a raised ratio; the error against SGD's.
    - 8b: at the same α; the error of one intervention against that of the other. 8d: the ratio of
      their gains, SGD's error less that of the intervention.
    - 8c: at every ρ of LSAM; the error of both together at LSAM's ratio, which is the run's mean
      over training of w̃_h/w̃_e (its median where the mean breaks, as in the figure). Between the
      α of the sweep the error is interpolated linearly in log α; beyond them it is not known.

    Args:
        intervened: the runs of that study, at one complexity.
        trained: the runs of the study of complexity, SGD and LSAM.
    """
    (shown,) = intervened["complexity"].unique()
    intervened, trained = without_lost(intervened), without_lost(trained)
    trained = trained[trained["complexity"] == shown]
    sgd = setting(trained, rho=SGD_RHO)
    ratio = sgd["real_ratio_mean"].mean()
    raised = sorted(intervened.loc[intervened["alpha"] > ratio, "alpha"].unique())
    rows = []
    for kappa in sorted(intervened["kappa"].unique()):
        where = f"{degrees(shown)}, {KAPPAS[kappa]}"
        of_kappa = intervened[intervened["kappa"] == kappa]
        if not raised:
            reason = "no α of the sweep is above SGD's own ratio"
            context = CheckContext(TOY, where)
            rows += [check.unknown(context, reason) for check in (ALONE, COMPARABLE, RATIO)]
        for alpha in raised:
            errors = {
                name: setting(of_kappa, intervention=name, alpha=alpha)["hard_error"]
                for name in ALONE_KINDS
            }
            at = f"{where}, α = {format_number(alpha)}"
            for name, error in errors.items():
                context = CheckContext(TOY, f"{at}, {INTERVENTIONS[name]}")
                rows.append(ALONE.evaluate(context, error - sgd["hard_error"]))
            difference = errors["importance_weighting"] - errors["learning_rate"]
            rows.append(COMPARABLE.evaluate(CheckContext(TOY, at), difference))
            weights, rates = (sgd["hard_error"] - errors[name] for name in ALONE_KINDS)
            rows.append(RATIO.evaluate_ratio(CheckContext(TOY, at), weights, rates))
        both = of_kappa[of_kappa["intervention"] == "both"]
        rows += _together(both, trained, where)
    return rows


def _together(both: pd.DataFrame, trained: pd.DataFrame, where: str) -> list[Row]:
    trained = trained.assign(ratio=phantom_ratio(trained), broken=breaks(trained))
    alphas = sorted(both["alpha"].unique())
    errors = pd.DataFrame({alpha: setting(both, alpha=alpha)["hard_error"] for alpha in alphas})
    rows = []
    for rho in radii(trained):
        lsam = setting(trained, rho=rho)
        context = CheckContext(TOY, where, rho)
        if lsam["ratio"].notna().any() and not lsam["ratio"].between(alphas[0], alphas[-1]).any():
            rows.append(TOGETHER.unknown(context, "LSAM's ratio lies beyond the α of the sweep"))
            continue
        at_ratio = _interpolated(errors.reindex(lsam.index), lsam["ratio"])
        difference = at_ratio - lsam["hard_error"]
        note = f"LSAM's ratio {lsam['ratio'].min():.2f} to {lsam['ratio'].max():.2f}"
        if lsam["broken"].any():
            note += ", medians, as the mean breaks"
        known = difference.notna().any()
        rows.append(TOGETHER.evaluate(context, difference, note if known else ""))
    return rows


def _interpolated(errors: pd.DataFrame, ratios: pd.Series) -> pd.Series:
    """Return each seed's error at its ratio; NaN beyond the sweep, and beside runs that diverged.

    Args:
        errors: one row per seed, one column per α.
        ratios: by seed; NaN for a run that diverged.
    """
    alphas = np.log(errors.columns.to_numpy(dtype=float))
    with np.errstate(divide="ignore", invalid="ignore"):
        places = np.log(ratios)
    found = [
        np.interp(place, alphas, curve, left=np.nan, right=np.nan)
        for place, curve in zip(places, errors.to_numpy(), strict=True)
    ]
    return pd.Series(found, index=ratios.index)
