"""Datasets of photographs with two labelled features, decoded and down-scaled once."""

import sys
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pandas as pd

from feature_quality.artifacts.images import (
    DatasetInfo,
    StoredImages,
    new_images,
    write_image_table,
)
from feature_quality.artifacts.prepared import Description
from feature_quality.data.archives import DAMAGED
from feature_quality.data.decoding import decode
from feature_quality.data.labelled import hold_out
from feature_quality.data.spec import DatasetSpec, Preparation
from feature_quality.errors import InputError
from feature_quality.seeds import generator

if TYPE_CHECKING:  # Pillow takes time to import, and every dry run reads the descriptions.
    from PIL import Image

PUBLISHED_SPLITS = ("train", "val", "test")
# What torchvision's pretrained networks expect; it publishes these with them.
IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)
# Of each pair of values, for validation and for test, where a dataset has no published split.
HELD_OUT = 0.2
# Images per part: enough for its overhead not to matter, and few enough to show progress.
PART = 256

GroupCounts = Mapping[str, tuple[int, ...]]


@dataclass(frozen=True)
class Photos:
    """Photographs before they are decoded.

    Attributes:
        info: what holds for the whole dataset.
        table: one row per photograph, in the order in which they are stored: the columns of
            ``IMAGES``. Its ``id`` is the photograph's name.
        place: the folder or archive in which the photographs lie.
        read: returns the encoded bytes of one; raises FileNotFoundError or KeyError without it.
        scale: brings a photograph to the size that is stored.
        shape: (channels, height, width) of what is stored.
        targets: the letters of its domains, of a family of datasets of several domains.
    """

    info: DatasetInfo
    table: pd.DataFrame
    place: str | Path
    read: Callable[[str], bytes]
    scale: "Callable[[Image.Image], Image.Image]"
    shape: tuple[int, int, int]
    targets: tuple[str, ...] = ()


def split_counts(counts: GroupCounts) -> dict[str, int]:
    """Return the number of examples in each of the five splits.

    Probes are trained on the validation split and tested on the test split.
    """
    sizes = {split: sum(groups) for split, groups in counts.items()}
    return sizes | {"probe_train": sizes["val"], "probe_test": sizes["test"]}


def require_published(spec: DatasetSpec, photographs: pd.DataFrame) -> None:
    """Check the groups of the published splits.

    Args:
        spec: the dataset's description.
        photographs: the columns of ``IMAGES``; both features are 0 or 1.

    Raises:
        InputError: a group has more or fewer; the message holds all counts.
    """
    examples = five_splits(photographs, values=2)
    found = {split: group_counts(examples, split) for split in PUBLISHED_SPLITS}
    if found != dict(spec.group_counts):
        raise InputError(
            f"{spec.id}: these are not the published splits. Examples of each group are\n"
            f"  {found}, expected\n  {dict(spec.group_counts)}"
        )


def five_splits(photographs: pd.DataFrame, values: int) -> pd.DataFrame:
    """Return the examples of all five splits: probes see those of validation and test.

    Args:
        photographs: the columns of ``IMAGES``, every photograph in a part.
        values: how many feature B has; it varies the fastest in the numbers of the groups.
    """
    table = photographs.rename(columns={"part": "split"}).assign(
        image=np.arange(len(photographs)),
        above=-1,
        label=photographs["feature_a"],
        group=values * photographs["feature_a"].astype(int) + photographs["feature_b"],
    )
    splits = [table[table["split"] == split] for split in PUBLISHED_SPLITS]
    probes = [
        examples.assign(split=name)
        for name, examples in zip(("probe_train", "probe_test"), splits[1:], strict=True)
    ]
    return pd.concat([*splits, *probes], ignore_index=True)


def draw_parts(table: pd.DataFrame, dataset: str, seed: int) -> pd.DataFrame:
    """Put images that have no part into one at random; each pair of values in the same shares.

    Args:
        table: the columns of ``IMAGES``.
        dataset: its id.
        seed: fixes the draw; the numbers of images are the same for all seeds.
    """
    if table["part"].all():
        return table
    pairs = table.groupby(["feature_a", "feature_b"]).ngroup().to_numpy().astype(np.int64)
    rng = generator("split", dataset, seed)
    rest, test = hold_out(pairs, HELD_OUT, rng)
    _, val = hold_out(pairs[rest], HELD_OUT / (1 - HELD_OUT), rng)
    part = np.full(len(table), "train", dtype=object)
    part[test], part[rest[val]] = "test", "val"
    return table.assign(part=part)


def split_photos(stored: StoredImages, seed: int) -> list[tuple[Description, pd.DataFrame]]:
    """Return the examples of a dataset of photographs; a seed splits those without a split."""
    photographs = draw_parts(stored.table, stored.info.dataset, seed)
    sizes = list(map(len, stored.info.classes))
    examples, groups = five_splits(photographs, sizes[1]), sizes[0] * sizes[1]
    description = Description.of(
        stored,
        channel_mean=IMAGENET_MEAN,
        channel_std=IMAGENET_STD,
        group_weights=frequencies(group_counts(examples, "train", groups)),
    )
    return [(description, examples)]


def in_split_order(
    ids: pd.Index | pd.Series,
    split: npt.NDArray[np.integer],
    feature_a: npt.ArrayLike,
    feature_b: npt.ArrayLike,
) -> pd.DataFrame:
    """Return one row per photograph, in the order of the splits and within each as they come.

    Args:
        ids: names of the n photographs' files.
        split: (n,), 0 for training, 1 for validation, 2 for test.
        feature_a, feature_b: (n,), from 0.
    """
    table = pd.DataFrame(
        {
            "id": ids,
            "part": np.array(PUBLISHED_SPLITS)[split],
            "feature_a": feature_a,
            "feature_b": feature_b,
        }
    )
    return table.iloc[np.argsort(split, kind="stable")].reset_index(drop=True)


def group_counts(examples: pd.DataFrame, split: str, groups: int = 4) -> tuple[int, ...]:
    """Return the number of examples of each of the ``groups`` in a split."""
    found = examples.loc[examples["split"] == split, "group"].to_numpy()
    return tuple(np.bincount(found, minlength=groups).tolist())


def frequencies(counts: Sequence[int]) -> tuple[float, ...]:
    """Return each group's share of its split."""
    return tuple(count / sum(counts) for count in counts)


def resize(photo: "Image.Image", size: tuple[int, int]) -> "Image.Image":
    """Bring a photograph to ``size``, (width, height) in pixels."""
    from PIL import Image

    return photo.resize(size, Image.Resampling.BILINEAR)


def write_photos(task: Preparation, photos: Photos) -> None:
    """Decode and scale all photographs, ``task.threads`` at a time, and write what they show.

    A terminal has a progress bar of the parts of ``PART`` photographs.

    Raises:
        InputError: a photograph is missing or cannot be decoded.
    """
    from tqdm import tqdm

    size = (len(photos.table), *photos.shape)
    names = photos.table["id"].tolist()
    # Threads will do: decoding and scaling let others run.
    with new_images(task.images, size) as images, ThreadPoolExecutor(task.threads) as pool:
        firsts = range(0, len(images), PART)
        parts = pool.map(lambda i: _decode(photos, names[i : i + PART], images[i:]), firsts)
        unit = f"×{PART} photographs"
        for _ in tqdm(parts, "Decode", len(firsts), unit=unit, file=sys.stderr, disable=None):
            pass
    write_image_table(task.images, task.table, photos.table, photos.info, photos.targets)


def _decode(photos: Photos, names: Sequence[str], images: npt.NDArray[np.uint8]) -> None:
    """Decode the photographs of some names into the first rows of ``images``."""
    for row, name in enumerate(names):
        where = f"{photos.place}: {name}"
        try:
            content = photos.read(name)
        except (FileNotFoundError, KeyError) as error:
            raise InputError(f"{where} is missing") from error
        except DAMAGED as error:
            raise InputError(f"{where} cannot be read ({error})") from error
        images[row] = decode(content, where, photos.scale)
