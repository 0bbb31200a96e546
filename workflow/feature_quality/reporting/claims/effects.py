"""Claim 8 with LSAM's own weights: one of its effects at a time (ours)."""

import pandas as pd

from feature_quality.reporting.claims.verdict import TOY, Check, CheckContext, Row
from feature_quality.reporting.toy_runs import SGD_RHO, degrees, radii, setting, without_lost

ALONE = Check(
    "8e",
    "Each effect of LSAM alone, with its own w̃ of each batch, lowers the error on the spiral.",
    "hard feature's error, one effect − SGD",
    "below",
)
RATIO = Check(
    "8f",
    "The gains of LSAM's importance weights alone and of its learning rates alone are comparable.",
    "ratio of the gains of importance weights and learning rates, SGD − effect",
    "factor",
    2,
)
CHECKS = (ALONE, RATIO)

WEIGHTS = ("importance weights only, w by λ(w̃)", "importance weights only, w by λ(w)")
RATES = "learning rates only"
# What w̃ changes, and the λ by which w itself is trained.
EFFECTS = {
    ("importance_weighting", "intervention"): WEIGHTS[0],
    ("importance_weighting", "sgd"): WEIGHTS[1],
    ("learning_rate", "intervention"): RATES,
    ("direction", "intervention"): "direction of w̃ only",
    ("norm", "intervention"): "norm of w̃ only",
}


def check(effects: pd.DataFrame, trained: pd.DataFrame) -> list[Row]:
    """Check claim 8 for LSAM's own effects at every ρ, by seed.

    A run that has lost the label is dropped: what it does to the spiral is no gain.

    - 8e: w̃ stands in one term of the gradient only, or in both with w's norm or w's direction; the
      error against SGD's.
    - 8f: the ratio of the gains of the importance weights and of the learning rates, for both
      readings of what w itself follows.

    Args:
        effects: the runs of that study, at one complexity; effects that are not among them have no
            row.
        trained: the runs of the study of complexity, SGD and LSAM.
    """
    (shown,) = effects["complexity"].unique()
    effects = without_lost(effects)
    sgd = setting(without_lost(trained), complexity=shown, rho=SGD_RHO)["hard_error"]
    trained_kinds = set(zip(effects["intervention"], effects["last_follows"], strict=True))
    rows = []
    for rho in radii(effects):
        gains = {}
        for (kind, follows), name in EFFECTS.items():
            if (kind, follows) not in trained_kinds:
                continue
            runs = setting(effects, rho=rho, intervention=kind, last_follows=follows)
            gains[name] = sgd - runs["hard_error"]
            context = CheckContext(TOY, f"{degrees(shown)}, {name}", rho)
            rows.append(ALONE.evaluate(context, -gains[name]))
        for name in [name for name in WEIGHTS if name in gains]:
            context = CheckContext(TOY, f"{degrees(shown)}, {name}", rho)
            rows.append(RATIO.evaluate_ratio(context, gains[name], gains[RATES]))
    return rows
