"""What a configuration will cost, before anything runs."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import Any

from torch import nn

from feature_quality.data import (
    celeba,
    cifar_mnist,
    digits_domains,
    digits_photos,
    fmnist_mnist,
    waterbirds,
)
from feature_quality.data.domains import FAMILIES, HELD_OUT, TRAINING_SHARE
from feature_quality.data.own import read_table
from feature_quality.data.photos import group_counts
from feature_quality.toy.runs import expand_grid
from feature_quality.training.models import convolutional_network, residual_network

# Rates of one core of a two-core AMD EPYC machine with a job on each core. A network's time grows
# with the pixels of its images.
# ResNet-50 is reckoned by its arithmetic, 2.3 times ResNet-18's.
PIXELS_PER_SECOND = {"cnn": 4.5e6, "resnet18": 0.39e6, "resnet50": 0.17e6}
# Of a probe of two values on a thousand examples of four thousand features. It grows with the
# examples; that it also grows with features and values is left out.
SECONDS_PER_PROBE = 1
SECONDS_PER_JOB = 3
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


@dataclass(frozen=True)
class Size:
    """How large a dataset is.

    Attributes:
        shape: (channels, height, width) of its images.
        classes: of the label.
        counts: examples of each split.
        images: that are stored, at most.
        groups: of the features' values.
        largest_draw: the largest training set that its probes may have.
        features: how many are probed.
    """

    shape: tuple[int, int, int]
    classes: int
    counts: Mapping[str, int]
    images: int
    groups: int
    largest_draw: int
    features: int


def cost(
    dataset: str,
    *,
    resolution: int | None,
    own: Mapping[str, Any] | None,
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
        resolution: of images whose size is a setting: DomainBed's and the user's own; else None.
        own: where the user's own ``table`` is, and its ``features``; None for other datasets.
        network: ``cnn``, ``resnet18`` or ``resnet50``.
        lrs, seeds: how many of them.
        rhos: every rho; a run with rho > 0 takes two gradients a step.
        epochs, snapshots: of each run.
        draws: probes a feature.
        per_group: examples of every group in a probe's training set; None for all there are.
        probed: how many runs are embedded and probed; None for all of them.
    """
    size = _own_size(resolution or 0, **own) if own else _size(dataset, resolution)
    channels, height, width = size.shape
    if network == "cnn":
        built = convolutional_network(size.shape, size.classes)
    else:
        built = residual_network(network, size.classes)
    weights = sum(parameter.numel() for parameter in built.parameters())
    head = built[-1]
    assert isinstance(head, nn.Linear)
    features = head.in_features
    runs = lrs * len(rhos) * seeds
    probed = runs if probed is None else probed
    passes = epochs * lrs * seeds * sum(2 if rho > 0 else 1 for rho in rhos)
    # The weights of examples, at each checkpoint of SGD's and SAM's chosen runs.
    passes += 2 * 2 * seeds * (snapshots + 1)
    embedded = sum(size.counts[split] for split in EMBEDDED_SPLITS)
    images = size.images * channels * height * width
    floats = runs * (1 + snapshots) * weights + probed * embedded * features
    drawn = per_group * size.groups if per_group else size.largest_draw
    seconds = (
        passes * size.counts["train"] * height * width / PIXELS_PER_SECOND[network]
        + probed * size.features * draws * SECONDS_PER_PROBE * drawn / 1000
        + (runs + (JOBS_PER_RUN - 1) * probed + 2 * seeds) * SECONDS_PER_JOB
    )
    return Cost(dataset, runs, images + BYTES_PER_FLOAT * floats, seconds / 3600)


def _size(dataset: str, resolution: int | None) -> Size:
    """Return the size of a dataset, whose id may end in the letter of a target domain."""
    if dataset in MODULES:
        module = MODULES[dataset]
        groups = len(module.CLASSES[0]) * len(module.CLASSES[1])
        draw = module.COUNTS["probe_train"]
        if hasattr(module, "GROUPS"):
            draw = groups * min(module.GROUPS["val"])
        return Size(
            module.SHAPE,
            len(module.CLASSES[0]),
            module.COUNTS,
            sum(module.COUNTS.values()),
            groups,
            draw,
            features=2,
        )
    family, _, letter = dataset.rpartition("_")
    if family == digits_domains.FAMILY:
        about, shape = digits_domains.ABOUT, digits_domains.SHAPE
    else:
        about, shape = FAMILIES[family], (3, resolution or 0, resolution or 0)
    domains, sizes, classes = about.domains, about.sizes, about.classes
    target = sizes[list(domains).index(letter)]
    sources, share = sum(sizes) - target, TRAINING_SHARE
    counts = {
        "train": round(sources * share * (1 - HELD_OUT)),
        "test": round(sources * (1 - share)),
        "probe_train": round(target * share),
        "probe_test": round(target * (1 - share)),
    }
    # The four datasets of a family share its images.
    images = sum(sizes) // len(sizes)
    return Size(shape, classes, counts, images, 1, counts["probe_train"], features=1)


def _own_size(resolution: int, table: str, features: tuple[str, str]) -> Size:
    """Return the size of the user's own dataset, which its table tells."""
    examples, classes = read_table(table, features)
    groups = len(classes[0]) * len(classes[1])
    return Size(
        (3, resolution, resolution),
        len(classes[0]),
        Counter(examples["split"]),
        examples["image"].nunique(),
        groups,
        groups * min(group_counts(examples, "val", groups)),
        features=2,
    )


def toy_cost(parts: Sequence[Mapping[str, Any]]) -> Cost:
    """Estimate the cost of the toy studies from the axes of all their parts."""
    runs = [run for axes in parts for run in expand_grid(axes)]
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
