"""The toy studies, and the parts in which they are trained, one job each."""

import math
from collections.abc import Mapping, Sequence
from itertools import product
from typing import Any

from feature_quality.formatting import format_number
from feature_quality.toy.runs import Run

INTERVENTIONS = ("importance_weighting", "learning_rate", "both")
# One effect of LSAM at a time, with its own w̃ of each batch: what w itself may follow. It makes a
# difference only where w̃ stands in the importance weights.
EFFECTS = {
    "importance_weighting": ("intervention", "sgd"),
    "learning_rate": ("intervention",),
    "direction": ("intervention",),
    "norm": ("intervention",),
}
SCALES = ("easy_scale", "hard_scale")
NOISY = ("both", "hard")
BUDGETS = ("updates", "epochs")


def parts(
    *,
    seeds: Sequence[int],
    shown: Mapping[str, float],
    distribution: Mapping[str, Any],
    training: Mapping[str, Any],
    grid: Mapping[str, Any],
    lost_constants: Mapping[str, Any],
) -> dict[str, dict[str, dict[str, list[Any]]]]:
    """Return the axes of every part of every study, for ``runs.expand_grid``, by their names.

    The arguments are the toy's section of the configuration. A part is what one changed value
    retrains: one complexity, kind of noise, norm of the interventions, effect, batch size and
    budget, or setting of the constants.
    """

    def steps(batch_size: int, epochs: float | None = None) -> int:
        passes = int(epochs or training["epochs"])
        return math.ceil(int(distribution["train_points"]) / batch_size) * passes

    base: dict[str, list[Any]] = {
        "complexity": [shown["complexity"]],
        "batch_size": [training["batch_size"]],
        "steps": [steps(training["batch_size"])],
    }
    last: dict[str, list[Any]] = {"seed": list(seeds)}
    compared = {"rho": [0.0, shown["rho"]]}
    radii = {"rho": list(grid["rho"])}
    varied = {"intervention": list(INTERVENTIONS), "alpha": list(grid["alpha"])}
    alone = {
        "intervention": [None, "importance_weighting", "learning_rate"],
        "rho": list(lost_constants["rho"]),
        "seed": list(lost_constants["seeds"]),
    }
    return {
        "complexity": {
            f"complexity={format_number(value)}": base | {"complexity": [value]} | radii | last
            for value in grid["complexity"]
        },
        "dynamics": {"runs": base | compared | last},
        "interventions": {
            f"kappa={value}": base | {"kappa": [value]} | varied | last for value in grid["kappa"]
        },
        "effects": {
            f"effect={name}": base
            | {"intervention": [name], "last_follows": list(follows)}
            | radii
            | last
            for name, follows in EFFECTS.items()
        },
        "constants": {
            name: base
            | _constant_axes(setting, distribution)
            | {"steps": [steps(training["batch_size"], setting.get("epochs"))]}
            | alone
            for name, setting in _constant_settings(distribution, training, lost_constants).items()
        },
        "noise": {
            f"noise={kind}": base
            | {"noise": [kind], "noisy": list(NOISY), "level": list(levels)}
            | compared
            | last
            for kind, levels in grid["noise"].items()
        },
        "batch_size": {
            f"batch_size={size},equal={budget}": base
            | {"batch_size": [size], "budget": [budget]}
            | {"steps": [steps(training["batch_size"] if budget == "updates" else size)]}
            | radii
            | last
            for size in grid["batch_size"]
            for budget in BUDGETS
        },
    }


def _constant_settings(
    distribution: Mapping[str, Any], training: Mapping[str, Any], values: Mapping[str, Any]
) -> dict[str, dict[str, float]]:
    """Return what each setting of the constants changes, by its name.

    They are the documented point, one constant varied at a time, and the pairs of extreme scales.
    The noise of the spiral, ``jitter``, is a share of its scale here.
    """
    documented = {name: distribution[name] for name in ("gap", "easy_scale", "hard_scale")}
    documented["jitter"] = distribution["jitter"] / distribution["hard_scale"]
    documented |= {"epochs": training["epochs"], "initial": Run.initial, "width": Run.width}
    changes: list[dict[str, float]] = [{}]
    for name, value in documented.items():
        changes += [{name: other} for other in values[name] if not math.isclose(other, value)]
    ends = ({min(scales), max(scales)} for scales in (values[name] for name in SCALES))
    for pair in product(*map(sorted, ends)):
        change = {
            name: value
            for name, value in zip(SCALES, pair, strict=True)
            if not math.isclose(value, documented[name])
        }
        # Where the documented scale is an extreme, the pair may be the change of one scale.
        if change not in changes:
            changes.append(change)
    return {
        ",".join(f"{name}={format_number(value)}" for name, value in each.items())
        or "documented": each
        for each in changes
    }


def _constant_axes(
    setting: Mapping[str, float], distribution: Mapping[str, Any]
) -> dict[str, list[float]]:
    """Return the axes by which the runs of a setting differ from those of the documented point."""
    changed = {name: value for name, value in setting.items() if name != "epochs"}
    if "jitter" in setting or "hard_scale" in setting:
        scale = distribution["hard_scale"]
        share = setting.get("jitter", distribution["jitter"] / scale)
        changed["jitter"] = share * setting.get("hard_scale", scale)
    return {name: [value] for name, value in changed.items()}
