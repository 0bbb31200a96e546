"""Measure the training of the image networks.

``make benchmark`` runs it. The CNN's stands beside what one would write by hand: a dataset as
torchvision's CIFAR10 reads it, a DataLoader, a loop, and pytorch-optimizer's SAM; once as one
process that has the machine, and once in as many processes as the workflow uses: one of one thread
for each core of a CPU. A figure is the median of turns, in which all sides take their places in
order, and images a second are those of all processes together. The roofline is the least time that
the network's operations take at this machine's own rates of products and copies. Last, a step of
each method beside SGD's, in one process that takes them in turns; ``image_training.py methods``
measures that alone.
"""

import sys
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from functools import partial
from multiprocessing import get_context
from statistics import median

import numpy as np
import pandas as pd
import torch

import plain_cnn
from feature_quality.artifacts.prepared import Description, Examples
from feature_quality.methods import METHODS, Method
from feature_quality.training.augmentation import Crop
from feature_quality.training.device import deterministic_device, has_bfloat16
from feature_quality.training.loop import DeviceSplit, TrainingConfig, passes, train
from feature_quality.training.models import Network, build_network
from feature_quality.training.network import Shape
from feature_quality.training.sam import Perturbation, step
from feature_quality.training.sgd import SGD
from machine import Rates, Roofline, fastest, processes, title

RHO = 0.05
COMPARED = ("sgd", "sam")
PRECISIONS = ("float32", "bfloat16")
CNN_SHAPE = (3, 64, 32)
CNN = TrainingConfig(epochs=1, batch_size=100, momentum=0.9, weight_decay=0.0, snapshot_epochs=())
RESNET_SHAPES = ((3, 64, 64), (3, 112, 112))
RESNET = TrainingConfig(
    epochs=1,
    batch_size=128,
    momentum=0.9,
    weight_decay=1e-4,
    snapshot_epochs=(),
    crop=Crop((0.7, 1.0), (0.75, 1.3333)),
)
CUDA = torch.cuda.is_available()
CNN_STEPS = 500 if CUDA else 40
RESNET_STEPS = 40 if CUDA else 2
CNN_TURNS, RESNET_TURNS = 5, 2
METHOD_STEPS = {CNN_SHAPE: 50, RESNET_SHAPES[0]: 5}


def network(shape: Shape) -> Network:
    """Return the CNN for its own shape, and ResNet-18 for others, placed as the workflow does."""
    model = build_network("cnn" if shape == CNN_SHAPE else "resnet18", shape, 2)
    model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return model.to(deterministic_device())


def examples(shape: Shape, count: int) -> tuple[Examples, Description]:
    """Return ``count`` random images, every other of label 1."""
    images = np.random.default_rng(0).integers(0, 256, (count, *shape), dtype=np.uint8)
    labels = np.arange(count) % 2
    description = Description(
        dataset="random",
        title="random",
        demonstration=True,
        features=("a", "b"),
        classes=(("0", "1"), ("0", "1")),
        channel_mean=(0.5,) * shape[0],
        channel_std=(0.25,) * shape[0],
    )
    return Examples(images, pd.DataFrame({"label": labels, "group": labels})), description


def rho_of(method: str) -> float:
    """Return a radius at which the method takes its time."""
    return 0.0 if METHODS[method].perturbed == "none" else RHO


def images_per_second(shape: Shape, config: TrainingConfig, steps: int, method: str) -> float:
    """Return the rate of an epoch, after a short one that is not counted."""
    model = network(shape)
    device = deterministic_device()
    run = partial(
        train,
        model,
        config=config,
        dataset="random",
        perturbation=Perturbation(**METHODS[method].perturbation),
        lr=0.001,
        rho=rho_of(method),
    )

    def epoch(count: int) -> float:
        trained, validated = (DeviceSplit.of(*examples(shape, each), device) for each in (count, 2))
        start = time.perf_counter()
        run(train_split=trained, val_split=validated, seed=0)
        return time.perf_counter() - start

    epoch(16)
    return steps * config.batch_size / epoch(steps * config.batch_size)


class Steps:
    """Takes steps of a network on one batch."""

    def __init__(self, shape: Shape, config: TrainingConfig) -> None:
        self.device = deterministic_device()
        self.model = network(shape)
        images = torch.rand(config.batch_size, *shape, device=self.device)
        labels = torch.arange(config.batch_size, device=self.device) % 2
        embed, classify = passes(self.model, config, self.device)
        self.embed = partial(embed, images.to(memory_format=torch.channels_last))
        self.classify = partial(classify, labels)
        self.optimizer = SGD(
            self.model.parameters(),
            lr=0.001,
            momentum=config.momentum,
            weight_decay=config.weight_decay,
        )

    def take(self, method: Method) -> None:
        """Take one step."""
        rho = rho_of(method.name)
        step(
            self.embed,
            self.classify,
            self.model,
            self.optimizer,
            Perturbation(**method.perturbation),
            rho,
        )


def measure_methods() -> pd.DataFrame:
    """Return what a step of each method costs: the median of steps that are taken in turns."""
    rows = []
    for shape, turns in METHOD_STEPS.items():
        steps = Steps(shape, CNN if shape == CNN_SHAPE else RESNET)
        seconds: dict[str, list[float]] = {name: [] for name in METHODS}
        for turn in range(turns + 2):
            for name, method in METHODS.items():
                taken = fastest(partial(steps.take, method), turns=1)
                if turn > 1:
                    seconds[name].append(taken)
        medians = {name: median(each) for name, each in seconds.items()}
        ratios = {
            METHODS[name].label: f"{each / medians['sgd']:.2f}" for name, each in medians.items()
        }
        side = f"{'CNN' if shape == CNN_SHAPE else 'ResNet-18'}, {shape[1]} × {shape[2]}"
        rows.append({"a step over SGD's": side, "SGD, ms": f"{1000 * medians['sgd']:.1f}"} | ratios)
    return pd.DataFrame(rows)


def limit(shape: Shape, config: TrainingConfig) -> dict[str, float]:
    """Return the images a second of SGD and SAM at which every operation took its least time."""
    steps = Steps(shape, config)
    rates = Rates.measured(steps.device, config.precision)
    found = {}
    for method in COMPARED:
        with Roofline(rates) as roofline:
            steps.take(METHODS[method])
        found[method] = config.batch_size / roofline.seconds
    return found


def in_turns(
    sides: dict[str, Callable[[str], float]], at_once: dict[str, int], turns: int
) -> dict[str, dict[str, float]]:
    """Return each side's images a second by SGD and by SAM.

    Args:
        sides: takes a method's name, and returns one process's images a second.
        at_once: in how many processes at one time.
    """
    totals: dict[str, dict[str, list[float]]] = {
        side: {method: [] for method in COMPARED} for side in sides
    }
    # A side keeps its processes to itself: what it sets there, it sets for itself alone.
    pools = {side: ProcessPoolExecutor(at_once[side], get_context("spawn")) for side in sides}
    for turn in range(turns + 1):
        for side, call in sides.items():
            for method in COMPARED:
                together = [pools[side].submit(call, method) for _ in range(at_once[side])]
                total = sum(each.result() for each in together)
                # Imports and first calls are in the first turn.
                if turn > 0:
                    totals[side][method].append(total)
    for pool in pools.values():
        pool.shutdown()
    return {side: {m: median(all_) for m, all_ in by.items()} for side, by in totals.items()}


def limits(shape: Shape, config: TrainingConfig) -> dict[str, float]:
    """Return what ``limit`` does, of all processes at one time."""
    with ProcessPoolExecutor(processes(), get_context("spawn")) as pool:
        # Processes start one after the other; what counts is the second time, for all at once.
        for _ in range(2):
            together = [pool.submit(limit, shape, config) for _ in range(processes())]
            found = [each.result() for each in together]
    return {method: sum(each[method] for each in found) for method in COMPARED}


def row(side: str, rate: dict[str, float], top: dict[str, float] | None = None) -> dict[str, str]:
    """Return a side's row of a table; ``top`` is the roofline."""
    columns = {"images/s": side}
    columns |= {METHODS[method].label: f"{rate[method]:,.0f}" for method in COMPARED}
    columns["SAM/SGD time"] = f"{rate['sgd'] / rate['sam']:.2f}"
    if top:
        shares = (f"{rate[method] / top[method]:.0%}" for method in COMPARED)
        columns["of the roofline"] = ", ".join(shares)
    return columns


def measure_cnn() -> pd.DataFrame:
    """Return the CNN's table."""
    by_hand = {"by hand, one process": 1}
    if (count := processes()) > 1:
        by_hand[f"by hand, {count} processes"] = count
    device = deterministic_device()
    usable = [each for each in PRECISIONS if each == "float32" or has_bfloat16(device)]
    ours = {f"ours, {precision}": replace(CNN, precision=precision) for precision in usable}
    sides: dict[str, Callable[[str], float]] = {
        side: partial(plain_cnn.images_per_second, at_once == 1, CNN_STEPS)
        for side, at_once in by_hand.items()
    }
    for side, config in ours.items():
        sides[side] = partial(images_per_second, CNN_SHAPE, config, CNN_STEPS)
    rates = in_turns(sides, by_hand | dict.fromkeys(ours, count), CNN_TURNS)
    best = {method: max(rates[side][method] for side in by_hand) for method in COMPARED}
    rows = []
    for side, rate in rates.items():
        top = limits(CNN_SHAPE, ours[side]) if side in ours else None
        ratios = (f"{rate[method] / best[method]:.2f}" for method in COMPARED)
        rows.append(row(side, rate, top) | {"to the better by hand": ", ".join(ratios)})
    return pd.DataFrame(rows).fillna("")


def measure_resnet() -> pd.DataFrame:
    """Return ResNet-18's table."""
    rows = []
    for shape in RESNET_SHAPES:
        side = f"{shape[1]} × {shape[2]}"
        call = partial(images_per_second, shape, RESNET, RESNET_STEPS)
        rate = in_turns({side: call}, {side: processes()}, RESNET_TURNS)[side]
        rows.append(row(side, rate, limits(shape, RESNET)))
    return pd.DataFrame(rows)


def main() -> None:
    """Print the tables."""
    print(title())
    if sys.argv[1:] == ["methods"]:
        print(f"\n{measure_methods().to_markdown(index=False, disable_numparse=True)}")
        return
    print(f"\nCNN, {CNN_SHAPE[1]} × {CNN_SHAPE[2]} pixels, batch {CNN.batch_size}\n")
    print(measure_cnn().to_markdown(index=False, disable_numparse=True), flush=True)
    print(f"\nResNet-18, batch {RESNET.batch_size}\n")
    print(measure_resnet().to_markdown(index=False, disable_numparse=True), flush=True)
    print("\nA step of each method\n")
    print(measure_methods().to_markdown(index=False, disable_numparse=True))


if __name__ == "__main__":
    main()
