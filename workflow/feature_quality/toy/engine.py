"""The engine: trains toy runs one after the other, each with its own data, order and rule for w."""

import math
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from feature_quality.seeds import generator
from feature_quality.toy.distribution import Distribution, Points, train_points
from feature_quality.toy.kernel import LANES, Floats, Rule, train_epoch
from feature_quality.toy.network import Array, Networks
from feature_quality.toy.runs import Run


@dataclass(frozen=True)
class Stack:
    """The points of R runs.

    Attributes:
        x: float32 (R, 2, n, 2).
        y: float32 (R, n).
    """

    x: Array
    y: Array

    @classmethod
    def of(cls, points: Sequence[Points]) -> "Stack":
        """Stack the points of every run."""
        return cls(np.stack([each.x for each in points]), np.stack([each.y for each in points]))

    def batches(self, size: int) -> Iterator["Stack"]:
        """Yield consecutive batches of ``size`` points; the last one may have fewer."""
        for start in range(0, self.y.shape[1], size):
            yield Stack(self.x[:, :, start : start + size], self.y[:, start : start + size])


@dataclass(frozen=True)
class Trained:
    """R trained runs.

    Attributes:
        networks: at the last step.
        real: w before every step, float32 (steps, R, 2).
        phantom: what was put for w in every step, likewise.
        snapshots: the networks at the ends of epochs, by their numbers, from 1.
    """

    networks: Networks
    real: Floats
    phantom: Floats
    snapshots: dict[int, Networks] = field(default_factory=dict)


def training_set(runs: Sequence[Run], distribution: Distribution) -> Stack:
    """Return the training points of every run."""
    return Stack.of([train_points(run, distribution) for run in runs])


def train(
    runs: Sequence[Run], distribution: Distribution, lr: float, kept: Collection[int] = ()
) -> Trained:
    """Train runs by SGD with a constant learning rate, no momentum, no weight decay.

    A run's result does not depend on the other runs.

    Args:
        runs: all of one number of steps and one width.
        distribution: of the training points, which every run draws by its seed.
        lr: learning rate.
        kept: numbers of the epochs, from 1, at whose ends a snapshot is taken.
    """
    trained = [_train(run, distribution, lr, kept) for run in runs]
    epochs = trained[0].snapshots
    return Trained(
        Networks.stacked([each.networks for each in trained]),
        np.concatenate([each.real for each in trained], axis=1),
        np.concatenate([each.phantom for each in trained], axis=1),
        {epoch: Networks.stacked([each.snapshots[epoch] for each in trained]) for epoch in epochs},
    )


def rule_of(run: Run) -> Rule:
    """Return what a run puts for w."""
    return Rule(
        rho=float(run.rho),
        alpha=math.nan if run.alpha is None else float(run.alpha),
        tracking=run.kappa == "tracking",
        in_importance=run.intervention != "learning_rate",
        in_rates=run.intervention != "importance_weighting",
        keeps_norm=run.intervention == "direction",
        keeps_direction=run.intervention == "norm",
        plain_last=run.last_follows == "sgd",
    )


def _train(run: Run, distribution: Distribution, lr: float, kept: Collection[int]) -> Trained:
    points = train_points(run, distribution)
    order = generator("toy", "order", run.seed)
    networks = Networks.initial([run.seed], run.width, run.initial)
    shapes = {name: each.shape for name, each in networks.layers.items()}
    layers = tuple(_padded(each, run.width) for each in networks.layers.values())
    last = networks.last[0]
    real = np.empty((run.steps, 2), np.float32)
    phantom = np.empty_like(real)

    def present() -> Networks:
        cut = zip(shapes.items(), layers, strict=True)
        found = {name: layer[tuple(map(slice, shape))].copy() for (name, shape), layer in cut}
        return Networks.of(found | {"last": last[None].copy()})

    snapshots = {}
    epoch_steps = math.ceil(len(points.y) / run.batch_size)
    for epoch, start in enumerate(range(0, run.steps, epoch_steps), start=1):
        steps = slice(start, start + epoch_steps)
        train_epoch(
            *(order.permutation(len(points.y)), points.x, points.y, run.batch_size, lr),
            *(rule_of(run), layers, last, real[steps], phantom[steps]),
        )
        if epoch in kept:
            snapshots[epoch] = present()
    return Trained(present(), real[:, None], phantom[:, None], snapshots)


def _padded(layer: Floats, width: int) -> Floats:
    """Return a copy with the units of hidden layers filled up with zeros to whole vectors."""
    missing = -width % LANES
    return np.pad(layer, [(0, missing if axis == width else 0) for axis in layer.shape])
