"""CelebA: faces with blond or other hair, of women and men (Liu et al., 2015)."""

import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

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
from feature_quality.provenance import cited, derived, ours, paper

if TYPE_CHECKING:
    from PIL import Image

FOLDER = "img_align_celeba"
# Pixels of an aligned photograph, across and down; a side of the central square that is seen, and
# the height of the whole photograph beside it.
ALIGNED, SIDE, HEIGHT = (178, 218), 64, 78
GROUPS = {
    "train": (71629, 66874, 22880, 1387),
    "val": (8535, 8276, 2874, 182),
    "test": (9767, 7535, 2480, 180),
}
SPEC = DatasetSpec(
    id="celeba",
    title="CelebA",
    features=("hair", "gender"),
    classes=(("not blond", "blond"), ("female", "male")),
    shape=(3, SIDE, SIDE),
    stored=(HEIGHT, SIDE),
    originals={
        "images": (f"celeba/{FOLDER}/", f"celeba/{FOLDER}.zip"),
        "attributes": ("celeba/list_attr_celeba.txt",),
        "partition": ("celeba/list_eval_partition.txt",),
    },
    counts=split_counts(GROUPS),
    group_counts=GROUPS,
    grid={
        "lr": paper((0.0005, 0.001, 0.005, 0.01), "Appendix B"),
        "rho": paper((0.01, 0.02, 0.05, 0.07), "Appendix B"),
    },
    training={
        "network": paper("resnet18", "Section 4.1"),
        "weights": paper("imagenet", "Section 4.1"),
        "epochs": paper(20, "Section 4.1"),
        "batch_size": paper(128, "Appendix B"),
        "momentum": paper(0.9, "Appendix B"),
        "weight_decay": derived(0.0001, "Appendix B: printed as “10 4”"),
        "snapshot_epochs": ours(
            (1, 3, 10),
            "the paper does not say which checkpoints it shows; evenly on a logarithmic scale",
        ),
        "crop": {
            "scale": cited((0.7, 1.0), "Sagawa et al. (2020); the paper's pseudo-code is lost"),
            "ratio": cited((1.0, 1.3333), "Sagawa et al. (2020); the paper's pseudo-code is lost"),
        },
    },
    per_group=cited(None, "Kirichenko et al. (2022), whom the paper follows"),
    threads=16,
)


def prepare(task: Preparation) -> None:
    """Prepare the dataset, from its archive or from the folder that it unpacks to.

    Raises:
        InputError: a file is damaged, or these are not the published splits.
    """
    images = task.originals["images"]
    table = read_attributes(task.originals["attributes"], task.originals["partition"])
    require_published(SPEC, table)
    with _reader(images) as read:
        photos = Photos(
            info=SPEC.info(),
            table=table,
            place=images,
            read=read,
            scale=scale,
            shape=(3, HEIGHT, SIDE),
        )
        write_photos(task, photos)


split = split_photos


def read_attributes(attributes: str | Path, partition: str | Path) -> pd.DataFrame:
    """Return one row per photograph: its file's name (``id``), part, hair and gender.

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


def scale(photo: "Image.Image") -> "Image.Image":
    """Bring the whole photograph to 64 × 78, whose centre, 64 × 64, is seen in evaluation.

    So is the centre of 178 × 178 pixels in Sagawa et al. (2020), whose training takes windows of
    the whole.

    Raises:
        OSError: the photograph is not an aligned one.
    """
    if photo.size != ALIGNED:
        width, height = photo.size
        raise OSError(f"{width} × {height} pixels; aligned images are {ALIGNED[0]} × {ALIGNED[1]}")
    return resize(photo, (SIDE, HEIGHT))


def _read_table(path: str | Path, **options: object) -> pd.DataFrame:
    """Read a table whose lines begin with a file's name."""
    try:
        table: pd.DataFrame = pd.read_csv(path, sep=r"\s+", index_col=0, **options)  # type: ignore[call-overload]
    except (OSError, ValueError, IndexError) as error:
        raise InputError(f"{path}: cannot be read as a table ({error})") from error
    if any("," in str(cell) for cell in (*table.columns, *table.index[:1])):
        raise InputError(f"{path}: has commas between its columns; the published file has spaces")
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
