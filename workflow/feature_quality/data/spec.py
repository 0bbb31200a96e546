"""What a dataset says of itself: the description at the top of its module.

Configuration, plan, rules, captions and documentation read it. It imports nothing heavy: every
dry run reads the descriptions of all datasets.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path
from typing import Any

from feature_quality.artifacts.images import DatasetInfo
from feature_quality.provenance import Default

# Documented defaults by key; a section below a section is a mapping again.
Defaults = Mapping[str, "Default | Defaults"]


@dataclass(frozen=True)
class DatasetSpec:
    """The description of a dataset, or of a family of datasets that differ in their target domain.

    Attributes:
        id: the name of its module, in paths and in the configuration.
        title: its name for readers.
        features: the names of feature A, which is the label, and of feature B.
        classes: the names of both features' values; empty where only the files tell.
        shape: (channels, height, width) of what networks see of the images; None where ``images``
            has a resolution.
        stored: (height, width) of the stored images, where random crops are taken from more than
            the centre that is seen otherwise.
        originals: the files that it is prepared from, by a name for each: their alternatives below
            ``data_dir`` in order of preference, a folder ending in ``/``. The last alternative is
            a key of ``SOURCES``, and is downloaded where ``data_dir`` has none of them.
        counts: the number of examples of each of the five splits.
        group_counts: of a published split, the number of examples of each group; the group of
            values a and b is a · (number of b's) + b.
        domains: the name of each domain by its letter; there is one dataset for each, of which it
            is the target.
        domain_sizes: the number of images of each domain.
        class_count: the number of classes, where ``classes`` is empty.
        demonstration: whether its results say nothing of the paper.
        custom: whether it is the user's own.
        grid, training, images: the defaults of these sections of the configuration.
        per_group: the default of ``probe.per_group``; None for target domains, which are not
            balanced.
        threads: how many can decode its images.
    """

    id: str
    title: str
    features: tuple[str, str]
    classes: tuple[tuple[str, ...], tuple[str, ...]] = ((), ())
    shape: tuple[int, int, int] | None = None
    stored: tuple[int, int] | None = None
    originals: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    counts: Mapping[str, int] = field(default_factory=dict)
    group_counts: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    domains: Mapping[str, str] = field(default_factory=dict)
    domain_sizes: tuple[int, ...] = ()
    class_count: int = 0
    demonstration: bool = False
    custom: bool = False
    grid: Defaults = field(default_factory=dict)
    training: Defaults = field(default_factory=dict)
    images: Defaults = field(default_factory=dict)
    per_group: Default | None = None
    threads: int = 1

    @property
    def datasets(self) -> list[str]:
        """The ids of its datasets: its own, or one for each target domain."""
        return [f"{self.id}_{letter}" for letter in self.domains] or [self.id]

    @property
    def module(self) -> str:
        """The name of the module that prepares it."""
        return "own" if self.custom else self.id

    @property
    def smallest_group(self) -> tuple[int, str] | None:
        """How many examples probes may take of every group, and one that has no more.

        None where only the files tell.
        """
        named = [pair_of_values(self.features, pair) for pair in product(*self.classes)]
        if not self.counts or not named:
            return None
        # Without a published split, groups are equally large.
        sizes = self.group_counts.get("val") or [self.counts["probe_train"] // len(named)]
        return min(zip(sizes, named, strict=False))

    def info(self, **different: Any) -> DatasetInfo:
        """Return what holds for all of its images; ``different`` is what its files tell."""
        names = ("title", "demonstration", "features", "classes", "custom")
        own = {name: getattr(self, name) for name in names} | {"dataset": self.id}
        if self.stored and self.shape:
            own["view"] = self.shape[1:]
        return DatasetInfo(**own | different)

    @property
    def random_split(self) -> bool:
        """Whether seeds split and pair its images; else they have a published split."""
        return not self.group_counts

    @property
    def channels(self) -> int:
        """The channels of its images; photographs whose size is a setting have three."""
        return self.shape[0] if self.shape else 3


def pair_of_values(features: Sequence[str], values: Sequence[str]) -> str:
    """Return how messages name a group of examples."""
    return " with ".join(f"{name} {value!r}" for name, value in zip(features, values, strict=True))


@dataclass(frozen=True)
class Preparation:
    """What a dataset's ``prepare`` gets: what to read, and where to write it.

    Attributes:
        originals: the paths of the original files, by their names in the description.
        settings: how the images are taken, from the configuration.
        images: where the images go.
        table: where the table of what they show goes.
        threads: how many may decode images.
        dataset: the id of the dataset.
    """

    originals: Mapping[str, str]
    settings: Mapping[str, object]
    images: str | Path
    table: str | Path
    threads: int = 1
    dataset: str = ""


def idx_files(folder: str) -> dict[str, tuple[str, ...]]:
    """Return the four original files of MNIST or Fashion-MNIST, as a description lists them."""
    return {
        f"{folder}/raw/{prefix}-{part}-ubyte.gz": (f"{folder}/raw/{prefix}-{part}-ubyte.gz",)
        for prefix in ("train", "t10k")
        for part in ("images-idx3", "labels-idx1")
    }
