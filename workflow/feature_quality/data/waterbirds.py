"""Waterbirds: birds of CUB-200-2011 on backgrounds of Places (Sagawa et al., 2020)."""

from functools import partial
from pathlib import Path

import pandas as pd

from feature_quality.data.archives import unpacked
from feature_quality.data.celeba import SPEC as CELEBA
from feature_quality.data.photos import (
    Photos,
    in_split_order,
    require_published,
    resize,
    split_counts,
    split_photos,
    write_photos,
)
from feature_quality.data.spec import DatasetSpec, Preparation
from feature_quality.errors import InputError
from feature_quality.provenance import cited, ours, paper

FOLDER = "waterbird_complete95_forest2water2"
# Pixels a side of the centre, which is seen in evaluation, and of the whole photograph, which is
# stored as a square: 256/224 times as many, as Sagawa et al. (2020) see 224 of 256.
SIDE, STORED = 112, 128
GROUPS = {
    "train": (3498, 184, 56, 1057),
    "val": (467, 466, 133, 133),
    "test": (2255, 2255, 642, 642),
}
SPEC = DatasetSpec(
    id="waterbirds",
    title="Waterbirds",
    features=("bird", "background"),
    classes=(("landbird", "waterbird"), ("land", "water")),
    shape=(3, SIDE, SIDE),
    stored=(STORED, STORED),
    originals={"images": (f"{FOLDER}/", f"{FOLDER}.tar.gz")},
    counts=split_counts(GROUPS),
    group_counts=GROUPS,
    grid=CELEBA.grid,
    training={
        **CELEBA.training,
        "epochs": paper(100, "Section 4.1"),
        "snapshot_epochs": ours(
            (1, 5, 25),
            "the paper does not say which checkpoints it shows; evenly on a logarithmic scale",
        ),
        "crop": {
            "scale": cited((0.7, 1.0), "Sagawa et al. (2020); the paper's pseudo-code is lost"),
            "ratio": cited((0.75, 1.3333), "Sagawa et al. (2020); the paper's pseudo-code is lost"),
        },
    },
    per_group=CELEBA.per_group,
    threads=16,
)
COLUMNS = ("img_filename", "y", "split", "place")


def prepare(task: Preparation) -> None:
    """Prepare the dataset, from its archive or from the folder that it unpacks to.

    Raises:
        InputError: the archive is damaged, or these are not the published splits.
    """
    with unpacked(task.originals["images"], FOLDER) as folder:
        table = read_metadata(folder)
        require_published(SPEC, table)
        photos = Photos(
            info=SPEC.info(),
            table=table,
            place=folder,
            read=lambda name: Path(folder, name).read_bytes(),
            scale=partial(resize, size=(STORED, STORED)),
            shape=(3, STORED, STORED),
        )
        write_photos(task, photos)


split = split_photos


def read_metadata(folder: str | Path) -> pd.DataFrame:
    """Return one row per photograph: its file's name (``id``), part, bird and background.

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
