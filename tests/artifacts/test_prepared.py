import re
from dataclasses import asdict

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from feature_quality.artifacts.parquet import write_parquet
from feature_quality.artifacts.prepared import (
    EXAMPLES,
    SPLITS,
    Description,
    Prepared,
    read_description,
    read_prepared,
    write_prepared,
)
from feature_quality.errors import InputError

DESCRIPTION = Description(
    dataset="pets",
    title="Pets «on» chairs",
    demonstration=True,
    features=("pet", "chair"),
    classes=(("cat", "dog"), ("red", "green", "blue")),
    channel_mean=(0.1, 1 / 3, 0.7),
)


def make(images=None, **columns):
    """Ten examples, two a split, that share seven images in another order than the table's."""
    pet, chair = np.tile([0, 1], 5), np.arange(10) % 3
    examples = pd.DataFrame(
        {
            "id": [f"example {row}" for row in range(10)],
            "split": np.repeat(SPLITS, 2),
            "image": [6, 5, 4, 3, 2, 1, 0, 6, 2, 2],
            "label": pet,
            "feature_a": pet,
            "feature_b": chair,
            "group": 3 * pet + chair,
        }
    ).assign(**columns)
    if images is None:
        images = np.random.default_rng(0).integers(0, 256, (7, 3, 2, 4), dtype=np.uint8)
    return Prepared(DESCRIPTION, images, examples)


@pytest.fixture
def paths(tmp_path):
    return tmp_path / "out" / "images.npy", tmp_path / "out" / "examples.parquet"


def write_unchecked(paths, prepared):
    paths[0].parent.mkdir()
    np.save(paths[0], prepared.images)
    table = pa.Table.from_pandas(prepared.examples, schema=EXAMPLES, preserve_index=False)
    write_parquet(paths[1], table, asdict(prepared.description))


def test_reads_what_was_written(paths):
    prepared = make()
    write_prepared(*paths, prepared)
    read = read_prepared(*paths)
    assert read.description == read_description(paths[1]) == DESCRIPTION
    assert isinstance(read.images, np.memmap)
    np.testing.assert_array_equal(read.images, prepared.images)
    pd.testing.assert_frame_equal(read.examples, prepared.examples, check_dtype=False)
    assert {path.name for path in paths[0].parent.iterdir()} == {"images.npy", "examples.parquet"}


def test_a_split_has_its_own_rows_and_their_images(paths):
    prepared = make()
    write_prepared(*paths, prepared)
    for dataset in (prepared, read_prepared(*paths)):
        val = dataset.split("val")
        assert val.table["id"].tolist() == ["example 2", "example 3"]
        assert val.table.index.tolist() == [0, 1]
        np.testing.assert_array_equal(val.images, prepared.images[[4, 3]])
        probe = dataset.split("probe_test").images
        np.testing.assert_array_equal(probe, prepared.images[[2, 2]])


def test_equal_input_gives_equal_bytes(paths, tmp_path):
    write_prepared(*paths, make())
    write_prepared(tmp_path / "a", tmp_path / "b", make())
    assert paths[0].read_bytes() == (tmp_path / "a").read_bytes()
    assert paths[1].read_bytes() == (tmp_path / "b").read_bytes()


def test_a_full_disk_leaves_no_images(paths, monkeypatch):
    def save_half(file, images, **_):
        file.write(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np, "save", save_half)
    with pytest.raises(OSError, match="No space"):
        write_prepared(*paths, make())
    assert list(paths[0].parent.iterdir()) == []


def at(row, value, column):
    values = make().examples[column].tolist()
    values[row] = value
    return {column: values}


BAD = {
    "image behind the last": (at(3, 7, "image"), "image must lie in 0 … 6"),
    "image before the first": (at(3, -1, "image"), "image must lie in 0 … 6"),
    "label": (at(9, 2, "label"), "label must lie in 0 … 1"),
    "feature a": (at(0, -1, "feature_a"), "feature_a must lie in 0 … 1"),
    "feature b": (at(0, 3, "feature_b"), "feature_b must lie in 0 … 2"),
    "group": (at(0, 6, "group"), "group must lie in 0 … 5"),
    "another group": (at(0, 5, "group"), "group must be feature_a · 3 + feature_b"),
    "empty splits": (
        {"split": ["train"] * 4 + ["test"] * 3 + ["probe_test"] * 3},
        "its splits are probe_test, test, train, expected train, val, test, probe_train",
    ),
    "images of floats": (
        {"images": np.zeros((7, 3, 2, 4), np.float32)},
        "images are float32 with 4 dimensions, expected uint8",
    ),
    "images without channels": (
        {"images": np.zeros((7, 2, 4), np.uint8)},
        "images are uint8 with 3 dimensions, expected uint8 (n, channels, height, width)",
    ),
    "another split": (
        {"split": [*make().examples["split"][:9], "extra"]},
        "its splits are ",
    ),
    "too few images": ({"images": np.zeros((6, 3, 2, 4), np.uint8)}, "image must lie in 0 … 5"),
}


@pytest.mark.parametrize(("change", "message"), BAD.values(), ids=BAD)
def test_refuses_to_write_or_read_what_does_not_fit_together(paths, change, message):
    file = "images.npy" if message.startswith("images") else "examples.parquet"
    refusal = pytest.raises(InputError, match=re.escape(f"{file}: {message}"))
    with refusal:
        write_prepared(*paths, make(**change))
    assert not paths[0].parent.exists()
    write_unchecked(paths, make(**change))
    with refusal:
        read_prepared(*paths)


@pytest.mark.parametrize("harm", ["cut short", "text", "empty", "pickle", "absent"])
def test_refuses_damaged_images(paths, harm):
    write_prepared(*paths, make())
    content = paths[0].read_bytes()
    if harm == "pickle":
        np.save(paths[0], np.array([{}], dtype=object))
    elif harm == "absent":
        paths[0].unlink()
    else:
        bad = {"cut short": content[:-1], "text": b"images" * 20, "empty": b""}
        paths[0].write_bytes(bad[harm])
    with pytest.raises(InputError, match=r"images\.npy: cannot be read as an array"):
        read_prepared(*paths)


def test_refuses_examples_of_another_form(paths):
    write_prepared(*paths, make())
    write_parquet(paths[1], pa.table({"id": ["a"]}), asdict(DESCRIPTION))
    for read in (lambda: read_prepared(*paths), lambda: read_description(paths[1])):
        with pytest.raises(
            InputError, match=r"examples\.parquet: its columns are \(id: string\), expected \(id"
        ):
            read()
