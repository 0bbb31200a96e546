"""The images of a dataset, stored once, and a table of what each of them shows.

``images.npy`` holds distinct images, and ``images.parquet`` one row for each. Splits name them by
their index, so that those of all seeds share them.
"""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from feature_quality.artifacts.atomic import replacing
from feature_quality.artifacts.checksum import sha256
from feature_quality.artifacts.parquet import columns, read_table, write_table
from feature_quality.errors import InputError

Classes = tuple[tuple[str, ...], tuple[str, ...]]

# ``part`` is the published split that an image belongs to, or empty where every seed draws one. A
# feature is -1 where an image does not show it.
IMAGES = columns("id: string, part: string, feature_a: int16, feature_b: int16")


@dataclass(frozen=True)
class DatasetInfo:
    """What holds for a whole dataset, or a family of datasets, however it is split.

    Attributes:
        dataset: its id.
        title: its name in tables and figures.
        demonstration: whether it is none of the paper's datasets, and made to show the workflow.
        features: the names of feature A, which is the label, and of feature B.
        classes: the names of the values of each feature.
        custom: whether it is the user's own.
        view: (height, width) of the centre of an image that networks see outside training, where
            more than that is stored for training's random crops.
    """

    dataset: str
    title: str
    demonstration: bool
    features: tuple[str, str]
    classes: Classes
    custom: bool = field(default=False, kw_only=True)
    view: tuple[int, int] | None = field(default=None, kw_only=True)


@dataclass(frozen=True)
class StoredImages:
    """The n images of a dataset, or of a family of datasets that differ in their target domain.

    Attributes:
        info: what holds for all of them.
        targets: the letter of each domain, in the order of feature B's values; empty where no
            domain is a target.
        table: n rows, the columns of ``IMAGES``.
        pixels: uint8 (n, channels, height, width), on disk until they are used.
        checksum: SHA-256 of ``images.npy``.
    """

    info: DatasetInfo
    targets: tuple[str, ...]
    table: pd.DataFrame
    pixels: npt.NDArray[np.uint8]
    checksum: str


@contextmanager
def new_images(path: str | Path, shape: tuple[int, ...]) -> Iterator[npt.NDArray[np.uint8]]:
    """Yield an array of zeros on disk, stored as ``path`` if the block raises no error.

    Raises:
        InputError: the file cannot be written to disk.
    """
    with replacing(path) as temporary:
        images = np.lib.format.open_memmap(temporary, mode="w+", dtype=np.uint8, shape=shape)
        # Reserve the space: on a full disk, writing to the array would kill the process. macOS has
        # no such function.
        if hasattr(os, "posix_fallocate"):
            with temporary.open("r+b") as file:
                os.posix_fallocate(file.fileno(), 0, temporary.stat().st_size)
        yield images
        images.flush()


def write_image_table(
    images_path: str | Path,
    table_path: str | Path,
    table: pd.DataFrame,
    info: DatasetInfo,
    targets: Sequence[str] = (),
) -> None:
    """Write what the images at ``images_path`` show, with their checksum.

    Raises:
        InputError: the file cannot be written to disk.
    """
    metadata = asdict(info) | {"targets": targets, "sha256": sha256(images_path)}
    write_table(table_path, table, IMAGES, metadata)


def open_images(path: str | Path) -> npt.NDArray[np.uint8]:
    """Return stored images, (n, channels, height, width), which stay on disk until they are used.

    Raises:
        InputError: the file is damaged or holds something else.
    """
    try:
        # Copy on write: PyTorch shares memory only with writable arrays.
        images = np.lib.format.open_memmap(path, mode="c")
    except Exception as error:  # A damaged header is parsed as Python and may raise anything.
        raise InputError(f"{path}: cannot be read as an array ({error})") from error
    if images.dtype != np.uint8 or images.ndim != 4:
        raise InputError(
            f"{path}: images are {images.dtype} with {images.ndim} dimensions, "
            "expected uint8 (n, channels, height, width)"
        )
    if images.offset + images.nbytes != Path(path).stat().st_size:
        raise InputError(f"{path}: is not as long as its header says, {images.shape}")
    return images


def read_images(images_path: str | Path, table_path: str | Path) -> StoredImages:
    """Read the images of a dataset and what they show.

    Raises:
        InputError: a file is damaged, or the two do not belong together.
    """
    table, metadata = read_table(table_path, IMAGES)
    pixels = open_images(images_path)
    if len(pixels) != len(table):
        raise InputError(f"{table_path}: has {len(table)} rows for {len(pixels)} images")
    targets, checksum = tuple(metadata.pop("targets")), metadata.pop("sha256")
    return StoredImages(DatasetInfo(**tuples(metadata)), targets, table, pixels, checksum)


def tuples(metadata: Any) -> Any:
    """Return what was read as JSON with tuples for lists."""
    if isinstance(metadata, dict):
        return {key: tuples(value) for key, value in metadata.items()}
    return tuple(map(tuples, metadata)) if isinstance(metadata, list) else metadata
