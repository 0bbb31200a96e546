"""What a configuration will cost, before anything runs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import Any

from feature_quality.data import celeba, cifar_mnist, digits_photos, fmnist_mnist, waterbirds
from feature_quality.toy.runs import spanned
from feature_quality.training.models import convolutional_network, residual_network

# Rates of one core of a two-core AMD EPYC machine with a job on each core. A network's time grows
# with the pixels of its images.
PIXELS_PER_SECOND = {"cnn": 5.1e6, "resnet18": 0.39e6}
# Of a probe on a thousand examples; it grows with their square.
SECONDS_PER_PROBE = 3
SECONDS_PER_JOB = 6
# Of the toy engine: a step of one run, and each example in it.
SECONDS_PER_TOY_STEP = 12e-6
SECONDS_PER_TOY_EXAMPLE = 3e-6
# Of the toy's tables, nearly all of it points at checkpoints.
BYTES_PER_TOY_RUN = 20e3

JOBS_PER_RUN = 3
BYTES_PER_FLOAT = 4
EMBEDDED_SPLITS = ("test", "probe_train", "probe_test")

MODULES: dict[str, ModuleType] = {
    module.DATASET: module
    for module in (digits_photos, cifar_mnist, fmnist_mnist, celeba, waterbirds)
}


@dataclass(frozen=True)
class Cost:
    """What something costs: ``bytes`` on disk at most, ``hours`` of one CPU core."""

    name: str
    runs: int
    bytes: float
    hours: float


def cost(
    dataset: str,
    *,
    network: str,
    lrs: int,
    rhos: Sequence[float],
    seeds: int,
    epochs: int,
    snapshots: int,
    draws: int,
    per_group: int | None,
    probed: int | None,
) -> Cost:
    """Estimate the cost of a dataset's grid from its sizes and from measured rates.

    Args:
        dataset: its id.
        network: ``cnn`` or ``resnet18``.
        lrs, seeds: how many of them.
        rhos: every rho; a run with rho > 0 takes two gradients a step.
        epochs, snapshots: of each run.
        draws: probes a feature.
        per_group: examples of every group in a probe's training set; None for all there are.
        probed: how many runs are embedded and probed; None for all of them.
    """
    module = MODULES[dataset]
    channels, height, width = module.SHAPE
    classes = len(module.CLASSES[0])
    if network == "resnet18":
        built = residual_network(classes)
    else:
        built = convolutional_network(module.SHAPE, classes)
    weights = sum(parameter.numel() for parameter in built.parameters())
    features = built[-1].in_features
    runs = lrs * len(rhos) * seeds
    probed = runs if probed is None else probed
    passes = epochs * lrs * seeds * sum(2 if rho > 0 else 1 for rho in rhos)
    # The weights of examples, at each checkpoint of SGD's and SAM's chosen runs.
    passes += 2 * 2 * seeds * (snapshots + 1)
    embedded = sum(module.COUNTS[split] for split in EMBEDDED_SPLITS)
    images = sum(module.COUNTS.values()) * channels * height * width
    floats = runs * (1 + snapshots) * weights + probed * embedded * features
    groups = len(module.CLASSES[0]) * len(module.CLASSES[1])
    if per_group:
        drawn = per_group * groups
    elif hasattr(module, "GROUPS"):
        drawn = min(module.GROUPS["val"]) * groups
    else:
        drawn = module.COUNTS["probe_train"]
    seconds = (
        passes * module.COUNTS["train"] * height * width / PIXELS_PER_SECOND[network]
        + probed * 2 * draws * SECONDS_PER_PROBE * (drawn / 1000) ** 2
        + (runs + (JOBS_PER_RUN - 1) * probed + 2 * seeds) * SECONDS_PER_JOB
    )
    return Cost(dataset, runs, images + BYTES_PER_FLOAT * floats, seconds / 3600)


def toy_cost(parts: Sequence[Mapping[str, Any]]) -> Cost:
    """Estimate the cost of the toy studies from the axes of all their parts."""
    runs = [run for axes in parts for run in spanned(axes)]
    seconds = SECONDS_PER_JOB * len(parts) + sum(
        run.steps * (SECONDS_PER_TOY_STEP + SECONDS_PER_TOY_EXAMPLE * run.batch_size)
        for run in runs
    )
    return Cost("toy", len(runs), BYTES_PER_TOY_RUN * len(runs), seconds / 3600)


def describe(costs: Sequence[Cost], cores: int) -> str:
    """Put costs in a table of plain text, with the total and the hours on ``cores`` cores."""
    total = Cost(
        "total",
        sum(cost.runs for cost in costs),
        sum(cost.bytes for cost in costs),
        sum(cost.hours for cost in costs),
    )
    lines = [f"{'':<16}{'runs':>8}{'disk':>12}{'core hours':>14}"]
    lines += [
        f"{cost.name:<16}{cost.runs:>8}{cost.bytes / 1e9:>9.2f} GB{cost.hours:>14.2f}"
        for cost in (*costs, total)
    ]
    lines += [
        "",
        f"About {total.hours / cores:.2f} hours on {cores} cores. These are estimates, from rates",
        "measured on a two-core AMD EPYC machine; disk is an upper bound, as embeddings compress.",
        "What is already there is counted too and will not be made again.",
    ]
    return "\n".join(lines)
