"""Measure the training of ResNet-18 by SGD and by SAM, as runs on CelebA and Waterbirds do it.

``make benchmark`` runs it. A step takes a batch of 128 from random uint8 images, crops, flips and
normalises it and updates the network. On a CPU two processes of one thread each run at the same
time; a figure is the median of the turns, in which SGD and SAM take their places in order.
"""

import multiprocessing
import platform
import resource
import statistics
import time
from functools import partial
from importlib.metadata import version

import numpy as np
import pandas as pd
import torch

from feature_quality.artifacts.prepared import Description, Examples
from feature_quality.training.augmentation import Crop
from feature_quality.training.device import describe, deterministic_device
from feature_quality.training.loop import Batches, Recipe, train
from feature_quality.training.models import residual_network

SIDES = (64, 112)
METHODS = {"SGD": 0.0, "SAM": 0.05}
BATCH = 128
TURNS = 3


def examples(side: int, count: int) -> tuple[Examples, Description]:
    """Return ``count`` random images, every other of label 1."""
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (count, 3, side, side), dtype=np.uint8)
    labels = np.arange(count) % 2
    description = Description(
        dataset="random",
        title="random",
        demonstration=True,
        features=("a", "b"),
        classes=(("0", "1"), ("0", "1")),
        channel_mean=(0.5,) * 3,
        channel_std=(0.25,) * 3,
    )
    return Examples(images, pd.DataFrame({"label": labels, "group": labels})), description


def measure(side: int, rho: float) -> float:
    """Return the images a second of an epoch, after a batch that is not counted."""
    device = deterministic_device()
    steps = 40 if device.type == "cuda" else 2
    model = residual_network("resnet18", 2).to(memory_format=torch.channels_last).to(device)  # type: ignore[call-overload]
    recipe = Recipe(
        epochs=1,
        batch_size=BATCH,
        momentum=0.9,
        weight_decay=1e-4,
        snapshot_epochs=(),
        crop=Crop((0.7, 1.0), (0.75, 1.3333)),
    )

    def epoch(images: int) -> float:
        trained, validated = (Batches.of(*examples(side, count), device) for count in (images, 2))
        start = time.perf_counter()
        train(model, trained, validated, recipe, dataset="random", lr=0.001, rho=rho, seed=0)
        return time.perf_counter() - start

    epoch(BATCH)
    return steps * BATCH / epoch(steps * BATCH)


def main() -> None:
    """Print a table of images a second, and of a SAM step's time over an SGD step's."""
    device = deterministic_device()
    processes = 1 if device.type == "cuda" else 2
    machine = describe(device) if device.type == "cuda" else platform.processor() or "cpu"
    print(f"{machine}, {processes} process(es), torch {version('torch')}, batch {BATCH}\n")
    print(f"{'pixels':<12}{'SGD images/s':>14}{'SAM images/s':>14}{'SAM/SGD time':>14}")
    with multiprocessing.get_context("spawn").Pool(processes) as pool:
        for side in SIDES:
            rates: dict[str, list[float]] = {method: [] for method in METHODS}
            for _ in range(TURNS):
                for method, rho in METHODS.items():
                    rates[method] += pool.map(partial(measure, side), [rho] * processes, 1)
            sgd, sam = (statistics.median(rates[method]) for method in METHODS)
            print(f"{f'{side} × {side}':<12}{sgd:>14.0f}{sam:>14.0f}{sgd / sam:>14.2f}", flush=True)
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1e6
    print(f"\nImages a second of each process; at most {peak:.1f} GB of memory a process.")


if __name__ == "__main__":
    main()
