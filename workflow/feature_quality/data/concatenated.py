"""Datasets of two images on top of each other whose labels agree in training (Shah et al., 2020).

A part of a dataset is a pair of image collections. Its *correlated* pairing joins images of equal
class; its *balanced* pairing gives every combination of classes the same number of examples, so
that neither image says anything of the other. Images are stored once, one half of an example each;
a seed's pairings are rows of a table.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from feature_quality.artifacts.images import StoredImages, new_images, write_image_table
from feature_quality.artifacts.prepared import Description
from feature_quality.data.labelled import Labelled, hold_out
from feature_quality.data.spec import DatasetSpec, Preparation
from feature_quality.errors import InputError
from feature_quality.provenance import ours, paper
from feature_quality.seeds import generator

Rows = npt.NDArray[np.int64]

# The sweep of both of the paper's datasets of this kind.
GRID = {
    "lr": paper((0.01, 0.05, 0.1), "Appendix B"),
    "rho": paper((0.01, 0.03, 0.05, 0.07, 0.1, 0.2), "Appendix B"),
}
SNAPSHOT_EPOCHS = ours(
    (1, 2, 5, 10),
    "the paper does not say which checkpoints it shows; evenly on a logarithmic scale",
)


@dataclass(frozen=True)
class Halves:
    """Stored images that are halves of examples: their rows and labels, int64 (n,)."""

    rows: Rows
    labels: Rows

    @classmethod
    def of(cls, stored: StoredImages, feature: str, part: str) -> "Halves":
        """Return those of a part that show ``feature_a`` or ``feature_b``."""
        labels = stored.table[feature].to_numpy(np.int64)
        rows = np.flatnonzero((labels >= 0) & (stored.table["part"] == part).to_numpy())
        return cls(rows, labels[rows])

    def take(self, places: Rows) -> "Halves":
        """Return those at some places, in that order."""
        return Halves(self.rows[places], self.labels[places])

    def hold_out(self, fraction: float, rng: np.random.Generator) -> tuple["Halves", "Halves"]:
        """Return what is kept and what is held out of every class."""
        kept, held = hold_out(self.labels, fraction, rng)
        return self.take(kept), self.take(held)


@dataclass(frozen=True)
class Part:
    """Images of feature A and images of feature B that are paired with each other only."""

    a: Halves
    b: Halves

    @classmethod
    def of(cls, stored: StoredImages, part: str) -> "Part":
        """Return the stored images of a published part."""
        return cls(*(Halves.of(stored, feature, part) for feature in ("feature_a", "feature_b")))

    def take(self, places_a: Rows, places_b: Rows) -> "Part":
        """Return these images of A and those images of B, each in the order given."""
        return Part(self.a.take(places_a), self.b.take(places_b))


def pair_correlated(part: Part, rng: np.random.Generator) -> Part:
    """Pair images of equal class at random, each at most once, in a random order overall.

    Each class has as many pairs as its smaller collection has images.
    """
    places_a, places_b = [], []
    for label in np.unique(part.a.labels):
        members_a = rng.permutation(np.flatnonzero(part.a.labels == label))
        members_b = rng.permutation(np.flatnonzero(part.b.labels == label))
        size = min(len(members_a), len(members_b))
        places_a.append(members_a[:size])
        places_b.append(members_b[:size])
    order = rng.permutation(sum(map(len, places_a)))
    return part.take(np.concatenate(places_a)[order], np.concatenate(places_b)[order])


def pair_balanced(part: Part, rng: np.random.Generator) -> Part:
    """Pair images, each once, so that every cell (class of A, class of B) has the same number."""
    classes = np.unique(part.a.labels)
    counts = [np.bincount(half.labels, minlength=len(classes)) for half in (part.a, part.b)]
    cell = int(np.min(counts)) // len(classes)
    # By class of the image, and then by class of the one that it is paired with.
    cells_a, cells_b = (
        np.stack(
            [
                rng.permutation(np.flatnonzero(half.labels == label))[: cell * len(classes)]
                for label in classes
            ]
        ).reshape(len(classes), len(classes), cell)
        for half in (part.a, part.b)
    )
    return part.take(cells_a.ravel(), cells_b.swapaxes(0, 1).ravel())


def write_halves(
    task: Preparation,
    spec: DatasetSpec,
    a: Mapping[str, Labelled],
    b: Mapping[str, Labelled],
    title: str = "",
) -> None:
    """Store the images of A and those of B, each half an example.

    Args:
        task: where they go.
        spec: the dataset's description.
        a, b: the images by published part; those of the part "" are for each seed to split.
        title: its name for readers, if it is not the description's.

    Raises:
        InputError: images are not half as high as the description says.
    """
    assert spec.shape
    channels, height, width = spec.shape
    collections, tables = [*a.values(), *b.values()], []
    for images in collections:
        if images.pixels.shape[1:] != (channels, height // 2, width):
            raise InputError(
                f"{spec.id}: its images are {images.pixels.shape[1:]}, expected "
                f"{(channels, height // 2, width)}"
            )
    for feature, other, parts in (("feature_a", "feature_b", a), ("feature_b", "feature_a", b)):
        for part, images in parts.items():
            row = {"id": images.ids, "part": part, feature: images.labels, other: -1}
            tables.append(pd.DataFrame(row))
    table = pd.concat(tables, ignore_index=True)
    with new_images(task.images, (len(table), channels, height // 2, width)) as pixels:
        np.concatenate([images.pixels for images in collections], out=pixels)
    write_image_table(task.images, task.table, table, spec.info(title=title or spec.title))


def split_published(
    spec: DatasetSpec, stored: StoredImages, seed: int
) -> list[tuple[Description, pd.DataFrame]]:
    """Pair the published training images by class and hold a tenth of the pairs out.

    Raises:
        InputError: as ``concatenate``.
    """
    published = Part.of(stored, "train")
    paired = pair_correlated(published, generator("pair", spec.id, seed))
    kept, held = hold_out(paired.a.labels, 0.1, generator("hold out", spec.id, seed))
    train, val = (paired.take(places, places) for places in (kept, held))
    return concatenate(spec, stored, train=train, val=val, test=Part.of(stored, "test"), seed=seed)


def concatenate(
    spec: DatasetSpec, stored: StoredImages, *, train: Part, val: Part, test: Part, seed: int
) -> list[tuple[Description, pd.DataFrame]]:
    """Return the five splits of a dataset whose examples carry B on top of A, labelled by A.

    Train, validation and test are correlated; the probes' training images are the validation
    images paired anew, their test images the test images paired anew (both balanced).

    Raises:
        InputError: a split has another number of examples than the description says.
    """
    pairings = {
        "train": (train, pair_correlated),
        "val": (val, pair_correlated),
        "test": (test, pair_correlated),
        "probe_train": (val, pair_balanced),
        "probe_test": (test, pair_balanced),
    }
    ids, tables = stored.table["id"].to_numpy(), []
    for split, (part, pair) in pairings.items():
        pairs = pair(part, generator("pairing", spec.id, split, seed))
        a, b = pairs.a, pairs.b
        tables.append(
            pd.DataFrame(
                {
                    "id": ids[a.rows] + "+" + ids[b.rows],
                    "split": split,
                    "image": a.rows,
                    "above": b.rows,
                    "label": a.labels,
                    "feature_a": a.labels,
                    "feature_b": b.labels,
                    "group": a.labels * len(spec.classes[1]) + b.labels,
                }
            )
        )
    found = {split: len(table) for split, table in zip(pairings, tables, strict=True)}
    if found != spec.counts:
        raise InputError(f"{spec.id}: its splits have {found} examples, expected {spec.counts}")
    shown = tables[0][["image", "above"]].to_numpy().ravel()
    mean = stored.pixels[shown].mean(axis=(0, 2, 3), dtype=np.float64) / 255
    description = Description.of(
        stored,
        channel_mean=tuple(mean.tolist()),
        # The paper subtracts the mean and does not divide.
        channel_std=(1.0,) * len(mean),
    )
    return [(description, pd.concat(tables, ignore_index=True))]
