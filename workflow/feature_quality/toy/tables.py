"""Tables of what was measured of toy runs, in the columns of ``artifacts.toy``."""

import math
from collections.abc import Sequence
from dataclasses import asdict

import numpy as np
import pandas as pd

from feature_quality.toy.distribution import Distribution, Points, draw_points
from feature_quality.toy.engine import Trained
from feature_quality.toy.measures import contours, divergence, errors, importance_weights, ratios
from feature_quality.toy.network import ToyNetwork
from feature_quality.toy.runs import Run

FEATURES = ("easy", "hard")
# The contours reach a little beyond the data, which end at ±scale.
REACH = 1.15
SIDE = 121


def run_table(
    runs: Sequence[Run], trained: Sequence[Trained], distribution: Distribution
) -> pd.DataFrame:
    """Return one row per run: what it was, its errors, and its last layer over training.

    A run that diverged has the step at which it did, and no measures.
    """
    rows = []
    for run, each in zip(runs, trained, strict=True):
        fitted = errors(each.network, draw_points(run, distribution, "train"))
        tested = errors(each.network, draw_points(run, distribution, "test"))
        measured = ratios(each.real, each.phantom)
        measured |= {"train_error": fitted["label"], "test_error": tested["label"]}
        measured |= {f"{name}_error": tested[name] for name in FEATURES}
        diverged = divergence(each)
        if diverged is not None:
            measured = dict.fromkeys(measured, math.nan)
        rows.append(asdict(run) | {"diverged_step": diverged} | measured)
    return pd.DataFrame(rows).astype({"diverged_step": "Int32"})


def epoch_table(run: Run, trained: Trained, epoch_steps: int) -> pd.DataFrame:
    """Return one row per epoch of ``epoch_steps`` steps: the mean of w̃_j/w_j over it."""
    with np.errstate(divide="ignore", invalid="ignore"):
        scaling = trained.phantom.astype(np.float64) / trained.real
    starts = range(0, len(scaling), epoch_steps)
    means = [scaling[start : start + epoch_steps].mean(0) for start in starts]
    columns = [f"{name}_scaling" for name in FEATURES]
    return pd.DataFrame(means, columns=columns).assign(
        seed=run.seed, rho=run.rho, epoch=np.arange(len(means)) + 1
    )


def point_table(
    run: Run, network: ToyNetwork, points: Points, epoch: int, rho: float
) -> pd.DataFrame:
    """Return one row per training point: its place, contributions, λ and λ̃ at ``rho``."""
    places = {
        f"{name}_x{i}": x
        for name, of_feature in zip(FEATURES, points.x, strict=True)
        for i, x in enumerate(of_feature.T, start=1)
    }
    return pd.DataFrame(places | importance_weights(network, points, run, rho)).assign(
        seed=run.seed,
        rho=run.rho,
        epoch=epoch,
        point=np.arange(len(points.y)),
        label=points.y.astype(np.int8),
    )


def contour_table(run: Run, network: ToyNetwork, distribution: Distribution) -> pd.DataFrame:
    """Return one row per feature and place in its plane: f_j on a square grid around 0."""
    extents = [REACH * scale for scale in (distribution.easy_scale, distribution.hard_scale)]
    tables = [
        pd.DataFrame({"feature": name, "x1": x1, "x2": x2, "value": value})
        for name, (x1, x2), value in zip(FEATURES, *contours(network, extents, SIDE), strict=True)
    ]
    return pd.concat(tables, ignore_index=True).assign(seed=run.seed, rho=run.rho)
