"""CelebA: faces with blond or other hair, of women and men (Liu et al., 2015)."""

import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pandas as pd
from PIL import Image

from feature_quality.artifacts.prepared import Description
from feature_quality.data.photos import (
    IMAGENET_MEAN,
    IMAGENET_STD,
    Photos,
    examples_of,
    frequencies,
    in_split_order,
    split_counts,
)
from feature_quality.errors import InputError

DATASET = "celeba"
FOLDER = "img_align_celeba"
CLASSES = (("not blond", "blond"), ("female", "male"))
SHAPE = (3, 64, 64)
# Of the groups 2·blond + male.
GROUPS = {
    "train": (71629, 66874, 22880, 1387),
    "val": (8535, 8276, 2874, 182),
    "test": (9767, 7535, 2480, 180),
}
COUNTS = split_counts(GROUPS)
ALIGNED = (178, 218)


@contextmanager
def photographs(
    images: str | Path, attributes: str | Path, partition: str | Path
) -> Iterator[Photos]:
    """Yield the dataset, to be read inside the block.

    Args:
        images: ``img_align_celeba.zip`` or the folder that it unpacks to.
        attributes: ``list_attr_celeba.txt``.
        partition: ``list_eval_partition.txt``.

    Raises:
        InputError: a file is damaged, or these are not the published splits.
    """
    table = read_attributes(attributes, partition)
    examples = examples_of(DATASET, table, GROUPS)
    description = Description(
        dataset=DATASET,
        title="CelebA",
        demonstration=False,
        features=("hair", "gender"),
        classes=CLASSES,
        channel_mean=IMAGENET_MEAN,
        channel_std=IMAGENET_STD,
        group_weights=frequencies(GROUPS["train"]),
    )
    with _reader(images) as read:
        yield Photos(
            datasets=[(description, examples)],
            place=images,
            names=table["id"].tolist(),
            read=read,
            scale=scale,
            shape=SHAPE,
        )


def read_attributes(attributes: str | Path, partition: str | Path) -> pd.DataFrame:
    """Return one row a photograph: its file's name (``id``), split, hair and gender.

    They come in the order of the splits, and within each as in ``list_attr_celeba.txt``.

    Raises:
        InputError: a file is missing or is no such table, or the two name other photographs.
    """
    values = _read_table(attributes, skiprows=1)
    if missing := [name for name in ("Blond_Hair", "Male") if name not in values]:
        raise InputError(f"{attributes}: has no attribute {', '.join(missing)}")
    values = values[["Blond_Hair", "Male"]]
    if not values.isin([-1, 1]).all(axis=None):
        raise InputError(f"{attributes}: attributes should be -1 or 1")
    splits = _read_table(partition, header=None)
    if splits.shape[1] != 1 or not splits.isin([0, 1, 2]).all(axis=None):
        raise InputError(f"{partition}: should name a photograph and its split, 0, 1 or 2, a line")
    if not values.index.equals(splits.index):
        raise InputError(
            f"{partition}: does not name the photographs of {attributes}, in its order"
        )
    blond, male = (values.to_numpy() == 1).astype(int).T
    return in_split_order(values.index, splits.to_numpy(int)[:, 0], blond, male)


def scale(photo: Image.Image) -> Image.Image:
    """Cut out the central 178 × 178 pixels and bring them to 64 × 64.

    Raises:
        OSError: the photograph is not an aligned one.
    """
    # Slow to import, and only this needs it.
    from torchvision.transforms.functional import center_crop, resize

    if photo.size != ALIGNED:
        width, height = photo.size
        raise OSError(f"{width} × {height} pixels; aligned images are {ALIGNED[0]} × {ALIGNED[1]}")
    scaled: Image.Image = resize(center_crop(photo, [ALIGNED[0]]), [SHAPE[1], SHAPE[2]])
    return scaled


def _read_table(path: str | Path, **options: object) -> pd.DataFrame:
    """Read a table whose lines begin with a file's name."""
    try:
        table: pd.DataFrame = pd.read_csv(path, sep=r"\s+", index_col=0, **options)  # type: ignore[call-overload]
    except (OSError, ValueError, IndexError) as error:
        raise InputError(f"{path}: cannot be read as a table ({error})") from error
    return table


@contextmanager
def _reader(images: str | Path) -> Iterator[Callable[[str], bytes]]:
    """Yield a function that reads a photograph from the folder or straight from the archive."""
    if Path(images).is_dir():
        yield lambda name: Path(images, name).read_bytes()
        return
    try:
        archive = zipfile.ZipFile(images)
    except (zipfile.BadZipFile, OSError) as error:
        raise InputError(f"{images}: cannot be unpacked ({error})") from error
    with archive:
        yield lambda name: archive.read(f"{FOLDER}/{name}")
