"""Datasets of several domains, one of which is left out of training (DomainBed; Appendix F)."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

from feature_quality.artifacts.prepared import Description
from feature_quality.data.archives import unpacked
from feature_quality.data.photos import IMAGENET_MEAN, IMAGENET_STD, Photos
from feature_quality.errors import InputError
from feature_quality.seeds import generator

TRAINING_SHARE = 0.8
# Of the source domains' training examples; Appendix F.
HELD_OUT = 0.1
SUFFIXES = (".jpg", ".jpeg", ".png")


@dataclass(frozen=True)
class Family:
    """A published dataset, which is one dataset of ours for each target domain.

    Attributes:
        title: its name for readers.
        folder: the name of its folder, in which the domains' folders lie; empty without one.
        domains: the domains' folders, by the letter that stands for each.
        sizes: the published number of images of each domain.
        classes: the number of classes.
    """

    title: str
    folder: str
    domains: dict[str, str]
    sizes: tuple[int, ...]
    classes: int


FAMILIES = {
    "pacs": Family(
        "PACS",
        "PACS",
        {"A": "art_painting", "C": "cartoon", "P": "photo", "S": "sketch"},
        (2048, 2344, 1670, 3929),
        7,
    ),
    "vlcs": Family(
        "VLCS",
        "VLCS",
        {"C": "Caltech101", "L": "LabelMe", "S": "SUN09", "V": "VOC2007"},
        (1415, 2656, 3282, 3376),
        5,
    ),
    "office_home": Family(
        "OfficeHome",
        "office_home",
        {"A": "Art", "C": "Clipart", "P": "Product", "R": "Real World"},
        (2427, 4365, 4439, 4357),
        65,
    ),
}


@contextmanager
def photographs(
    original: str | Path, family: str, *, resolution: int, published: bool, data_seed: int
) -> Iterator[Photos]:
    """Yield a family's photographs and its four datasets, to be read inside the block.

    Args:
        original: its folder ``domain/class/image``, or the archive that holds the folder.
        family: its id.
        resolution: of the stored images, pixels a side.
        published: whether the numbers of images must be the published ones.
        data_seed: fixes the splits.

    Raises:
        InputError: the archive is damaged; a domain is missing; domains differ in their classes; a
            class is empty; a file is no image; or the numbers are not the published ones.
    """
    about = FAMILIES[family]
    with unpacked(original, about.folder) as folder:
        images = list_images(folder, tuple(about.domains.values()))
        counts = pd.crosstab(images["domain"], images["class"])
        logging.getLogger("feature_quality").info("Images:\n%s", counts.to_string())
        found = (
            tuple(counts.sum(axis=1)[list(about.domains.values())].tolist()),
            len(counts.columns),
        )
        as_published = found == (about.sizes, about.classes)
        if published and not as_published:
            raise InputError(
                f"{folder}: its domains {', '.join(about.domains.values())} have {found[0]} images "
                f"of {found[1]} classes, expected {about.sizes} of {about.classes}; for another "
                f"copy set domains.{family}.published to false"
            )
        title = about.title if as_published else f"{about.title} (another copy)"
        yield Photos(
            datasets=targets(images, family, title, about.domains, False, data_seed),
            place=folder,
            names=images["id"].tolist(),
            read=lambda name: Path(folder, name).read_bytes(),
            scale=partial(_scale, side=resolution),
            shape=(3, resolution, resolution),
        )


def list_images(folder: Path, domains: tuple[str, ...]) -> pd.DataFrame:
    """Return one row an image, in the order of their names: ``id``, ``domain`` and ``class``.

    Raises:
        InputError: a domain is missing, domains differ in their classes, a class is empty, or a
            file is no image.
    """
    rows, classes = [], {}
    for domain in domains:
        if not Path(folder, domain).is_dir():
            raise InputError(f"{folder}: has no folder {domain}, one of its domains")
        names = _visible(Path(folder, domain))
        if not names:
            raise InputError(f"{Path(folder, domain)}: has no class")
        classes[domain] = [path.name for path in names]
        for path in names:
            images = _visible(path) if path.is_dir() else []
            if not images:
                raise InputError(f"{path}: should be a folder of images, one class of {domain}")
            for image in images:
                if image.suffix.lower() not in SUFFIXES or not image.is_file():
                    raise InputError(f"{image}: is no image; allowed are {', '.join(SUFFIXES)}")
                rows.append((f"{domain}/{path.name}/{image.name}", domain, path.name))
    first = classes[domains[0]]
    for domain in domains[1:]:
        if different := sorted({*classes[domain]} ^ {*first}):
            raise InputError(
                f"{folder}: {domain} and {domains[0]} differ in their classes: "
                f"{', '.join(different)}"
            )
    return pd.DataFrame(rows, columns=["id", "domain", "class"])


def targets(
    images: pd.DataFrame,
    family: str,
    title: str,
    domains: dict[str, str],
    demonstration: bool,
    data_seed: int,
) -> list[tuple[Description, pd.DataFrame]]:
    """Return the datasets of a family, one for each target domain, in the order of ``domains``.

    Args:
        images: one row a stored image: ``id``, ``domain`` and ``class``.
        domains: the domains, by their letters.
        data_seed: fixes the splits.
    """
    classes = sorted(images["class"].unique())
    table = pd.DataFrame(
        {
            "id": images["id"],
            "image": np.arange(len(images)),
            "label": pd.Categorical(images["class"], classes).codes,
            "feature_a": pd.Categorical(images["class"], classes).codes,
            "feature_b": pd.Categorical(images["domain"], list(domains.values())).codes,
        }
    ).astype({"label": int, "feature_a": int, "feature_b": int})
    table["group"] = table["feature_a"] * len(domains) + table["feature_b"]
    halves = {
        domain: _split(images["domain"] == domain, family, domain, data_seed)
        for domain in domains.values()
    }
    found = []
    for letter, target in domains.items():
        sources = [rows for domain, rows in halves.items() if domain != target]
        held = [round(HELD_OUT * len(train)) for train, _ in sources]
        rows = {
            "train": [train[n:] for n, (train, _) in zip(held, sources, strict=True)],
            "val": [train[:n] for n, (train, _) in zip(held, sources, strict=True)],
            "test": [test for _, test in sources],
            "probe_train": [halves[target][0]],
            "probe_test": [halves[target][1]],
        }
        parts = [
            table.iloc[np.sort(np.concatenate(members))].assign(split=split)
            for split, members in rows.items()
        ]
        description = Description(
            dataset=f"{family}_{letter}",
            title=title,
            demonstration=demonstration,
            features=("class", "domain"),
            classes=(tuple(classes), tuple(domains.values())),
            channel_mean=IMAGENET_MEAN,
            channel_std=IMAGENET_STD,
            target=letter,
        )
        found.append((description, pd.concat(parts, ignore_index=True)))
    return found


def _split(
    members: pd.Series, family: str, domain: str, data_seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return the rows of a domain's training and test examples, shuffled."""
    rng = generator("domain split", family, domain, data_seed)
    rows = rng.permutation(np.flatnonzero(members))
    size = round(TRAINING_SHARE * len(rows))
    return rows[:size], rows[size:]


def _visible(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if not path.name.startswith("."))


def _scale(photo: Image.Image, side: int) -> Image.Image:
    """Bring a photograph to ``side`` × ``side`` pixels, as DomainBed does."""
    return photo.resize((side, side), Image.Resampling.BILINEAR)
