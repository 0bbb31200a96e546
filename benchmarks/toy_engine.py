"""Measure the toy engine against a plain loop over single runs.

``make benchmark`` runs it. Both sides train LSAM with its two evaluations, in two processes of one
thread each at the same time, in turns; a figure is the median of the turns. The loop's SGD, with
one evaluation, stands beside it: a loop that knew that φ does not change would cost about that.
"""

import multiprocessing
import platform
import statistics
import time
from collections.abc import Callable
from functools import partial
from importlib.metadata import version

import torch

from feature_quality.config.toy import Toy
from feature_quality.toy.distribution import Distribution
from feature_quality.toy.engine import chunks, train
from feature_quality.toy.runs import Run, expand_grid
from plain_toy import train_plainly

PROCESSES = 2
TURNS = 5
PLAIN_STEPS = 1000
STACKS = (1, 4, 16, 64, 256, 1024)
MODEL_STEPS = 100_000
LR = 0.01
RHO = 0.5
DISTRIBUTION = Distribution(**Toy().distribution.model_dump())


def runs(number: int, steps: int, rho: float) -> list[Run]:
    """Return runs that differ in seed, as most of the study's do."""
    seeds = list(range(number))
    return expand_grid(
        {"complexity": [270], "batch_size": [5], "steps": [steps], "rho": [rho], "seed": seeds}
    )


def plain(rho: float) -> float:
    """Return model-steps a second of the loop."""
    torch.set_num_threads(1)
    start = time.perf_counter()
    train_plainly(runs(1, PLAIN_STEPS, rho)[0], DISTRIBUTION, LR)
    return PLAIN_STEPS / (time.perf_counter() - start)


def stacked(number: int) -> float:
    """Return model-steps a second of the engine with ``number`` runs of LSAM."""
    torch.set_num_threads(1)
    steps = max(60, min(1000, MODEL_STEPS // number))
    cpu = torch.device("cpu")
    start = time.perf_counter()
    for chunk in chunks(runs(number, steps, RHO), cpu):
        train(chunk, DISTRIBUTION, LR, cpu)
    return number * steps / (time.perf_counter() - start)


def main() -> None:
    """Print the table."""
    sides: dict[str, Callable[[], float]] = {
        "plain loop": partial(plain, RHO),
        "its SGD": partial(plain, 0.0),
        **{str(number): partial(stacked, number) for number in STACKS},
    }
    speeds: dict[str, list[float]] = {name: [] for name in sides}
    with multiprocessing.get_context("spawn").Pool(PROCESSES) as pool:
        # The first turn is not counted: imports and first calls.
        for turn in range(TURNS + 1):
            for name, side in sides.items():
                together = [pool.apply_async(side) for _ in range(PROCESSES)]
                speed = sum(each.get() for each in together)
                if turn > 0:
                    speeds[name].append(speed)
    medians = {name: statistics.median(values) for name, values in speeds.items()}
    print(f"{platform.machine()}, {PROCESSES} processes of one thread, torch {version('torch')}")
    print(f"{'runs':>12}{'model-steps/s':>16}{'µs a step':>12}{'ratio':>8}")
    for name, speed in medians.items():
        microseconds = PROCESSES / speed * 1e6
        ratio = speed / medians["plain loop"]
        print(f"{name:>12}{speed:>16,.0f}{microseconds:>12.1f}{ratio:>8.1f}")


if __name__ == "__main__":
    main()
