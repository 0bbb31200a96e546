"""Datasets of two images on top of each other whose labels agree in training (Shah et al., 2020).

A part of a dataset is a pair of image collections. Its *correlated* pairing joins images of equal
class; its *balanced* pairing gives every combination of classes the same number of examples, so
that neither image says anything of the other.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from feature_quality.artifacts.prepared import Description, Prepared
from feature_quality.data.labelled import Labelled
from feature_quality.data.spec import DatasetSpec
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
class Part:
    """Images of feature A and images of feature B that are paired with each other only."""

    a: Labelled
    b: Labelled

    def take(self, rows_a: Rows, rows_b: Rows) -> "Part":
        """Return these images of A and those images of B, each in the order given."""
        return Part(self.a.take(rows_a), self.b.take(rows_b))


def hold_out(labels: Rows, fraction: float, rng: np.random.Generator) -> tuple[Rows, Rows]:
    """Choose a random ``fraction`` of every class; return (rows to keep, rows held out)."""
    held = np.zeros(len(labels), dtype=bool)
    for label in np.unique(labels):
        members = rng.permutation(np.flatnonzero(labels == label))
        held[members[: round(fraction * len(members))]] = True
    return np.flatnonzero(~held), np.flatnonzero(held)


def pair_correlated(part: Part, rng: np.random.Generator) -> tuple[Rows, Rows]:
    """Pair images of equal class at random, each at most once, in a random order overall.

    Each class has as many pairs as its smaller collection has images.
    """
    rows_a, rows_b = [], []
    for label in np.unique(part.a.labels):
        members_a = rng.permutation(np.flatnonzero(part.a.labels == label))
        members_b = rng.permutation(np.flatnonzero(part.b.labels == label))
        size = min(len(members_a), len(members_b))
        rows_a.append(members_a[:size])
        rows_b.append(members_b[:size])
    order = rng.permutation(sum(map(len, rows_a)))
    return np.concatenate(rows_a)[order], np.concatenate(rows_b)[order]


def pair_balanced(part: Part, rng: np.random.Generator) -> tuple[Rows, Rows]:
    """Pair images, each once, so that every cell (class of A, class of B) has the same number."""
    classes = np.unique(part.a.labels)
    smallest = min(
        np.bincount(images.labels, minlength=len(classes)).min() for images in (part.a, part.b)
    )
    cell = int(smallest) // len(classes)
    members_a = [_sample(part.a, label, cell * len(classes), rng) for label in classes]
    members_b = [_sample(part.b, label, cell * len(classes), rng) for label in classes]
    rows_a, rows_b = [], []
    for a in range(len(classes)):
        for b in range(len(classes)):
            rows_a.append(members_a[a][b * cell : (b + 1) * cell])
            rows_b.append(members_b[b][a * cell : (a + 1) * cell])
    return np.concatenate(rows_a), np.concatenate(rows_b)


def _sample(images: Labelled, label: int, size: int, rng: np.random.Generator) -> Rows:
    return rng.permutation(np.flatnonzero(images.labels == label))[:size]


def split_published(
    published: Part, dataset: str, data_seed: int, fraction: float = 0.1
) -> tuple[Part, Part]:
    """Pair the published training images by class and split the pairs into (train, validation)."""
    paired = published.take(*pair_correlated(published, generator("pair", dataset, data_seed)))
    rng = generator("hold out", dataset, data_seed)
    kept, held = hold_out(paired.a.labels, fraction, rng)
    return paired.take(kept, kept), paired.take(held, held)


def concatenate(
    spec: DatasetSpec,
    *,
    title: str = "",
    train: Part,
    val: Part,
    test: Part,
    data_seed: int,
) -> Prepared:
    """Build the five splits of a dataset whose images carry B on top of A, labelled by A.

    Train, validation and test are correlated; the probes' training images are the validation
    images paired anew, their test images the test images paired anew (both balanced).

    Args:
        spec: its description; images and splits must come out with its shape and counts.
        title: its name for readers, if it is not the description's.

    Raises:
        InputError: images have another shape, or a split has another number of examples.
    """
    pairings = {
        "train": (train, pair_correlated),
        "val": (val, pair_correlated),
        "test": (test, pair_correlated),
        "probe_train": (val, pair_balanced),
        "probe_test": (test, pair_balanced),
    }
    tables, images, first = [], [], 0
    for split, (part, pair) in pairings.items():
        pairs = part.take(*pair(part, generator("pairing", spec.id, split, data_seed)))
        a, b = pairs.a, pairs.b
        images.append(np.concatenate([b.pixels, a.pixels], axis=2))
        tables.append(
            pd.DataFrame(
                {
                    "id": [f"{id_a}+{id_b}" for id_a, id_b in zip(a.ids, b.ids, strict=True)],
                    "split": split,
                    "image": np.arange(first, first + len(a)),
                    "label": a.labels,
                    "feature_a": a.labels,
                    "feature_b": b.labels,
                    "group": a.labels * len(spec.classes[1]) + b.labels,
                }
            )
        )
        first += len(a)
    examples = pd.concat(tables, ignore_index=True)
    found = {split: int((examples["split"] == split).sum()) for split in pairings}
    if found != spec.counts:
        raise InputError(f"{spec.id}: its splits have {found} examples, expected {spec.counts}")
    if images[0].shape[1:] != spec.shape:
        raise InputError(f"{spec.id}: its images are {images[0].shape[1:]}, expected {spec.shape}")
    mean = images[0].mean(axis=(0, 2, 3), dtype=np.float64) / 255
    description = Description(
        dataset=spec.id,
        title=title or spec.title,
        demonstration=spec.demonstration,
        features=spec.features,
        classes=spec.classes,
        channel_mean=tuple(mean.tolist()),
        # The paper subtracts the mean and does not divide.
        channel_std=(1.0,) * len(mean),
    )
    return Prepared(description, np.concatenate(images), examples)
