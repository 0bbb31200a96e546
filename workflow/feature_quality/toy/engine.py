"""The engine: trains a toy run with its own data, order and rule for w."""

import math
from collections.abc import Collection
from dataclasses import dataclass, field

import numpy as np

from feature_quality.seeds import generator
from feature_quality.toy.distribution import Distribution, draw_points
from feature_quality.toy.kernel import LANES, Floats, Rule, train_epoch
from feature_quality.toy.network import ToyNetwork
from feature_quality.toy.runs import Run


@dataclass(frozen=True)
class Trained:
    """A trained run.

    Attributes:
        network: at the last step.
        real: w before every step, float32 (steps, 2).
        phantom: what was put for w in every step, likewise.
        snapshots: the network at the ends of epochs, by their numbers, from 1.
    """

    network: ToyNetwork
    real: Floats
    phantom: Floats
    snapshots: dict[int, ToyNetwork] = field(default_factory=dict)


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


def train(run: Run, distribution: Distribution, lr: float, kept: Collection[int] = ()) -> Trained:
    """Train a run by SGD with a constant learning rate, no momentum, no weight decay.

    Args:
        run: what is trained.
        distribution: of the training points, which the run draws by its seed.
        lr: learning rate.
        kept: numbers of the epochs, from 1, at whose ends a snapshot is taken.
    """
    points = draw_points(run, distribution, "train")
    order = generator("toy", "order", run.seed)
    network = ToyNetwork.initial(run.seed, run.width, run.initial)
    shapes = {name: each.shape for name, each in network.layers.items()}
    layers = tuple(_padded(each, run.width) for each in network.layers.values())
    last = network.last
    real = np.empty((run.steps, 2), np.float32)
    phantom = np.empty_like(real)

    def present() -> ToyNetwork:
        cut = zip(shapes.items(), layers, strict=True)
        found = {name: layer[tuple(map(slice, shape))].copy() for (name, shape), layer in cut}
        return ToyNetwork.of(found | {"last": last.copy()})

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
    return Trained(present(), real, phantom, snapshots)


def _padded(layer: Floats, width: int) -> Floats:
    """Return a copy with the units of hidden layers filled up with zeros to whole vectors."""
    missing = -width % LANES
    return np.pad(layer, [(0, missing if axis == width else 0) for axis in layer.shape])
