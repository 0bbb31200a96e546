"""What is measured of toy runs: errors, the last layer over training, importance weights."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import torch
from scipy.special import expit
from torch import Tensor

from feature_quality.seeds import generator
from feature_quality.toy.distribution import EASY, HARD
from feature_quality.toy.engine import Stack, Trained, rule_of
from feature_quality.toy.kernel import last_layer_gradient, substitute
from feature_quality.toy.network import Networks
from feature_quality.toy.runs import Run

# Points that are evaluated at a time, to bound the memory.
SLICE = 500

Array = npt.NDArray[np.float64]


def errors(networks: Networks, points: Stack) -> dict[str, Array]:
    """Return the errors of R models, each on its own points: ``label``, ``easy``, ``hard``, (R,).

    A feature is right where y·w_j f_j(x_j) > 0, the label where y·f(x) > 0 (Section 5.1): no probe
    is needed, and 0 is wrong.
    """
    last = networks.last.double()
    wrong = []
    for part in points.batches(SLICE):
        easy, hard = (last[:, :, None] * _signed(networks, part)).unbind(1)
        wrong.append(torch.stack([easy + hard, easy, hard]) <= 0)
    label, easy, hard = torch.cat(wrong, dim=2).double().mean(2).numpy()
    return {"label": label, "easy": easy, "hard": hard}


def divergence(trained: Trained) -> list[int | None]:
    """Return the step, counted from 1, at which each run stopped being finite; None if none."""
    steps, models, _ = trained.real.shape
    traced = torch.isfinite(trained.real).all(2) & torch.isfinite(trained.phantom).all(2)
    weights = [tensor.reshape(models, -1) for tensor in trained.networks.tensors().values()]
    ended = torch.isfinite(torch.cat(weights, dim=1)).all(1)
    found: list[int | None] = []
    for run, finite_end in zip(traced.unbind(1), ended.tolist(), strict=True):
        if not run.all():
            found.append(int(torch.argmin(run.int())) + 1)
        else:
            found.append(None if finite_end else steps)
    return found


def ratios(real: Tensor, phantom: Tensor) -> list[dict[str, float]]:
    """Summarise the traces (steps, R, 2) of the last layer over training, one mapping per run.

    ``*_ratio_*`` are of w_h/w_e and w̃_h/w̃_e, ``*_scaling`` is the mean of w̃_j/w_j (Section 6),
    and ``*_relative_scaling`` that of (w̃_j/‖w̃‖)/(w_j/‖w‖), all in float64.
    ``phantom_easy_nonpositive`` is the share of steps with w̃_e ≤ 0: the mean of the ratio breaks
    there.
    """
    return [
        _ratios(real[:, run].numpy().astype("f8"), phantom[:, run].numpy().astype("f8"))
        for run in range(real.shape[1])
    ]


def _ratios(real: Array, phantom: Array) -> dict[str, float]:
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
    networks: Networks, points: Stack, runs: Sequence[Run], rho: float
) -> dict[str, Array]:
    """Return what the figures about importance weights need of every training point.

    The batches are those of a fixed seeded order, of the size of training; the phantom weight of
    an example is LSAM's at radius ``rho`` for its own batch, and its random weight is that at a
    random direction of the same length, one per batch.

    Returns:
        ``easy_contribution`` and ``hard_contribution``, y·w_j f_j(x_j); ``weight``, λ(w);
        ``phantom_weight``, λ(w̃); and ``random_weight``; each (R, n) in the order of ``points``.
    """
    signed = _signed(networks, points).numpy()
    lasts = networks.last.double().numpy()
    contributions = lasts[:, :, None] * signed
    phantom_weight, random_weight = np.empty_like(signed).transpose(1, 0, 2)
    for i, (run, last) in enumerate(zip(runs, lasts, strict=True)):
        lsam = rule_of(Run(run.seed, run.complexity, run.batch_size, run.steps, rho=rho))
        order = generator("toy", "importance", run.seed).permutation(signed.shape[2])
        source = generator("toy", "random direction", run.seed)
        w = (float(last[EASY]), float(last[HARD]))
        for start in range(0, len(order), run.batch_size):
            batch = order[start : start + run.batch_size]
            part = np.ascontiguousarray(signed[i][:, batch])
            phantom = np.array(substitute(lsam, w, last_layer_gradient(w, part)))
            direction = source.standard_normal(2)
            moved = last + rho * direction / np.linalg.norm(direction)
            phantom_weight[i, batch], random_weight[i, batch] = expit(
                -np.stack([phantom, moved]) @ part
            )
    return {
        "easy_contribution": contributions[:, EASY],
        "hard_contribution": contributions[:, HARD],
        "weight": expit(-contributions.sum(1)),
        "phantom_weight": phantom_weight,
        "random_weight": random_weight,
    }


def contours(
    networks: Networks, extents: Sequence[float], side: int
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """Evaluate f_e and f_h of R models on square grids around 0.

    Args:
        networks: the models.
        extents: half the width of the grid of either feature.
        side: number of places along each side.

    Returns:
        the places, (2 features, 2 coordinates, side²), and f_j there, (2 features, R, side²).
    """
    axis = torch.linspace(-1, 1, side)
    unit = torch.stack(torch.meshgrid(axis, axis, indexing="xy")).view(2, -1)
    places = torch.tensor(extents)[:, None, None] * unit
    x = places.transpose(1, 2)
    everyone = x.expand(networks.last.shape[0], -1, -1, -1)
    values = [networks.forward(part) for part in torch.split(everyone, SLICE, dim=2)]
    return places.numpy(), torch.cat(values, dim=2).transpose(0, 1).numpy()


def margin(networks: Networks, point: Stack) -> Tensor:
    """Return y·f(x), a scalar, of one model at one point of its own; autograd can follow it."""
    return (networks.last[0] @ networks.forward(point.x)[0] * point.y[0]).squeeze()


def _signed(networks: Networks, points: Stack) -> Tensor:
    """Return y·φ of every point, float64 (R, 2, n)."""
    return networks.forward(points.x).double() * points.y[:, None]
