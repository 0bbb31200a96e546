"""The toy studies, and the parts in which they are trained, one job each."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from feature_quality.formatting import format_number

INTERVENTIONS = ("importance_weighting", "learning_rate", "both")
NOISY = ("both", "hard")
BUDGETS = ("updates", "epochs")


def parts(
    study: str,
    *,
    seeds: Sequence[int],
    shown: Mapping[str, float],
    distribution: Mapping[str, Any],
    training: Mapping[str, Any],
    grid: Mapping[str, Any],
) -> dict[str, dict[str, list[Any]]]:
    """Return the axes of every part of a study, by the part's name, for ``runs.expand_grid``.

    The arguments after ``study`` are the toy's section of the configuration. A part is what one
    changed value retrains: one complexity, kind of noise, norm of the interventions, or batch size
    and budget.
    """

    def steps(batch_size: int) -> int:
        return math.ceil(int(distribution["train_points"]) / batch_size) * int(training["epochs"])

    base: dict[str, list[Any]] = {
        "complexity": [shown["complexity"]],
        "batch_size": [training["batch_size"]],
        "steps": [steps(training["batch_size"])],
    }
    last: dict[str, list[Any]] = {"seed": list(seeds)}
    compared = {"rho": [0.0, shown["rho"]]}
    radii = {"rho": list(grid["rho"])}
    if study == "complexity":
        return {
            f"complexity={format_number(value)}": base | {"complexity": [value]} | radii | last
            for value in grid["complexity"]
        }
    if study == "dynamics":
        return {"runs": base | compared | last}
    if study == "interventions":
        varied = {"intervention": list(INTERVENTIONS), "alpha": list(grid["alpha"])}
        return {
            f"kappa={value}": base | {"kappa": [value]} | varied | last for value in grid["kappa"]
        }
    if study == "noise":
        return {
            f"noise={kind}": base
            | {"noise": [kind], "noisy": list(NOISY), "level": list(levels)}
            | compared
            | last
            for kind, levels in grid["noise"].items()
        }
    if study == "batch_size":
        return {
            f"batch_size={size},equal={budget}": base
            | {"batch_size": [size], "budget": [budget]}
            | {"steps": [steps(training["batch_size"] if budget == "updates" else size)]}
            | radii
            | last
            for size in grid["batch_size"]
            for budget in BUDGETS
        }
    # Appendix D looks into the networks of the dynamics, and trains none.
    if study == "appendix_d":
        return {}
    raise ValueError(study)
