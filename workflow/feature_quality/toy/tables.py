"""Tables of what was measured of toy runs, in the columns of ``artifacts.toy``."""

from collections.abc import Sequence
from dataclasses import asdict

import numpy as np
import pandas as pd

from feature_quality.toy.distribution import Distribution, test_points
from feature_quality.toy.engine import Stack, Trained, training_set
from feature_quality.toy.measures import contours, divergence, errors, importance_weights, ratios
from feature_quality.toy.network import Networks
from feature_quality.toy.runs import Run

FEATURES = ("easy", "hard")
# The contours reach a little beyond the data, which end at ±scale.
REACH = 1.15
SIDE = 121


def run_table(runs: Sequence[Run], trained: Trained, distribution: Distribution) -> pd.DataFrame:
    """Return one row per run: what it was, its errors, and its last layer over training.

    A run that diverged has the step at which it did, and no measures.
    """
    fitted = errors(trained.networks, training_set(runs, distribution))
    fresh = [test_points(run, distribution) for run in runs]
    tested = errors(trained.networks, Stack.of(fresh))
    measured = pd.DataFrame(ratios(trained.real, trained.phantom)).assign(
        train_error=fitted["label"],
        test_error=tested["label"],
        easy_error=tested["easy"],
        hard_error=tested["hard"],
    )
    diverged = pd.Series(divergence(trained), dtype="Int32")
    measured = measured.mask(diverged.notna())
    return pd.DataFrame(map(asdict, runs)).assign(diverged_step=diverged).join(measured)


def epoch_table(runs: Sequence[Run], trained: Trained, epoch_steps: int) -> pd.DataFrame:
    """Return one row per run and epoch of ``epoch_steps`` steps: the mean of w̃_j/w_j over it."""
    with np.errstate(divide="ignore", invalid="ignore"):
        scaling = trained.phantom.astype(np.float64) / trained.real
    tables = []
    for epoch, start in enumerate(range(0, len(scaling), epoch_steps), start=1):
        means = scaling[start : start + epoch_steps].mean(0)
        columns = {f"{name}_scaling": means[:, j] for j, name in enumerate(FEATURES)}
        tables.append(_of_runs(runs).assign(epoch=epoch, **columns))
    return pd.concat(tables, ignore_index=True)


def point_table(
    runs: Sequence[Run], networks: Networks, training: Stack, epoch: int, rho: float
) -> pd.DataFrame:
    """Return one row per run and training point: place, contributions, λ and λ̃ at ``rho``."""
    models, n = training.y.shape
    measured = importance_weights(networks, training, runs, rho)
    easy, hard = training.x.transpose(1, 0, 2, 3).reshape(2, models * n, 2)
    return _of_runs(runs, n).assign(
        epoch=epoch,
        point=np.tile(np.arange(n), models),
        label=training.y.ravel().astype(np.int8),
        easy_x1=easy[:, 0],
        easy_x2=easy[:, 1],
        hard_x1=hard[:, 0],
        hard_x2=hard[:, 1],
        **{name: values.ravel() for name, values in measured.items()},
    )


def contour_table(
    runs: Sequence[Run], networks: Networks, distribution: Distribution
) -> pd.DataFrame:
    """Return one row per run, feature and place in its plane: f_j on a square grid around 0."""
    extents = [REACH * scale for scale in (distribution.easy_scale, distribution.hard_scale)]
    grid, values = contours(networks, extents, SIDE)
    tables = [
        _of_runs(runs, SIDE**2).assign(
            feature=name, x1=np.tile(x1, len(runs)), x2=np.tile(x2, len(runs)), value=value.ravel()
        )
        for name, (x1, x2), value in zip(FEATURES, grid, values, strict=True)
    ]
    return pd.concat(tables, ignore_index=True)


def _of_runs(runs: Sequence[Run], rows: int = 1) -> pd.DataFrame:
    """Name each run in ``rows`` rows."""
    return pd.DataFrame(
        {
            "seed": np.repeat([run.seed for run in runs], rows),
            "rho": np.repeat([run.rho for run in runs], rows),
        }
    )
