"""What is measured of toy runs: errors, the last layer over training, importance weights."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from scipy.special import expit

from feature_quality.seeds import generator
from feature_quality.toy.distribution import EASY, HARD, Points
from feature_quality.toy.engine import Trained, rule_of
from feature_quality.toy.kernel import Floats, last_layer_gradient, substitute
from feature_quality.toy.network import Array, ToyNetwork
from feature_quality.toy.runs import Run

# Points that are evaluated at a time, to bound the memory.
SLICE = 500

Doubles = npt.NDArray[np.float64]


def errors(network: ToyNetwork, points: Points) -> dict[str, float]:
    """Return the errors on points: ``label``, ``easy`` and ``hard``.

    A feature is right where y·w_j f_j(x_j) > 0, the label where y·f(x) > 0 (Section 5.1): no probe
    is needed, and 0 is wrong.
    """
    last = network.last.astype(np.float64)
    wrong = []
    for part in points.batches(SLICE):
        easy, hard = last[:, None] * _signed(network, part)
        wrong.append(np.stack([easy + hard, easy, hard]) <= 0)
    label, easy, hard = np.concatenate(wrong, axis=1).mean(1).tolist()
    return {"label": label, "easy": easy, "hard": hard}


def divergence(trained: Trained) -> int | None:
    """Return the step, counted from 1, at which a run stopped being finite; None if none."""
    traced = np.all(np.isfinite([trained.real, trained.phantom]), axis=(0, 2))
    if not traced.all():
        return int(np.argmin(traced)) + 1
    ended = all(np.isfinite(each).all() for each in trained.network.arrays().values())
    return None if ended else len(traced)


def ratios(real: Floats, phantom: Floats) -> dict[str, float]:
    """Summarise the traces (steps, 2) of the last layer over training.

    ``*_ratio_*`` are of w_h/w_e and w̃_h/w̃_e, ``*_scaling`` is the mean of w̃_j/w_j (Section 6),
    and ``*_relative_scaling`` that of (w̃_j/‖w̃‖)/(w_j/‖w‖), all in float64.
    ``phantom_easy_nonpositive`` is the share of steps with w̃_e ≤ 0: the mean of the ratio breaks
    there.
    """
    real, phantom = real.astype(np.float64), phantom.astype(np.float64)
    summary = {}
    with np.errstate(divide="ignore", invalid="ignore"):
        for name, weights in (("real", real), ("phantom", phantom)):
            ratio = weights[:, HARD] / weights[:, EASY]
            means = weights.mean(0)
            summary[f"{name}_ratio_mean"] = float(ratio.mean())
            summary[f"{name}_ratio_median"] = float(np.median(ratio))
            summary[f"{name}_ratio_of_means"] = float(means[HARD] / means[EASY])
        scaling = (phantom / real).mean(0)
        shares = [each / np.linalg.norm(each, axis=1, keepdims=True) for each in (real, phantom)]
        relative = (shares[1] / shares[0]).mean(0)
    summary["phantom_easy_nonpositive"] = float((phantom[:, EASY] <= 0).mean())
    for j, name in ((EASY, "easy"), (HARD, "hard")):
        summary[f"{name}_scaling"] = float(scaling[j])
        summary[f"{name}_relative_scaling"] = float(relative[j])
    return summary


def importance_weights(
    network: ToyNetwork, points: Points, run: Run, rho: float
) -> dict[str, Doubles]:
    """Return what the figures about importance weights need of every training point.

    The batches are those of a fixed seeded order, of the size of training; the phantom weight of
    an example is LSAM's at radius ``rho`` for its own batch, and its random weight is that at a
    random direction of the same length, one per batch.

    Returns:
        ``easy_contribution`` and ``hard_contribution``, y·w_j f_j(x_j); ``weight``, λ(w);
        ``phantom_weight``, λ(w̃); and ``random_weight``; each (n,) in the order of ``points``.
    """
    signed = _signed(network, points)
    last = network.last.astype(np.float64)
    contributions = last[:, None] * signed
    phantom_weight, random_weight = np.empty_like(signed)
    lsam = rule_of(Run(run.seed, run.complexity, run.batch_size, run.steps, rho=rho))
    order = generator("toy", "importance", run.seed).permutation(len(points.y))
    source = generator("toy", "random direction", run.seed)
    w = (float(last[EASY]), float(last[HARD]))
    for start in range(0, len(order), run.batch_size):
        batch = order[start : start + run.batch_size]
        part = np.ascontiguousarray(signed[:, batch])
        phantom = np.array(substitute(lsam, w, last_layer_gradient(w, part)))
        direction = source.standard_normal(2)
        moved = last + rho * direction / np.linalg.norm(direction)
        phantom_weight[batch], random_weight[batch] = expit(-np.stack([phantom, moved]) @ part)
    return {
        "easy_contribution": contributions[EASY],
        "hard_contribution": contributions[HARD],
        "weight": expit(-contributions.sum(0)),
        "phantom_weight": phantom_weight,
        "random_weight": random_weight,
    }


def contours(network: ToyNetwork, extents: Sequence[float], side: int) -> tuple[Floats, Floats]:
    """Evaluate f_e and f_h on square grids around 0.

    Args:
        network: what is evaluated.
        extents: half the width of the grid of either feature.
        side: number of places along each side.

    Returns:
        the places, (2 features, 2 coordinates, side²), and f_j there, (2 features, side²).
    """
    axis = np.linspace(-1, 1, side, dtype=np.float32)
    unit = np.stack(np.meshgrid(axis, axis)).reshape(2, -1)
    places = np.array(extents, np.float32)[:, None, None] * unit
    x = places.transpose(0, 2, 1)
    parts = [network.forward(x[:, i : i + SLICE]) for i in range(0, side**2, SLICE)]
    return places, np.concatenate(parts, axis=1)


def margin(network: ToyNetwork, point: Points) -> Array:
    """Return y·f(x), a scalar, at one point."""
    return (network.last @ network.forward(point.x) * point.y).squeeze()


def _signed(network: ToyNetwork, points: Points) -> Doubles:
    """Return y·φ of every point, float64 (2, n)."""
    signed: Doubles = network.forward(points.x).astype(np.float64) * points.y
    return signed
