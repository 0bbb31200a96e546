"""Custom datasets: the user's images, and a table of two features or folders of several domains."""

import csv
import logging
import unicodedata
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from itertools import islice, product
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

import pandas as pd

from feature_quality.artifacts.images import Classes, StoredImages
from feature_quality.artifacts.prepared import Description
from feature_quality.data.domains import describe_images, split_domains
from feature_quality.data.photos import (
    PUBLISHED_SPLITS,
    Photos,
    draw_parts,
    in_split_order,
    split_photos,
    write_photos,
)
from feature_quality.data.spec import DatasetSpec, Preparation, pair_of_values
from feature_quality.errors import InputError
from feature_quality.provenance import ours

if TYPE_CHECKING:
    from PIL import Image

# What holds for custom datasets of both kinds, by default.
SPEC = DatasetSpec(
    id="own",
    title="Custom datasets",
    # A table names its features and tells their values.
    features=("", ""),
    custom=True,
    grid={
        "lr": ours((0.01, 0.05, 0.1), "as for CIFAR-MNIST"),
        "rho": ours((0.01, 0.03, 0.05, 0.07, 0.1, 0.2), "as for CIFAR-MNIST"),
    },
    # No augmentation: it might change the features.
    training={
        "network": ours("cnn", "as for CIFAR-MNIST; quick without a GPU"),
        "epochs": ours(20, "as for CIFAR-MNIST"),
        "batch_size": ours(100, "as for CIFAR-MNIST"),
        "momentum": ours(0.9, "as for CIFAR-MNIST"),
        "weight_decay": ours(0.0, "as for CIFAR-MNIST"),
        "snapshot_epochs": ours((1, 2, 5, 10), "evenly on a logarithmic scale"),
    },
    per_group=ours(None, "as for Waterbirds"),
    threads=16,
)
# Each half of a probe's training set, which comes from validation, needs one of each pair.
FEWEST = {"val": 2, "test": 1}
# So many pairs of values that lack examples, or letters, are named.
NAMED = 8
# Matplotlib brings it.
FONT = "DejaVu Sans"


def own_spec(dataset: str, title: str, domains: Sequence[str] = ()) -> DatasetSpec:
    """Return the description of a custom dataset.

    Args:
        dataset: its id.
        title: its name for readers.
        domains: the folders of its domains; none where a table tells two features.
    """
    if not domains:
        return replace(SPEC, id=dataset, title=title)
    return replace(
        SPEC,
        id=dataset,
        title=title,
        features=("class", "domain"),
        domains={name: name for name in domains},
        training={**SPEC.training, "snapshot_epochs": ours((), "no figure shows them")},
        per_group=None,
    )


def prepare(task: Preparation) -> None:
    """Prepare a dataset of either kind.

    Raises:
        InputError: the table or the folders cannot be used, or an image cannot.
    """
    settings: Any = task.settings
    spec = own_spec(task.dataset, settings["title"], settings["domains"] or ())
    images, resolution = Path(task.originals["images"]), settings["resolution"]
    if spec.domains:
        photos = describe_images(images, spec, resolution)
    else:
        table, classes = read_table(task.originals["table"], settings["features"])
        photos = Photos(
            info=spec.info(features=settings["features"], classes=classes),
            table=table,
            place=images,
            read=lambda name: (images / name).read_bytes(),
            scale=partial(scale, side=resolution),
            shape=(3, resolution, resolution),
        )
    _require_legible(f"own.{task.dataset}.title", [settings["title"]])
    write_photos(task, photos)


def split(stored: StoredImages, seed: int) -> list[tuple[Description, pd.DataFrame]]:
    """Split a dataset of either kind."""
    return (split_domains if stored.targets else split_photos)(stored, seed)


def has_split(path: str | Path) -> bool:
    """Say whether a table has a column ``split``; one that cannot be read is refused later."""
    try:
        with Path(path).open(newline="", encoding="utf-8-sig", errors="replace") as file:
            return "split" in [cell.strip() for cell in next(filter(None, csv.reader(file)), [])]
    except (OSError, csv.Error):
        return True


def smallest_group(path: str | Path, features: Sequence[str]) -> tuple[int, str] | None:
    """Return what ``DatasetSpec.smallest_group`` does; None if the table is refused later."""
    try:
        rows, classes = read_table(path, features)
    except InputError:
        return None
    # Whichever the seed, it has as many of each pair.
    drawn = draw_parts(rows, "", 0)
    shown = drawn.loc[drawn["part"] == "val", ["feature_a", "feature_b"]]
    (first, second), size = Counter(shown.itertuples(index=False, name=None)).most_common()[-1]
    return size, pair_of_values(features, (classes[0][first], classes[1][second]))


def read_table(path: str | Path, features: Sequence[str]) -> tuple[pd.DataFrame, Classes]:
    """Return the columns of ``IMAGES`` and the names of both features' values, sorted.

    Images come in the order of the splits, and within each as in the table.

    Raises:
        InputError: the file is no such table; a split or a value is missing where it is needed.
    """
    rows = _read_rows(path, features)
    first, second = (tuple(sorted(rows[feature].unique())) for feature in features)
    _require_legible(f"{path}: features", features)
    for feature, values in zip(features, (first, second), strict=True):
        _require_legible(f"{path}: {feature}", values)
    codes = [
        pd.Categorical(rows[feature], values).codes.astype(int)
        for feature, values in zip(features, (first, second), strict=True)
    ]
    if "split" in rows:
        parts = pd.Categorical(rows["split"], PUBLISHED_SPLITS).codes.astype(int)
        table = in_split_order(rows["image"], parts, *codes)
    else:
        table = pd.DataFrame(
            {"id": rows["image"], "part": "", "feature_a": codes[0], "feature_b": codes[1]}
        )
    # Whichever the seed, it has as many of each pair.
    drawn = draw_parts(table, "", 0)
    _require_examples(path, drawn, features, (first, second))
    counts = pd.crosstab([drawn["feature_a"], drawn["feature_b"]], drawn["part"])
    counts.index = counts.index.map(lambda pair: (first[pair[0]], second[pair[1]]))
    logging.getLogger("feature_quality").info("Images:\n%s", counts.to_string())
    return table, (first, second)


def _require_legible(where: str, names: Sequence[str]) -> None:
    """Refuse names that tables and figures would show alike, or not at all."""
    twins = Counter(unicodedata.normalize("NFC", name) for name in names)
    if alike := sorted(name for name, count in twins.items() if count > 1):
        raise InputError(
            f"{where}: {alike[0]!r} is written in two ways that look alike, composed and "
            "decomposed (Unicode NFC and NFD); write it in one"
        )
    if hidden := sorted(name for name in names if not name.isprintable()):
        raise InputError(f"{where}: {hidden[0]!a} has characters that cannot be seen; write others")
    if "".join(names).isascii():
        return
    # Slow to import, and plain names do without.
    from matplotlib.font_manager import findfont
    from matplotlib.ft2font import FT2Font

    known = FT2Font(findfont(FONT)).get_charmap()
    if unknown := sorted(
        {character for character in "".join(names) if ord(character) not in known}
    ):
        raise InputError(
            f"{where}: the font of the figures ({FONT}) has no {' '.join(unknown[:NAMED])}; write "
            "the names in Latin, Greek or Cyrillic letters"
        )


def scale(photo: "Image.Image", side: int) -> "Image.Image":
    """Cut out the central square and bring it to ``side`` × ``side`` pixels."""
    from PIL import Image, ImageOps

    return ImageOps.fit(photo, (side, side), Image.Resampling.BILINEAR)


def _read_rows(path: str | Path, features: Sequence[str]) -> pd.DataFrame:
    """Return the cells of the columns ``image``, ``split`` (if any) and both features, as text.

    Raises:
        InputError: names the first line at fault.
    """
    try:
        # Spreadsheets may begin a file with a mark of its encoding.
        with Path(path).open(newline="", encoding="utf-8-sig") as file:
            reader = csv.reader(file, strict=True)
            lines = [(reader.line_num, [cell.strip() for cell in row]) for row in reader if row]
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: is not in UTF-8 ({error}); save it as UTF-8") from error
    except (OSError, ValueError, csv.Error) as error:
        raise InputError(f"{path}: cannot be read as a table ({error})") from error
    header = lines[0][1] if lines else []
    for column in header:
        if column.lower() == "split" and "split" not in header and column not in features:
            raise InputError(f"{path}: the column {column!r} should be called 'split'")
    columns = ["image", *features] + ["split"] * ("split" in header)
    if wrong := [column for column in columns if header.count(column) != 1]:
        raise InputError(
            f"{path}: should have one column {' and one column '.join(wrong)}, with commas between "
            f"columns; its first line is {','.join(header)[:200]!r}"
        )
    rows, seen = [], dict[str, int]()
    for line, cells in lines[1:]:
        where = f"{path}: line {line}"
        if len(cells) != len(header):
            raise InputError(f"{where}: has {len(cells)} cells, and the first line {len(header)}")
        row = dict(zip(header, cells, strict=True))
        for column in columns:
            if not row[column]:
                raise InputError(f"{where}: {column} is empty")
        if row.get("split", "train") not in PUBLISHED_SPLITS:
            allowed = ", ".join(PUBLISHED_SPLITS)
            raise InputError(f"{where}: split is {row['split']!r}, should be one of {allowed}")
        image = PurePosixPath(row["image"])
        if image.is_absolute() or ".." in image.parts:
            raise InputError(f"{where}: {image} should be a path below the directory of images")
        row["image"] = str(image)
        if seen.setdefault(row["image"], line) != line:
            raise InputError(f"{where}: {image} is listed on line {seen[row['image']]} already")
        rows.append(row)
    return pd.DataFrame(rows, columns=columns)


def _require_examples(
    path: str | Path, table: pd.DataFrame, features: Sequence[str], classes: Classes
) -> None:
    """Refuse images that networks or probes could not be trained or tested on."""
    for split in PUBLISHED_SPLITS:
        if not (table["part"] == split).any():
            raise InputError(f"{path}: has no row of split {split}")
    for feature, values in zip(features, classes, strict=True):
        if len(values) < 2:
            raise InputError(
                f"{path}: {feature} is {values[0]!r} throughout; a feature needs at least 2 values"
            )
    labels = {
        split: {*table.loc[table["part"] == split, "feature_a"]} for split in (*FEWEST, "train")
    }
    for split in FEWEST:
        if unknown := sorted(labels[split] - labels["train"]):
            raise InputError(
                f"{path}: {features[0]} {classes[0][unknown[0]]!r} occurs in {split} and not in "
                "train; a network learns the values that it is shown"
            )
    found = Counter(table[["part", "feature_a", "feature_b"]].itertuples(index=False, name=None))
    # As they are found: two columns of names would have as many pairs as their product.
    lacking = (
        f"{split} has {found[split, a, b]} of "
        f"{pair_of_values(features, (classes[0][a], classes[1][b]))}"
        for split, fewest in FEWEST.items()
        for a, b in product(*(range(len(values)) for values in classes))
        if found[split, a, b] < fewest
    )
    if named := list(islice(lacking, NAMED)):
        more = ["…"] if next(lacking, None) else []
        raise InputError(
            "\n  ".join(
                [
                    f"{path}: probes need each pair of values at least {FEWEST['val']} times in "
                    f"val and {FEWEST['test']} time in test:",
                    *named,
                    *more,
                ]
            )
        )
