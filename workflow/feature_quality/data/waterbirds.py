"""Waterbirds: birds of CUB-200-2011 on backgrounds of Places (Sagawa et al., 2020)."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pandas as pd
from PIL import Image

from feature_quality.artifacts.prepared import Description
from feature_quality.data.archives import unpacked
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

DATASET = "waterbirds"
FOLDER = "waterbird_complete95_forest2water2"
CLASSES = (("landbird", "waterbird"), ("land", "water"))
SHAPE = (3, 112, 112)
# Of the groups 2·bird + background.
GROUPS = {
    "train": (3498, 184, 56, 1057),
    "val": (467, 466, 133, 133),
    "test": (2255, 2255, 642, 642),
}
COUNTS = split_counts(GROUPS)
COLUMNS = ("img_filename", "y", "split", "place")


@contextmanager
def photographs(original: str | Path) -> Iterator[Photos]:
    """Yield the dataset, to be read inside the block.

    Args:
        original: the published archive, or the folder that it unpacks to.

    Raises:
        InputError: the archive is damaged, or these are not the published splits.
    """
    with unpacked(original, FOLDER) as folder:
        yield _photos(folder)


def read_metadata(folder: str | Path) -> pd.DataFrame:
    """Return one row a photograph: its file's name (``id``), split, bird and background.

    They come in the order of the splits, and within each as in ``metadata.csv``.

    Raises:
        InputError: the file is missing, is no such table, or holds other values.
    """
    path = Path(folder, "metadata.csv")
    try:
        metadata = pd.read_csv(path)
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: cannot be read as a table ({error})") from error
    missing = [column for column in COLUMNS if column not in metadata]
    if missing:
        raise InputError(f"{path}: has no column {', '.join(missing)}")
    if metadata["img_filename"].isna().any():
        raise InputError(f"{path}: a row names no photograph")
    for column, allowed in (("y", [0, 1]), ("place", [0, 1]), ("split", [0, 1, 2])):
        if not metadata[column].isin(allowed).all():
            raise InputError(f"{path}: {column} should be one of {allowed}")
    split, bird, place = metadata[["split", "y", "place"]].to_numpy(int).T
    return in_split_order(metadata["img_filename"], split, bird, place)


def scale(photo: Image.Image) -> Image.Image:
    """Bring the shorter side to 128 pixels and cut out the central 112 × 112."""
    # Slow to import, and only this needs it.
    from torchvision.transforms.functional import center_crop, resize

    scaled: Image.Image = center_crop(resize(photo, 128), [SHAPE[1], SHAPE[2]])
    return scaled


def _photos(folder: Path) -> Photos:
    table = read_metadata(folder)
    description = Description(
        dataset=DATASET,
        title="Waterbirds",
        demonstration=False,
        features=("bird", "background"),
        classes=CLASSES,
        channel_mean=IMAGENET_MEAN,
        channel_std=IMAGENET_STD,
        group_weights=frequencies(GROUPS["train"]),
    )
    return Photos(
        datasets=[(description, examples_of(DATASET, table, GROUPS))],
        place=folder,
        names=table["id"].tolist(),
        read=lambda name: Path(folder, name).read_bytes(),
        scale=scale,
        shape=SHAPE,
    )
