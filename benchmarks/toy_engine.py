"""Measure the toy engine against a plain loop over single runs.

``make benchmark`` runs it. Both sides train LSAM with its two evaluations, in one process of one
thread, in turns; a figure is the median of the turns, and a turn's ratio is of steps that were
timed one after the other. The loop's SGD, with one evaluation, stands beside it: a loop that knew
that φ does not change would cost about that.
"""

import platform
import statistics
import time
from collections.abc import Callable
from functools import partial
from importlib.metadata import version

import torch

from feature_quality.config.toy import Toy
from feature_quality.toy.distribution import Distribution
from feature_quality.toy.engine import train
from feature_quality.toy.runs import Run
from plain_toy import train_plainly

TURNS = 9
PLAIN_STEPS = 600
COMPILED_STEPS = 18_000
BATCH_SIZES = (1, 5, 50, 300)
LR = 0.01
RHO = 0.5
DISTRIBUTION = Distribution(**Toy().distribution.model_dump())


def plain(rho: float) -> float:
    """Return the microseconds of a step of the loop."""
    start = time.perf_counter()
    train_plainly(Run(0, 270.0, 5, PLAIN_STEPS, rho=rho), DISTRIBUTION, LR)
    return (time.perf_counter() - start) / PLAIN_STEPS * 1e6


def compiled(batch_size: int) -> float:
    """Return the microseconds of a step of the engine."""
    steps = COMPILED_STEPS // batch_size
    start = time.perf_counter()
    train(Run(0, 270.0, batch_size, steps, rho=RHO), DISTRIBUTION, LR)
    return (time.perf_counter() - start) / steps * 1e6


def main() -> None:
    """Print the table."""
    torch.set_num_threads(1)
    sides: dict[str, Callable[[], float]] = {
        "plain loop": partial(plain, RHO),
        "its SGD": partial(plain, 0.0),
        **{f"engine, {size}": partial(compiled, size) for size in BATCH_SIZES},
    }
    times: dict[str, list[float]] = {name: [] for name in sides}
    # The first turn is not counted: compiling and first calls.
    for turn in range(TURNS + 1):
        for name, side in sides.items():
            each = side()
            if turn > 0:
                times[name].append(each)
    versions = f"torch {version('torch')}, numba {version('numba')}"
    print(f"{platform.machine()}, one process of one thread, {versions}; batches of 5 but for …")
    print(f"{'':>12}{'µs a step':>12}{'plain loop over it':>20}")
    for name, values in times.items():
        ratios = [one / other for one, other in zip(times["plain loop"], values, strict=True)]
        same_batch = name in ("its SGD", "engine, 5")
        ratio = f"{statistics.median(ratios):.0f}" if same_batch else ""
        print(f"{name:>12}{statistics.median(values):>12.1f}{ratio:>20}")


if __name__ == "__main__":
    main()
