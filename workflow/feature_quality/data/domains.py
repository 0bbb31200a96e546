"""Datasets of several domains, one of which is left out of training (DomainBed; Appendix F)."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from feature_quality.artifacts.images import StoredImages
from feature_quality.artifacts.prepared import Description
from feature_quality.data.archives import unpacked
from feature_quality.data.photos import IMAGENET_MEAN, IMAGENET_STD, Photos, resize, write_photos
from feature_quality.data.spec import DatasetSpec, Preparation
from feature_quality.errors import InputError
from feature_quality.provenance import ours
from feature_quality.seeds import generator

Rows = npt.NDArray[np.int64]

TRAINING_SHARE = 0.8
# Of the source domains' training examples; Appendix F.
HELD_OUT = 0.1
SUFFIXES = (".jpg", ".jpeg", ".png")


def domain_spec(
    dataset: str,
    title: str,
    folder: str,
    domains: dict[str, str],
    domain_sizes: tuple[int, ...],
    class_count: int,
) -> DatasetSpec:
    """Return the description of one of DomainBed's datasets, whose constants the paper lost.

    Args:
        dataset: the name of its module.
        title: its name for readers.
        folder: the folder or archive in which the domains' folders lie.
        domains: the domains' folders, by the letter that stands for each.
        domain_sizes: the published number of images of each domain.
        class_count: the number of classes.
    """
    return DatasetSpec(
        id=dataset,
        title=title,
        features=("class", "domain"),
        originals={"images": (f"{folder}/", f"{folder}.tar", f"{folder}.tar.gz", f"{folder}.zip")},
        domains=domains,
        domain_sizes=domain_sizes,
        class_count=class_count,
        grid={
            "lr": ours(
                (0.0005, 0.001, 0.005, 0.01), "as for Waterbirds; the paper's values are lost"
            ),
            "rho": ours((0.01, 0.02, 0.05, 0.07), "as for Waterbirds; the paper's are lost"),
        },
        training={
            "network": ours("resnet18", "as for Waterbirds; the paper does not say"),
            "weights": ours("imagenet", "as for Waterbirds; the paper does not say"),
            "epochs": ours(20, "as for CelebA; the paper does not say"),
            "batch_size": ours(128, "as for CelebA; the paper does not say"),
            "momentum": ours(0.9, "as for CelebA; the paper does not say"),
            "weight_decay": ours(0.0001, "as for CelebA; the paper does not say"),
            "snapshot_epochs": ours((), "no figure shows them"),
            "crop": {
                "scale": ours((0.7, 1.0), "as for Waterbirds; the paper does not say"),
                "ratio": ours((0.75, 1.3333), "as for Waterbirds; the paper does not say"),
            },
        },
        images={"resolution": ours(224, "DomainBed's; the paper does not say")},
        threads=16,
    )


def prepare_domains(spec: DatasetSpec, task: Preparation) -> None:
    """Store the images of all domains."""
    settings: Any = task.settings
    original = task.originals["images"]
    with photographs(original, spec, **settings) as photos:
        write_photos(task, photos)


@contextmanager
def photographs(
    original: str | Path, spec: DatasetSpec, *, resolution: int, published: bool
) -> Iterator[Photos]:
    """Yield the photographs of ``spec``, to be read inside the block.

    Args:
        original: its folder ``domain/class/image``, or the archive that holds the folder, under
            whatever name: DomainBed's own archives have PACS in ``kfold``.
        spec: its description.
        resolution: of the stored images, pixels a side.
        published: whether the numbers of images must be the published ones.

    Raises:
        InputError: the archive is damaged; a domain is missing; domains differ in their classes; a
            class is empty; a file is no image; or the numbers are not the published ones.
    """
    with unpacked(original, "") as place:
        folder = _folder_of_domains(place, next(iter(spec.domains.values())))
        photos = describe_images(folder, spec, resolution)
        domains, sizes = list(spec.domains.values()), spec.domain_sizes
        counts = photos.table["feature_b"].value_counts().sort_index()
        found = (tuple(counts.tolist()), len(photos.info.classes[0]))
        as_published = found == (sizes, spec.class_count)
        if published and not as_published:
            raise InputError(
                f"{folder}: its domains {', '.join(domains)} have {found[0]} images "
                f"of {found[1]} classes, expected {sizes} of {spec.class_count}; for another "
                f"copy set domains.{spec.id}.published to false"
            )
        title = spec.title if as_published else f"{spec.title} (another copy)"
        yield replace(photos, info=replace(photos.info, title=title))


def _folder_of_domains(folder: Path, domain: str) -> Path:
    """Descend to the folder that has a domain, as long as there is only one to descend into."""
    while not Path(folder, domain).is_dir():
        inside = [path for path in _visible(folder) if path.is_dir()]
        if len(inside) != 1:
            break
        (folder,) = inside
    return folder


def describe_images(folder: Path, spec: DatasetSpec, resolution: int) -> Photos:
    """Return the photographs ``domain/class/image`` below a folder.

    Raises:
        InputError: as ``list_images``.
    """
    domains = tuple(spec.domains.values())
    images = list_images(folder, domains)
    counts = pd.crosstab(images["domain"], images["class"])
    logging.getLogger("feature_quality").info("Images:\n%s", counts.to_string())
    return Photos(
        info=spec.info(classes=(tuple(counts.columns), domains)),
        table=image_table(images, spec),
        place=folder,
        read=lambda name: Path(folder, name).read_bytes(),
        scale=partial(resize, size=(resolution, resolution)),
        shape=(3, resolution, resolution),
        targets=tuple(spec.domains),
    )


def list_images(folder: Path, domains: tuple[str, ...]) -> pd.DataFrame:
    """Return one row per image, in the order of their names: ``id``, ``domain`` and ``class``.

    Raises:
        InputError: a domain is missing, domains differ in their classes, or have only one, a class
            is empty, or a file is no image.
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
    if len(first) < 2:
        raise InputError(f"{folder}: its domains have one class, {first[0]}; at least 2 are needed")
    return pd.DataFrame(rows, columns=["id", "domain", "class"])


def image_table(images: pd.DataFrame, spec: DatasetSpec) -> pd.DataFrame:
    """Return the columns of ``IMAGES`` for images with an ``id``, a ``domain`` and a ``class``."""
    classes = sorted(images["class"].unique())
    return pd.DataFrame(
        {
            "id": images["id"],
            "part": "",
            "feature_a": pd.Categorical(images["class"], classes).codes,
            "feature_b": pd.Categorical(images["domain"], list(spec.domains.values())).codes,
        }
    )


def split_domains(stored: StoredImages, seed: int) -> list[tuple[Description, pd.DataFrame]]:
    """Return the datasets of a family, one for each target domain, in the order of its domains.

    A seed splits each domain once, whichever is the target.
    """
    family, (classes, names) = stored.info.dataset, stored.info.classes
    label, domain = (stored.table[name].astype(int) for name in ("feature_a", "feature_b"))
    table = stored.table.drop(columns="part").assign(
        image=np.arange(len(label)), above=-1, label=label, group=label * len(names) + domain
    )
    halves = [_split(domain == code, family, name, seed) for code, name in enumerate(names)]
    found = []
    for code, letter in enumerate(stored.targets):
        sources = [*halves[:code], *halves[code + 1 :]]
        held = [round(HELD_OUT * len(train)) for train, _ in sources]
        rows = {
            "train": [train[n:] for n, (train, _) in zip(held, sources, strict=True)],
            "val": [train[:n] for n, (train, _) in zip(held, sources, strict=True)],
            "test": [test for _, test in sources],
            "probe_train": [halves[code][0]],
            "probe_test": [halves[code][1]],
        }
        for split, members in rows.items():
            if not sum(map(len, members)):
                raise InputError(
                    f"{stored.info.title}: too few images: none is left for {split} where "
                    f"{names[code]} is the target; 8 of a domain suffice"
                )
        parts = [
            table.iloc[np.sort(np.concatenate(members))].assign(split=split)
            for split, members in rows.items()
        ]
        description = Description.of(
            stored,
            dataset=f"{family}_{letter}",
            channel_mean=IMAGENET_MEAN,
            channel_std=IMAGENET_STD,
            target=letter,
        )
        probed = table["label"].iloc[halves[code][0]].value_counts()
        if too_few := [name for kind, name in enumerate(classes) if probed.get(kind, 0) < 2]:
            raise InputError(
                f"{stored.info.title}: the training split of domain {names[code]} has fewer than "
                f"2 images of {', '.join(too_few)}, so that no probe can be trained"
            )
        found.append((description, pd.concat(parts, ignore_index=True)))
    return found


def _split(members: pd.Series, family: str, domain: str, seed: int) -> tuple[Rows, Rows]:
    """Return the rows of a domain's training and test examples, shuffled."""
    rows = generator("domain split", family, domain, seed).permutation(np.flatnonzero(members))
    size = round(TRAINING_SHARE * len(rows))
    return rows[:size], rows[size:]


def _visible(folder: Path) -> list[Path]:
    # __MACOSX is a folder that macOS adds to its archives.
    hidden = (".", "__MACOSX")
    return sorted(path for path in folder.iterdir() if not path.name.startswith(hidden))
