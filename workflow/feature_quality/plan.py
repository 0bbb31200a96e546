"""What a configuration will cost, before anything runs, by steps that this machine takes now."""

import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from threadpoolctl import threadpool_limits
from torch.nn.functional import cross_entropy

from feature_quality.config.settings import Settings
from feature_quality.data.domains import HELD_OUT, TRAINING_SHARE, list_images
from feature_quality.data.own import read_table
from feature_quality.data.photos import draw_parts, five_splits, group_counts
from feature_quality.data.spec import DatasetSpec
from feature_quality.features.dfr import dfr_probe
from feature_quality.features.probe import ProbeSet, fit_draw
from feature_quality.methods import METHODS
from feature_quality.toy import engine
from feature_quality.toy.distribution import Distribution
from feature_quality.toy.network import WIDTH
from feature_quality.toy.runs import Run, expand_grid
from feature_quality.training.device import describe as name_of
from feature_quality.training.device import deterministic_device
from feature_quality.training.models import build_network, network_size
from feature_quality.training.network import Shape

# A forward pass costs about a third of a step, which has a backward pass twice as dear.
FORWARD = 1 / 3
BYTES_PER_FLOAT = 4
# Of the toy's tables, nearly all of it points at snapshots.
BYTES_PER_TOY_RUN = 20e3
EMBEDDED_SPLITS = ("test", "probe_train", "probe_test")
# What a figure, and a table or page, takes in starts of a job.
STARTS_PER_FIGURE, STARTS_PER_TABLE = 2.0, 0.7


@dataclass(frozen=True)
class Cost:
    """What something costs.

    Attributes:
        name: of what is planned.
        runs: that it has.
        bytes: on disk, at most.
        seconds: of one core, all in all.
        passes: how many of them are of networks' passes, which a GPU takes over if there is one.
    """

    name: str
    runs: int
    bytes: float
    seconds: float
    passes: float = 0.0


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

    shape: Shape
    classes: int
    counts: Mapping[str, int]
    images: int
    groups: int
    largest_draw: int
    features: int


def cost(settings: Settings, dataset: str, speed: "Machine") -> Cost:
    """Estimate the cost of a dataset's grid from its sizes and the speed of its steps.

    Raises:
        InputError: there is no such network, or the custom dataset's table cannot be used.
    """
    spec, grid = settings.spec_of(dataset), settings.grid_of(dataset)
    training, probing = settings.training_of(dataset), settings.probing_of(dataset)
    size = _size(settings, spec, dataset)
    network = network_size(training.network, size.shape, size.classes)
    runs = {name: len(settings.seeds) * len(grid.settings_of(name)) for name in settings.methods}
    total = probed = sum(runs.values())
    if settings.probe_runs == "selected":
        # At most: the setting of each method, and that at SGD's learning rate.
        probed = min(total, len(settings.seeds) * (2 * len(runs) - 1))
    snapshots = sum(epoch <= training.epochs for epoch in training.snapshot_epochs)
    # Selected runs, of SGD and of each method, whose examples are weighed at each checkpoint.
    weighed = 0 if spec.domains else 2 * len(settings.compared_methods) * len(settings.seeds)
    checkpoints = weighed * (snapshots + 1)
    steps = training.epochs * sum(METHODS[name].cost * n for name, n in runs.items())
    embedded = sum(size.counts[split] for split in EMBEDDED_SPLITS)
    images_passed = (
        steps * size.counts["train"]
        + FORWARD * training.epochs * total * size.counts["val"]
        + FORWARD * probed * embedded
        # λ needs a forward pass, λ̃ a step and another; the margins one of their own.
        + checkpoints * ((1 + 3 * FORWARD) * size.counts["train"])
    )
    drawn = size.largest_draw
    if probing["per_group"]:
        drawn = probing["per_group"] * size.groups
    fit = partial(speed.probe, drawn, network.features, size.classes)
    strengths = None if settings.probe.protocol == "dfr" else settings.probe.strengths
    image = speed.image(training.network, size.shape, size.classes, training.batch_size)
    passes = images_passed * image
    seconds = (
        passes
        + probed * size.features * probing["draws"] * fit(strengths)
        + checkpoints * 2 * fit((settings.probe.contribution_strength,))
        + (total + 2 * probed + weighed) * speed.start()
    )
    side = spec.stored or size.shape[1:]
    images = size.images * size.shape[0] * int(np.prod(side))
    floats = total * (1 + snapshots) * network.parameters + probed * embedded * network.features
    return Cost(dataset, total, images + BYTES_PER_FLOAT * floats, seconds, passes)


def _size(settings: Settings, spec: DatasetSpec, dataset: str) -> Size:
    """Return the size of a dataset by its description, or by its table."""
    images = settings.images_of(spec.id)
    side = images.get("resolution", 0)
    shape = spec.shape or (spec.channels, side, side)
    originals = settings.originals_of(spec.id)
    if spec.domains:
        sizes, classes = spec.domain_sizes, spec.class_count
        if spec.custom:
            found = list_images(Path(originals["images"]), tuple(spec.domains))
            sizes = tuple(found["domain"].value_counts()[list(spec.domains)])
            classes = found["class"].nunique()
        target = list(spec.domains).index(dataset.removeprefix(f"{spec.id}_"))
        sharing = sum(settings.spec_of(each) is spec for each in settings.datasets)
        return _domain_size(sizes, target, classes, shape, sharing)
    if spec.custom:
        return _own_size(shape, originals["table"], images["features"])
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


def _domain_size(
    sizes: Sequence[int], target: int, classes: int, shape: Shape, sharing: int
) -> Size:
    """Return the size of the dataset whose target is one of the domains, by the images of each.

    ``sharing`` datasets share the images.
    """
    share, probed = TRAINING_SHARE, sizes[target]
    sources = sum(sizes) - probed
    counts = {
        "train": round(sources * share * (1 - HELD_OUT)),
        "val": round(sources * share * HELD_OUT),
        "test": round(sources * (1 - share)),
        "probe_train": round(probed * share),
        "probe_test": round(probed * (1 - share)),
    }
    images = sum(sizes) // max(sharing, 1)
    return Size(shape, classes, counts, images, 1, counts["probe_train"], features=1)


def _own_size(shape: Shape, table: str, features: tuple[str, str]) -> Size:
    """Return the size of a custom dataset, which its table tells."""
    rows, classes = read_table(table, features)
    examples = five_splits(draw_parts(rows, "", 0), len(classes[1]))
    groups = len(classes[0]) * len(classes[1])
    return Size(
        shape,
        len(classes[0]),
        Counter(examples["split"]),
        len(rows),
        groups,
        groups * min(group_counts(examples, "val", groups)),
        features=2,
    )


def toy_cost(parts: Sequence[Mapping[str, Any]], speed: "Machine") -> Cost:
    """Estimate the cost of the toy studies from the axes of all their parts."""
    runs = [run for axes in parts for run in expand_grid(axes)]
    seconds = len(parts) * speed.start() + sum(
        run.steps * speed.toy_step(run.batch_size, run.rho > 0) * (run.width / WIDTH) ** 2
        for run in runs
    )
    return Cost("toy", len(runs), BYTES_PER_TOY_RUN * len(runs), seconds)


def report_cost(figures: int, tables: int, speed: "Machine") -> Cost:
    """Estimate the cost of drawing figures and of making tables and pages."""
    starts = figures * STARTS_PER_FIGURE + tables * STARTS_PER_TABLE
    return Cost("report", 0, 0, starts * speed.start())


class Machine:
    """The speed of this machine: the seconds that things take.

    On the CPU this is processor time, which the work of other processes does not lengthen.
    """

    def __init__(self, settings: Settings) -> None:
        self.device = deterministic_device()
        self.clock = time.process_time if self.device.type == "cpu" else time.perf_counter
        self.toy = Distribution(**settings.toy.distribution.model_dump()), settings.toy.training.lr
        self.fit = settings.probe.model_dump(include={"tolerance", "max_iterations"})
        self.draws = settings.probe.draws
        self.start, self.image = cache(self._start), cache(self._image)
        self.probe, self.toy_step = cache(self._probe), cache(self._toy_step)

    def _start(self) -> float:
        """Return the seconds of a job that does nothing but import."""
        imports = "import snakemake.script, torch, pandas, pyarrow.parquet, safetensors.torch"
        command = [sys.executable, "-c", imports]
        return _median(partial(subprocess.run, command, check=True), _children_time)

    def _image(self, network: str, shape: Shape, classes: int, batch_size: int) -> float:
        """Return the seconds of one image in a step of SGD."""
        # Enough images for a steady rate, and few enough for a second.
        adds = network_size(network, shape, classes).multiply_adds
        images = min(batch_size, max(8, int(5e9 / adds)))
        model = build_network(network, shape, classes)
        model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        model.to(self.device)
        inputs = torch.rand(images, *shape, device=self.device)
        labels = torch.zeros(images, dtype=torch.int64, device=self.device)

        def step() -> float:
            loss = cross_entropy(model(inputs), labels)
            return torch.autograd.grad(loss, list(model.parameters()))[-1].sum().item()

        return _median(step, self.clock) / images

    def _probe(
        self, examples: int, features: int, classes: int, strengths: tuple[float, ...] | None
    ) -> float:
        """Return the seconds of a probe of one feature and draw; without strengths, by dfr."""
        rows = min(examples, 1000)
        # Two rows of each, and a feature in which each differs.
        kinds = max(2, min(classes, features, rows // 2))
        values = np.arange(rows) % kinds
        embedding = np.random.default_rng(0).standard_normal((rows, features))
        embedding[:, :kinds] += np.eye(kinds)[values]
        sample = ProbeSet(embedding, values, np.zeros_like(values))
        named: dict[str, Any] = {"names": ("plan",), "per_group": None}
        work: Callable[[], object]
        if strengths is None:
            # One choice of C serves all draws.
            draws, named["max_iterations"] = self.draws, self.fit["max_iterations"]
            work = partial(dfr_probe, sample, sample, draws=draws, **named)
        else:
            draws = 1
            work = partial(fit_draw, sample, strengths=strengths, **named, **self.fit)
        with threadpool_limits(1):
            seconds = _median(work, time.process_time)
        return seconds * examples / (rows * draws) * classes / kinds

    def _toy_step(self, batch_size: int, lsam: bool) -> float:
        """Return the seconds of one step of a toy run."""
        run = Run(0, 270.0, batch_size, steps=500, rho=0.5 * lsam)
        return _median(partial(engine.train, run, *self.toy), time.process_time) / run.steps


def _children_time() -> float:
    times = os.times()
    return times.children_user + times.children_system


def _median(work: Callable[[], object], clock: Callable[[], float]) -> float:
    """Return the median seconds of three turns after a first one."""
    work()
    ends = [clock()]
    for _ in range(3):
        work()
        ends.append(clock())
    return float(np.median(np.diff(ends)))


def describe(costs: Sequence[Cost], cores: int, device: torch.device) -> str:
    """Put costs in a table of plain text, with the total and the time on ``cores`` cores.

    On a GPU, networks' passes take turns.
    """
    total = Cost(
        "total",
        sum(cost.runs for cost in costs),
        sum(cost.bytes for cost in costs),
        sum(cost.seconds for cost in costs),
        sum(cost.passes for cost in costs),
    )
    on_gpu, name = device.type != "cpu", name_of(device)
    in_turn = total.passes if on_gpu else 0.0
    here = in_turn + (total.seconds - in_turn) / cores
    of = "time of one core" + ", or of the GPU" * on_gpu
    lines = [f"{'':<18}{'runs':>6}{'disk':>12}  {of}"]
    lines += [
        f"{cost.name:<18}{cost.runs:>6}{cost.bytes / 1e9:>9.2f} GB  {format_time(cost.seconds)}"
        for cost in (*costs, total)
    ]
    return "\n".join(
        [
            *lines,
            "",
            f"With {cores} jobs at a time, about {format_time(here)} here.",
            f"Steps in float32, probes and the start of a job were timed just now ({name}). It",
            "is assumed that nothing has been made or runs beside it, that no run diverges and",
            "that downloads take no time. Disk is an upper bound, as embeddings compress.",
        ]
    )


def format_time(seconds: float) -> str:
    """Return a time as a person says it: in the two largest units of days, hours and minutes."""
    minutes = round(seconds / 60)
    if not minutes:
        return "under a minute"
    days, hours = divmod(minutes // 60, 24)
    parts = [(days, "d"), (hours, "h"), (minutes % 60, "min")]
    first = next(i for i, (n, _) in enumerate(parts) if n)
    return " ".join(f"{n} {unit}" for n, unit in parts[first : first + 2] if n)
