"""The engine: trains many toy runs at once, each with its own data, order and substitution."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from feature_quality.seeds import generator
from feature_quality.toy.distribution import Distribution, Points, train_points
from feature_quality.toy.last_layer import Substitution, importance, last_layer_gradient
from feature_quality.toy.network import Networks
from feature_quality.toy.runs import Run

# A chunk of 64 fits a CPU's caches and is the fastest there; a GPU wants more to do at a time.
# A run keeps 84 kB of weights, 16 bytes of trace per step and 32 kB of points, and its evaluation
# takes 2 MB: a chunk stays below 0.3 GB on a CPU for 90,000 steps.
CHUNK = {"cpu": 64, "cuda": 1024}


@dataclass(frozen=True)
class Stack:
    """The points of R runs, on the device.

    Attributes:
        x: float32 (R, 2, n, 2).
        y: float32 (R, n).
    """

    x: Tensor
    y: Tensor

    @classmethod
    def of(cls, points: Sequence[Points], device: torch.device) -> "Stack":
        """Stack the points of every run."""
        return cls(
            torch.from_numpy(np.stack([each.x for each in points])).to(device),
            torch.from_numpy(np.stack([each.y for each in points])).to(device),
        )

    def reordered(self, order: Tensor) -> "Stack":
        """Return the points in each run's own order (R, n), as indices."""
        index = order[:, None, :, None].expand(self.x.shape)
        return Stack(torch.gather(self.x, 2, index), torch.gather(self.y, 1, order))

    def batches(self, size: int) -> Iterator["Stack"]:
        """Yield consecutive batches of ``size`` points; the last one may have fewer."""
        for start in range(0, self.y.shape[1], size):
            yield Stack(self.x[:, :, start : start + size], self.y[:, start : start + size])


@dataclass(frozen=True)
class Trained:
    """R trained runs.

    Attributes:
        networks: at the last step.
        real: w before every step, float32 (steps, R, 2), on the CPU.
        phantom: what was put for w in every step, likewise.
    """

    networks: Networks
    real: Tensor
    phantom: Tensor


def training_set(runs: Sequence[Run], distribution: Distribution, device: torch.device) -> Stack:
    """Return the training points of every run, on ``device``."""
    return Stack.of([train_points(run, distribution) for run in runs], device)


def chunks(runs: Sequence[Run], device: torch.device) -> Iterator[list[Run]]:
    """Yield the runs in chunks that can be trained together.

    Runs of one chunk take the same number of steps at the same batch size.
    """
    shapes: dict[tuple[int, int], list[Run]] = {}
    for run in runs:
        shapes.setdefault((run.batch_size, run.steps), []).append(run)
    for same in shapes.values():
        for start in range(0, len(same), CHUNK[device.type]):
            yield same[start : start + CHUNK[device.type]]


def train(
    runs: Sequence[Run],
    distribution: Distribution,
    lr: float,
    device: torch.device,
    observe: Callable[[int, Networks], None] | None = None,
) -> Trained:
    """Train one chunk of runs by SGD with a constant learning rate, no momentum, no weight decay.

    A run's result does not depend on the other runs of its chunk.

    Args:
        runs: all of one batch size and number of steps.
        distribution: of the training points, which every run draws by its seed.
        lr: learning rate.
        device: where to compute.
        observe: called after each epoch with its number, from 1, and the networks.
    """
    batch_size, steps = runs[0].batch_size, runs[0].steps
    substitution = Substitution.of(runs, device)
    networks = Networks.initial([run.seed for run in runs], device)
    points = training_set(runs, distribution, device)
    orders = _orders([run.seed for run in runs], distribution.train_points)
    real = torch.empty(steps, len(runs), 2, device=device)
    phantom = torch.empty_like(real)
    step = epoch = 0
    while step < steps:
        for batch in points.reordered(next(orders).to(device)).batches(batch_size):
            if step == steps:
                break
            real[step] = networks.last
            phantom[step] = take_step(networks, batch, substitution, lr)
            step += 1
        epoch += 1
        if observe is not None:
            observe(epoch, networks)
    return Trained(networks, real.cpu(), phantom.cpu())


def take_step(networks: Networks, batch: Stack, substitution: Substitution, lr: float) -> Tensor:
    """Update all networks by one batch each, and return what was put for w, (R, 2).

    LSAM's second evaluation is of the last layer alone: only w is perturbed, so that φ of the batch
    is the same at the phantom parameter.
    """
    activations = networks.forward(batch.x)
    signed = activations.phi * batch.y[:, None]
    phantom, in_importance, in_rates = substitution.weights(networks.last, signed)
    weights = importance(in_importance, signed)
    slope = -(weights * batch.y)[:, None] * in_rates[:, :, None] * (lr / batch.y.shape[1])
    networks.descend(activations, slope)
    networks.last.sub_(last_layer_gradient(weights, signed), alpha=lr)
    return phantom


def _orders(seeds: Sequence[int], n: int) -> Iterator[Tensor]:
    """Yield the order of the points in each epoch, (R, n); runs of one seed share it."""
    generators = {seed: generator("toy", "order", seed) for seed in seeds}
    while True:
        orders = {seed: each.permutation(n) for seed, each in generators.items()}
        yield torch.from_numpy(np.stack([orders[seed] for seed in seeds]))
