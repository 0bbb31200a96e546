"""A prepared dataset: its stored images, and a table with one row per example of one split seed.

An example of ``examples.parquet`` names its image by the index in ``images.npy``, and one that is
made of two images names both, so that splits and seeds share images that are stored once.
"""

from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from feature_quality.artifacts.images import DatasetInfo, StoredImages, open_images, tuples
from feature_quality.artifacts.parquet import columns, read_parquet, write_table
from feature_quality.errors import InputError

SPLITS = ("train", "val", "test", "probe_train", "probe_test")

# ``above`` is the index of the image that lies on top of ``image``, -1 where none does.
EXAMPLES = columns(
    "id: string, split: string, image: int32, above: int32, label: int16, feature_a: int16, "
    "feature_b: int16, group: int16"
)


@dataclass(frozen=True)
class Description(DatasetInfo):
    """What holds for a dataset of one split.

    Attributes:
        channel_mean: the mean of each channel, for pixels in [0, 1], by which a network's input is
            normalised.
        channel_std: the standard deviation of each channel, likewise.
        group_weights: the groups' frequencies in training, by which validation and test errors
            weight each group's error; None if every example counts the same.
        target: the letter of the domain that is left out of training and on which feature A alone
            is probed; empty if both features are probed.
    """

    channel_mean: tuple[float, ...]
    channel_std: tuple[float, ...]
    group_weights: tuple[float, ...] | None = None
    target: str = ""

    @classmethod
    def of(cls, stored: StoredImages, **details: Any) -> "Description":
        """Describe a split of stored images; ``details`` are what they do not say themselves."""
        return cls(**vars(stored.info) | details)

    @property
    def probed(self) -> tuple[str, ...]:
        """The features that are probed."""
        return self.features[:1] if self.target else self.features

    def example_weights(self, groups: npt.NDArray[np.integer]) -> npt.NDArray[np.float64]:
        """Return the weight of each example in its split's error, (n,); they sum to 1.

        Args:
            groups: the group of each of the split's n examples.
        """
        if self.group_weights is None:
            return np.full(len(groups), 1 / len(groups))
        sizes = np.bincount(groups, minlength=len(self.group_weights))
        shares: npt.NDArray[np.float64] = (self.group_weights / np.maximum(sizes, 1))[groups]
        return shares


@dataclass(frozen=True)
class Examples:
    """The n examples of one split: images, uint8 (n, channels, height, width), and their rows."""

    images: npt.NDArray[np.uint8]
    table: pd.DataFrame


@dataclass(frozen=True)
class Prepared:
    """A whole dataset: stored images, uint8 (n, channels, height, width), and its examples."""

    description: Description
    images: npt.NDArray[np.uint8]
    examples: pd.DataFrame

    @property
    def shape(self) -> tuple[int, int, int]:
        """The (channels, height, width) of what a network sees of an example."""
        _, channels, *sides = self.images.shape
        height, width = self.description.view or sides
        return channels, height * (2 if (self.examples["above"] >= 0).any() else 1), width

    def split(self, name: str) -> Examples:
        """Return the examples of one of ``SPLITS``, in the order of the table.

        Images that are stored in this order and have none above them are not copied.
        """
        table = self.examples[self.examples["split"] == name].reset_index(drop=True)
        rows, above = table["image"].to_numpy(), table["above"].to_numpy()
        if (above >= 0).any():
            return Examples(np.concatenate([self.images[above], self.images[rows]], axis=2), table)
        adjacent = np.array_equal(rows, np.arange(rows[0], rows[0] + len(rows)))
        images = self.images[rows[0] : rows[-1] + 1] if adjacent else self.images[rows]
        return Examples(images, table)


def write_examples(
    path: str | Path, description: Description, examples: pd.DataFrame, stored: StoredImages
) -> None:
    """Check examples made of ``stored`` images and write them.

    The metadata has the checksum of the images, so that the file changes if they do.

    Raises:
        InputError: labels, groups or image rows are out of range, or a split is empty.
    """
    _check(path, description, examples, len(stored.table))
    write_table(path, examples, EXAMPLES, asdict(description) | {"images_sha256": stored.checksum})


def read_prepared(images_path: str | Path, examples_path: str | Path) -> Prepared:
    """Read a prepared dataset; its images stay on disk until they are used.

    Raises:
        InputError: a file is damaged, or the examples do not fit the images.
    """
    table, metadata = read_parquet(examples_path, EXAMPLES)
    description, images = _description(metadata), open_images(images_path)
    examples = table.to_pandas()
    _check(examples_path, description, examples, len(images))
    return Prepared(description, images, examples)


def read_description(examples_path: str | Path) -> Description:
    """Read the description of a prepared dataset, without its examples.

    Raises:
        InputError: the file is damaged, or is not a table of examples.
    """
    return _description(read_parquet(examples_path, EXAMPLES, columns=[])[1])


def _description(metadata: dict[str, Any]) -> Description:
    names = {each.name for each in fields(Description)}
    return Description(**tuples({key: metadata[key] for key in names}))


def _check(
    examples_path: str | Path, description: Description, examples: pd.DataFrame, images: int
) -> None:
    """Refuse examples that do not fit their description or the number of ``images``."""
    sizes = [len(names) for names in description.classes]
    limits = {
        "image": images,
        "label": sizes[0],
        "feature_a": sizes[0],
        "feature_b": sizes[1],
        "group": sizes[0] * sizes[1],
    }
    if not ((examples["above"] == -1).all() or examples["above"].between(0, images - 1).all()):
        raise InputError(
            f"{examples_path}: above must lie in 0 … {images - 1}, or be -1 for all examples"
        )
    for column, limit in limits.items():
        if not examples[column].between(0, limit - 1).all():
            raise InputError(f"{examples_path}: {column} must lie in 0 … {limit - 1}")
    if not (examples["group"] == examples["feature_a"] * sizes[1] + examples["feature_b"]).all():
        raise InputError(f"{examples_path}: group must be feature_a · {sizes[1]} + feature_b")
    found = set(examples["split"])
    if found != set(SPLITS):
        raise InputError(
            f"{examples_path}: its splits are {', '.join(sorted(found))}, "
            f"expected {', '.join(SPLITS)}"
        )
    weights = description.group_weights or ()
    weighted = {group for group, weight in enumerate(weights) if weight > 0}
    for split in ("val", "test"):
        absent = weighted - set(examples.loc[examples["split"] == split, "group"])
        if absent:
            raise InputError(
                f"{examples_path}: {split} has no example of group {min(absent)}, "
                "by whose frequency in training its errors are to be weighted"
            )
