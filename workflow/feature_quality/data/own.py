"""A custom dataset: the user's images with two labelled features, and a table of what they show."""

import csv
import logging
from collections import Counter
from collections.abc import Sequence
from functools import partial
from itertools import islice, product
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

import pandas as pd

from feature_quality.artifacts.prepared import Description
from feature_quality.data.photos import (
    IMAGENET_MEAN,
    IMAGENET_STD,
    PUBLISHED_SPLITS,
    Photos,
    five_splits,
    frequencies,
    group_counts,
    in_split_order,
    write_photos,
)
from feature_quality.data.spec import DatasetSpec, Preparation
from feature_quality.errors import InputError
from feature_quality.provenance import ours

if TYPE_CHECKING:
    from PIL import Image

SPEC = DatasetSpec(
    id="own",
    title="Custom dataset",
    # The table names the features and tells their values.
    features=("", ""),
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
# So many pairs of values that lack examples are named.
NAMED = 8

Classes = tuple[tuple[str, ...], tuple[str, ...]]


def prepare(task: Preparation) -> None:
    """Prepare the dataset."""
    settings: Any = task.settings
    images, table = (task.originals[name] for name in ("images", "table"))
    write_photos(task, photographs(images, table, **settings))


def photographs(
    images: str | Path,
    table: str | Path,
    *,
    title: str,
    features: Sequence[str],
    resolution: int,
) -> Photos:
    """Return the dataset.

    Args:
        images: the directory below which the images lie.
        table: the CSV file.
        title: its name for readers.
        features: the columns of both; the first is the label.
        resolution: of the stored images, pixels a side.

    Raises:
        InputError: the table cannot be used.
    """
    examples, classes = read_table(table, features)
    stored = examples[examples["split"].isin(PUBLISHED_SPLITS)]
    groups = len(classes[0]) * len(classes[1])
    label, other = features
    description = Description(
        dataset=SPEC.id,
        title=title,
        demonstration=False,
        features=(label, other),
        classes=classes,
        channel_mean=IMAGENET_MEAN,
        channel_std=IMAGENET_STD,
        group_weights=frequencies(group_counts(examples, "train", groups)),
    )
    return Photos(
        datasets=[(description, examples)],
        place=images,
        names=stored["id"].tolist(),
        read=lambda name: Path(images, name).read_bytes(),
        scale=partial(scale, side=resolution),
        shape=(3, resolution, resolution),
    )


def read_table(path: str | Path, features: Sequence[str]) -> tuple[pd.DataFrame, Classes]:
    """Return the examples of all five splits and the names of both features' values, sorted.

    Images come in the order of the splits, and within each as in the table; the examples are rows
    of ``EXAMPLES``.

    Raises:
        InputError: the file is no such table; a split or a value is missing where it is needed.
    """
    rows = _read_rows(path, features)
    first, second = (tuple(sorted(rows[feature].unique())) for feature in features)
    _require_examples(path, rows, features, (first, second))
    counts = pd.crosstab([rows[feature] for feature in features], rows["split"])
    logging.getLogger("feature_quality").info("Images:\n%s", counts.to_string())
    split, feature_a, feature_b = (
        pd.Categorical(rows[column], values).codes.astype(int)
        for column, values in zip(
            ("split", *features), (PUBLISHED_SPLITS, first, second), strict=True
        )
    )
    table = in_split_order(rows["image"], split, feature_a, feature_b)
    return five_splits(table, values=len(second)), (first, second)


def scale(photo: "Image.Image", side: int) -> "Image.Image":
    """Cut out the central square and bring it to ``side`` × ``side`` pixels."""
    from PIL import Image, ImageOps

    return ImageOps.fit(photo, (side, side), Image.Resampling.BILINEAR)


def _read_rows(path: str | Path, features: Sequence[str]) -> pd.DataFrame:
    """Return the cells of the columns ``image``, ``split`` and both features, as text.

    Raises:
        InputError: names the first line at fault.
    """
    try:
        # Spreadsheets may begin a file with a mark of its encoding.
        with Path(path).open(newline="", encoding="utf-8-sig") as file:
            reader = csv.reader(file, strict=True)
            lines = [(reader.line_num, [cell.strip() for cell in row]) for row in reader if row]
    except (OSError, ValueError, csv.Error) as error:
        raise InputError(f"{path}: cannot be read as a table ({error})") from error
    columns = ["image", "split", *features]
    header = lines[0][1] if lines else []
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
        if row["split"] not in PUBLISHED_SPLITS:
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
    path: str | Path, rows: pd.DataFrame, features: Sequence[str], classes: Classes
) -> None:
    """Refuse rows that networks or probes could not be trained or tested on."""
    label = features[0]
    members = {split: rows[rows["split"] == split] for split in PUBLISHED_SPLITS}
    for split, examples in members.items():
        if examples.empty:
            raise InputError(f"{path}: has no row of split {split}")
    for feature, values in zip(features, classes, strict=True):
        if len(values) < 2:
            raise InputError(
                f"{path}: {feature} is {values[0]!r} throughout; a feature needs at least 2 values"
            )
    trained = set(members["train"][label])
    for split in FEWEST:
        if unknown := sorted(set(members[split][label]) - trained):
            raise InputError(
                f"{path}: {label} {unknown[0]!r} occurs in {split} and not in train; "
                "a network learns the values that it is shown"
            )
    pairs = {
        split: Counter(members[split][[*features]].itertuples(index=False, name=None))
        for split in FEWEST
    }
    # As they are found: two columns of names would have as many pairs as their product.
    lacking = (
        f"{split} has {pairs[split][pair]} of {features[0]} {pair[0]!r} with "
        f"{features[1]} {pair[1]!r}"
        for split, fewest in FEWEST.items()
        for pair in product(*classes)
        if pairs[split][pair] < fewest
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
