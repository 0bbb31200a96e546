"""What a configuration will cost, before anything runs."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from feature_quality.data.datasets import DATASETS
from feature_quality.data.domains import HELD_OUT, TRAINING_SHARE
from feature_quality.data.own import read_table
from feature_quality.data.photos import group_counts
from feature_quality.data.spec import DatasetSpec
from feature_quality.methods import BASELINE, METHODS
from feature_quality.toy.runs import expand_grid
from feature_quality.training.models import network_size

# Rates of one core of a two-core AMD EPYC machine with a job on each core.
# Multiply-adds of forward passes in training, with the two backward passes that follow each;
# networks of depthwise convolutions, such as EfficientNets, reach a third of it.
MULTIPLY_ADDS_PER_SECOND = 13e9
# Of a probe of two values on a thousand examples of four thousand features. It grows with the
# examples; that it also grows with features and values is left out.
SECONDS_PER_PROBE = 1
SECONDS_PER_JOB = 3
# Of the toy engine: a step of one run, and each example in it.
SECONDS_PER_TOY_STEP = 12e-6
SECONDS_PER_TOY_EXAMPLE = 3e-6
# Of the toy's tables, nearly all of it points at snapshots.
BYTES_PER_TOY_RUN = 20e3

JOBS_PER_RUN = 3
BYTES_PER_FLOAT = 4
EMBEDDED_SPLITS = ("test", "probe_train", "probe_test")


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
    radii: Mapping[str, int],
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
        resolution: of images whose size is a setting; else None.
        own: where the ``table`` of a custom dataset is, and its ``features``; None for others.
        network: the name of the network.
        lrs, seeds: how many of them.
        radii: how many ρ each method has.
        epochs, snapshots: of each run.
        draws: probes per feature.
        per_group: examples of every group in a probe's training set; None for all there are.
        probed: how many runs are embedded and probed; None for all of them.

    Raises:
        InputError: there is no such network, or the custom dataset's table cannot be used.
    """
    size = (
        _own_size(resolution or 0, **own) if own else _size(DATASETS[dataset], dataset, resolution)
    )
    model = network_size(network, size.shape, size.classes)
    _, height, width = size.shape
    per_method = lrs * seeds
    runs = per_method * sum(radii.values())
    probed = runs if probed is None else probed
    passes = epochs * per_method * sum(METHODS[name].cost * n for name, n in radii.items())
    # Chosen runs, of SGD and of each method, whose examples are weighed at each checkpoint.
    weighed = (len(radii) - 1) * 2 * seeds
    passes += 2 * weighed * (snapshots + 1)
    embedded = sum(size.counts[split] for split in EMBEDDED_SPLITS)
    images = size.images * size.shape[0] * height * width
    floats = runs * (1 + snapshots) * model.parameters + probed * embedded * model.features
    drawn = per_group * size.groups if per_group else size.largest_draw
    seconds = (
        passes * size.counts["train"] * model.multiply_adds / MULTIPLY_ADDS_PER_SECOND
        + probed * size.features * draws * SECONDS_PER_PROBE * drawn / 1000
        + (runs + (JOBS_PER_RUN - 1) * probed + weighed) * SECONDS_PER_JOB
    )
    return Cost(dataset, runs, images + BYTES_PER_FLOAT * floats, seconds / 3600)


def _size(spec: DatasetSpec, dataset: str, resolution: int | None) -> Size:
    """Return the size of a dataset by its description."""
    shape = spec.shape or (spec.channels, resolution or 0, resolution or 0)
    if spec.domains:
        return _domain_size(spec, dataset.removeprefix(f"{spec.id}_"), shape)
    groups = len(spec.classes[0]) * len(spec.classes[1])
    draw = groups * min(spec.group_counts["val"]) if spec.group_counts else 0
    return Size(
        shape,
        len(spec.classes[0]),
        spec.counts,
        sum(spec.counts.values()),
        groups,
        draw or spec.counts["probe_train"],
        features=2,
    )


def _domain_size(spec: DatasetSpec, letter: str, shape: tuple[int, int, int]) -> Size:
    """Return the size of the dataset whose target domain ``letter`` stands for."""
    sizes, share = spec.domain_sizes, TRAINING_SHARE
    target = sizes[list(spec.domains).index(letter)]
    sources = sum(sizes) - target
    counts = {
        "train": round(sources * share * (1 - HELD_OUT)),
        "test": round(sources * (1 - share)),
        "probe_train": round(target * share),
        "probe_test": round(target * (1 - share)),
    }
    # The datasets of a family share its images.
    images = sum(sizes) // len(sizes)
    return Size(shape, spec.class_count, counts, images, 1, counts["probe_train"], features=1)


def _own_size(resolution: int, table: str, features: tuple[str, str]) -> Size:
    """Return the size of a custom dataset, which its table tells."""
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
    steps = ", ".join(
        f"{method.label} {method.cost}" for method in METHODS.values() if method is not BASELINE
    )
    lines += [
        "",
        f"Gradients of the whole network that a step computes: {BASELINE.label} 1, {steps}.",
        f"About {total.hours / cores:.2f} hours on {cores} cores. These are estimates, from rates",
        "measured on a two-core AMD EPYC machine; disk is an upper bound, as embeddings compress.",
        "What is already there is counted too and will not be made again.",
    ]
    return "\n".join(lines)
