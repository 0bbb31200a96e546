"""Claim 10: LSAM's gain and best ρ at each batch size of the toy (Appendix H.2, Figure 10)."""

import math

import pandas as pd

from feature_quality.formatting import format_number
from feature_quality.reporting.claims.verdict import ERRORS, TOY, Check, CheckContext, Row
from feature_quality.reporting.toy_runs import SGD_RHO, degrees, radii, setting

# The batch size of all other studies of the toy, with which others are compared (Appendix B).
USUAL = 5

FADES = Check(
    "10a",
    "LSAM's gain over SGD is smaller at the largest batch size than at the usual one.",
    "gain at the largest batch size − gain at batch size 5, of SGD − LSAM hard feature's error",
    "below",
)
SAME_RHO = Check(
    "10b",
    "The ρ that is best at the usual batch size is as good as the best at another.",
    "hard feature's error, at batch size 5's best ρ − at the best ρ",
    "within",
    ERRORS,
)
CHECKS = (FADES, SAME_RHO)

BUDGETS = {"updates": "equal updates", "epochs": "equal epochs"}


def check(runs: pd.DataFrame) -> list[Row]:
    """Check claim 10 at equal numbers of updates and of epochs, by seed.

    - 10a: the gain is SGD's error less LSAM's; the largest batch size of the sweep is compared with
      batch size 5 at every ρ.
    - 10b: the best ρ, 0 included, has the lowest mean error over seeds (ties: the smaller ρ). If
      that of batch size 5 costs no more than 0.02 against the best at another batch size, the two
      are similar; the paper says no number.
    """
    sizes = sorted(runs["batch_size"].unique())
    others = [size for size in sizes if size != USUAL]
    if USUAL not in sizes or max(sizes) == USUAL:
        reason = f"batch size {USUAL} and a larger one are not both among the runs"
        return [check.unknown(CheckContext(TOY, "toy"), reason) for check in CHECKS]
    rows = []
    (complexity,) = runs["complexity"].unique()
    radii_of_all = sorted(runs["rho"].unique())
    for budget, equal in BUDGETS.items():
        errors = {
            size: {
                rho: setting(runs, budget=budget, batch_size=size, rho=rho)["hard_error"]
                for rho in radii_of_all
            }
            for size in sizes
        }
        where = f"{degrees(complexity)}, {equal}, batch size"
        for rho in radii(runs):
            usual, largest = (
                errors[size][SGD_RHO] - errors[size][rho] for size in (USUAL, sizes[-1])
            )
            context = CheckContext(TOY, f"{where} {sizes[-1]}", rho)
            rows.append(FADES.evaluate(context, largest - usual))
        best = {size: _best(of_size) for size, of_size in errors.items()}
        for size in others:
            cost = errors[size][best[USUAL]] - errors[size][best[size]]
            note = f"best ρ {format_number(best[size])}, "
            note += f"and {format_number(best[USUAL])} at batch size {USUAL}"
            if radii_of_all[-1] in (best[size], best[USUAL]):
                note += f" (the largest ρ is {format_number(radii_of_all[-1])})"
            context = CheckContext(TOY, f"{where} {size}")
            rows.append(SAME_RHO.evaluate(context, cost, note if cost.notna().any() else ""))
    return rows


def _best(errors: dict[float, pd.Series]) -> float:
    """Return the ρ with the lowest mean error over the seeds that finished; ties: the smaller."""
    means = {rho: of_rho.mean() for rho, of_rho in errors.items()}
    return min(means, key=lambda rho: (math.isnan(means[rho]), means[rho], rho))
