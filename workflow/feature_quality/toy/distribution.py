"""The toy's data: a linear and a spiral feature, each predictive of the label (Appendix E)."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import numpy.typing as npt

from feature_quality.seeds import generator
from feature_quality.toy.network import Array
from feature_quality.toy.runs import Run

EASY, HARD = 0, 1


@dataclass(frozen=True)
class Distribution:
    """The constants of the data.

    Attributes:
        train_points, test_points: numbers of points.
        gap: least |u| of the linear feature, before its scale.
        easy_scale, hard_scale: scales of the two features.
        inner_radius: where the spiral starts, before its scale; it ends at 1.
        jitter: half-width of the uniform noise on the spiral, after its scale.
    """

    train_points: int
    test_points: int
    gap: float
    easy_scale: float
    hard_scale: float
    inner_radius: float
    jitter: float


@dataclass(frozen=True)
class Points:
    """n points.

    Attributes:
        x: float32 (2, n, 2), the two coordinates of the easy and of the hard feature.
        y: float32 (n,), the labels −1 and 1.
    """

    x: Array
    y: Array

    def batches(self, size: int) -> Iterator["Points"]:
        """Yield consecutive batches of ``size`` points; the last one may have fewer."""
        for start in range(0, len(self.y), size):
            yield Points(self.x[:, start : start + size], self.y[start : start + size])


def spiral(
    position: npt.ArrayLike, complexity: float, inner_radius: float
) -> npt.NDArray[np.float64]:
    """Return the points (n, 2) of the arm of label 1 at positions (n,) in [0, 1], before the scale.

    The arm starts at ``inner_radius``, ends at radius 1 and turns by ``complexity`` degrees.
    """
    position = np.asarray(position, dtype=np.float64)
    radius = inner_radius + (1 - inner_radius) * position
    angle = np.deg2rad(complexity) * position
    return np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=-1)


def draw_points(run: Run, distribution: Distribution, split: Literal["train", "test"]) -> Points:
    """Draw the training set of a run, noise and all, or fresh points, which never have noise.

    All random numbers depend on the seed alone, so runs that differ in complexity, in the level of
    their noise or in which features have it see the same points otherwise.
    """
    noise = run.noise if split == "train" else None
    n = distribution.train_points if split == "train" else distribution.test_points
    own = {name: getattr(run, name) for name in ("gap", "easy_scale", "hard_scale", "jitter")}
    changed = {name: value for name, value in own.items() if value is not None}
    distribution = replace(distribution, **changed)
    rng = generator("toy", split, run.seed)
    y = rng.choice([-1.0, 1.0], n)
    magnitude = rng.uniform(distribution.gap, 1, n)
    arm = spiral(rng.uniform(0, 1, n), run.complexity, distribution.inner_radius)
    jitter = rng.uniform(-distribution.jitter, distribution.jitter, (n, 2))

    labels = np.stack([y, y])
    if noise == "label":
        labels = np.where(_chosen(run, n), -labels, labels)
    x = np.zeros((2, n, 2))
    x[EASY, :, 0] = distribution.easy_scale * labels[EASY] * magnitude
    x[HARD] = distribution.hard_scale * labels[HARD, :, None] * arm + jitter
    if noise == "gaussian":
        normal = generator("toy", "gaussian", run.seed).standard_normal((2, n, 2))
        x += run.level * normal * _has_noise(run)[:, None, None]
    if noise == "dropout":
        x = np.where(_chosen(run, n)[..., None], 0.0, x)
    return Points(x.astype(np.float32), y.astype(np.float32))


def _chosen(run: Run, n: int) -> npt.NDArray[np.bool_]:
    """Say which of the features (2, n) the noise strikes, each with a probability of the level."""
    assert run.noise is not None
    uniform = generator("toy", run.noise, run.seed).uniform(0, 1, (2, n))
    return (uniform < run.level) & _has_noise(run)[:, None]


def _has_noise(run: Run) -> npt.NDArray[np.bool_]:
    return np.array([run.noisy == "both", True])
