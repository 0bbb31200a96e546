import hashlib
import re
from contextlib import suppress
from dataclasses import asdict, fields, replace

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from feature_quality.artifacts.images import (
    DatasetInfo,
    StoredImages,
    new_images,
    open_images,
    read_images,
    write_image_table,
)
from feature_quality.artifacts.parquet import read_parquet, write_parquet
from feature_quality.artifacts.prepared import (
    EXAMPLES,
    SPLITS,
    Description,
    Prepared,
    read_description,
    read_prepared,
    write_examples,
)
from feature_quality.errors import InputError

DESCRIPTION = Description(
    dataset="pets",
    title="Pets «on» chairs",
    demonstration=True,
    features=("pet", "chair"),
    classes=(("cat", "dog"), ("red", "green", "blue")),
    channel_mean=(0.1, 1 / 3, 0.7),
    channel_std=(1.0, 0.2, 2 / 7),
)


def make(images=None, **columns):
    """Ten examples, two per split, that share seven images in another order than the table's."""
    pet, chair = np.tile([0, 1], 5), np.arange(10) % 3
    examples = pd.DataFrame(
        {
            "id": [f"example {row}" for row in range(10)],
            "split": np.repeat(SPLITS, 2),
            "image": [6, 5, 4, 3, 2, 1, 0, 6, 2, 2],
            "above": -1,
            "label": pet,
            "feature_a": pet,
            "feature_b": chair,
            "group": 3 * pet + chair,
        }
    ).assign(**columns)
    if images is None:
        images = np.random.default_rng(0).integers(0, 256, (7, 3, 2, 4), dtype=np.uint8)
    return Prepared(DESCRIPTION, images, examples)


# Validation and test have an example of each of the groups 0, 4 and 5.
SIX = {
    "split": ["train", *["val"] * 3, *["test"] * 3, "probe_train", "probe_train", "probe_test"],
    "label": [0, 0, 1, 1, 0, 1, 1, 0, 1, 0],
    "feature_a": [0, 0, 1, 1, 0, 1, 1, 0, 1, 0],
    "feature_b": [0, 0, 1, 2, 0, 1, 2, 0, 1, 2],
    "group": [0, 0, 4, 5, 0, 4, 5, 0, 4, 2],
}


@pytest.fixture
def paths(tmp_path):
    return tmp_path / "out" / "images.npy", tmp_path / "out" / "examples.parquet"


def write_prepared(images_path, examples_path, prepared):
    """Write both files, as the jobs that prepare and that split do one after the other."""
    description = prepared.description
    stored = StoredImages(
        description,
        (),
        pd.DataFrame(index=range(len(prepared.images))),
        prepared.images,
        hashlib.sha256(prepared.images.tobytes()).hexdigest(),
    )
    write_examples(examples_path, description, prepared.examples, stored)
    with new_images(images_path, prepared.images.shape) as images:
        images[:] = prepared.images


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


@pytest.mark.parametrize(
    ("change", "probed"),
    [
        ({}, ("pet", "chair")),
        ({"group_weights": (1.0, *[0.0] * 5)}, ("pet", "chair")),
        # On a target domain, only the class is probed.
        ({"target": "P"}, ("pet",)),
    ],
)
def test_a_description_is_read_back(paths, change, probed):
    prepared = replace(make(**SIX), description=replace(DESCRIPTION, **change))
    write_prepared(*paths, prepared)
    read = read_prepared(*paths).description
    assert read == read_description(paths[1]) == prepared.description
    assert read.probed == probed


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


def test_a_full_disk_is_said_and_leaves_no_images(paths, no_file_above):
    refusal = pytest.raises(InputError, match=f"^{paths[0]}: File too large$")
    with refusal, no_file_above(140), new_images(paths[0], (7, 3, 2, 4)):
        pass
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
    "another split": (
        {"split": [*make().examples["split"][:9], "extra"]},
        "its splits are ",
    ),
    "some above": (at(3, 4, "above"), "above must lie in 0 … 6, or be -1 for all examples"),
    "above the last": ({"above": 7}, "above must lie in 0 … 6, or be -1 for all examples"),
    "too few images": ({"images": np.zeros((6, 3, 2, 4), np.uint8)}, "image must lie in 0 … 5"),
}


@pytest.mark.parametrize(("change", "message"), BAD.values(), ids=BAD)
def test_refuses_to_write_or_read_what_does_not_fit_together(paths, change, message):
    refusal = pytest.raises(InputError, match=re.escape(f"examples.parquet: {message}"))
    with refusal:
        write_prepared(*paths, make(**change))
    assert not paths[0].parent.exists()
    write_unchecked(paths, make(**change))
    with refusal:
        read_prepared(*paths)


def test_an_example_of_two_images_has_one_above_the_other(paths):
    prepared = make(above=[0, 1, 2, 3, 4, 5, 6, 0, 1, 2])
    assert (make().shape, prepared.shape) == ((3, 2, 4), (3, 4, 4))
    write_prepared(*paths, prepared)
    val = read_prepared(*paths).split("val").images
    np.testing.assert_array_equal(val[:, :, :2], prepared.images[[2, 3]])
    np.testing.assert_array_equal(val[:, :, 2:], prepared.images[[4, 3]])


@pytest.mark.parametrize(
    ("images", "said"),
    [
        (np.zeros((7, 3, 2, 4), np.float32), "images are float32 with 4 dimensions"),
        (np.zeros((7, 2, 4), np.uint8), "images are uint8 with 3 dimensions"),
    ],
)
def test_refuses_images_of_another_form(paths, images, said):
    write_prepared(*paths, make())
    np.save(paths[0], images)
    expected = f"{paths[0]}: {said}, expected uint8 (n, channels, height, width)"
    with pytest.raises(InputError, match=f"^{re.escape(expected)}$"):
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


@pytest.mark.parametrize(
    ("weights", "groups", "expected"),
    [
        (None, [5, 0, 0, 1], [0.25] * 4),
        ((0.5, 0.0, 0.2, 0.3), [3, 0, 2, 0, 0, 3], [0.15, 0.5 / 3, 0.2, 0.5 / 3, 0.5 / 3, 0.15]),
        ((0.6, 0.4, 0.0, 0.0), [0, 3, 1, 1], [0.6, 0.0, 0.2, 0.2]),
    ],
)
def test_an_example_weighs_its_groups_frequency_over_its_size(weights, groups, expected):
    description = replace(DESCRIPTION, group_weights=weights)
    shares = description.example_weights(np.array(groups))
    np.testing.assert_allclose(shares, expected, rtol=1e-15)
    assert shares.dtype == np.float64
    assert shares.sum() == pytest.approx(1)


def test_a_weighted_error_is_that_of_the_training_distribution():
    groups = np.array([0, 0, 0, 0, 1, 1, 2, 3])
    wrong = np.array([1, 0, 0, 0, 1, 1, 0, 1])
    description = replace(DESCRIPTION, group_weights=(0.7, 0.1, 0.15, 0.05))
    error = wrong @ description.example_weights(groups)
    assert error == pytest.approx(0.7 * 1 / 4 + 0.1 * 2 / 2 + 0.15 * 0 + 0.05 * 1)


@pytest.mark.parametrize(
    ("split", "row", "feature_b", "absent"), [("val", 2, 2, 4), ("test", 6, 1, 5)]
)
def test_refuses_a_split_without_a_group_that_counts(paths, split, row, feature_b, absent):
    columns = SIX | {
        "feature_b": [feature_b if each == row else b for each, b in enumerate(SIX["feature_b"])],
        "group": [3 + feature_b if each == row else g for each, g in enumerate(SIX["group"])],
    }
    said = (
        f"{paths[1]}: {split} has no example of group {absent}, by whose frequency in training "
        "its errors are to be weighted"
    )
    unweighted = make(**columns)
    described = replace(DESCRIPTION, group_weights=(0.5, 0.0, 0.0, 0.0, 0.25, 0.25))
    with pytest.raises(InputError, match=f"^{re.escape(said)}$"):
        write_prepared(*paths, replace(unweighted, description=described))
    assert not paths[0].parent.exists()
    write_prepared(*paths, unweighted)


@pytest.mark.parametrize(
    ("rows", "shared"),
    [([2, 3, 4], True), ([4], True), ([4, 3, 2], False), ([2, 4, 5], False), ([2, 2, 3], False)],
)
@pytest.mark.parametrize("on_disk", [False, True])
def test_only_images_that_do_not_lie_in_order_are_copied(paths, rows, shared, on_disk):
    others = ["train", "test", "probe_train", "probe_test"]
    split = ["val"] * len(rows) + others + ["train"] * (6 - len(rows))
    prepared = make(split=split, image=rows + [0] * (10 - len(rows)))
    if on_disk:
        write_prepared(*paths, prepared)
        prepared = read_prepared(*paths)
    val = prepared.split("val")
    np.testing.assert_array_equal(val.images, np.asarray(prepared.images)[rows])
    assert np.shares_memory(val.images, prepared.images) == shared
    assert val.table["image"].tolist() == rows


def test_what_is_written_to_read_images_stays_off_the_disk(paths):
    write_prepared(*paths, make())
    before = paths[0].read_bytes()
    images = read_prepared(*paths).images
    assert images.flags.writeable
    images[:] = 0
    del images
    assert paths[0].read_bytes() == before


def test_what_images_show_is_read_back_and_examples_carry_their_checksum(paths, tmp_path):
    images, table = (
        make().images,
        pd.DataFrame({"id": list("abcdefg"), "part": ["", "val"] * 3 + [""]}),
    )
    table = table.assign(feature_a=[0, 1, -1] * 2 + [1], feature_b=2)
    names = [field.name for field in fields(DatasetInfo)]
    info = DatasetInfo(**{name: getattr(DESCRIPTION, name) for name in names})
    with new_images(paths[0], images.shape) as new:
        new[:] = images
    write_image_table(paths[0], tmp_path / "images.parquet", table, info, ("A", "B"))
    stored = read_images(paths[0], tmp_path / "images.parquet")
    assert (stored.info, stored.targets) == (info, ("A", "B"))
    pd.testing.assert_frame_equal(stored.table, table, check_dtype=False)
    np.testing.assert_array_equal(stored.pixels, images)
    assert stored.checksum == hashlib.sha256(paths[0].read_bytes()).hexdigest()
    for _ in range(2):
        write_examples(paths[1], DESCRIPTION, make().examples, stored)
        before = paths[1].read_bytes()
    assert read_parquet(paths[1])[1]["images_sha256"] == stored.checksum
    write_examples(paths[1], DESCRIPTION, make().examples, replace(stored, checksum="other"))
    assert paths[1].read_bytes() != before
    # Those of fewer images are others'.
    write_image_table(paths[0], tmp_path / "images.parquet", table[:0], info)
    with pytest.raises(InputError, match=r"images\.parquet: has 0 rows for 7 images"):
        read_images(paths[0], tmp_path / "images.parquet")


def test_new_images_are_those_that_were_filled_in(paths):
    with new_images(paths[0], (7, 3, 2, 4)) as images:
        assert not images.any()
        assert not paths[0].exists()
        images[2] = 9
    read = np.load(paths[0])
    assert read.shape == (7, 3, 2, 4)
    assert read.dtype == np.uint8
    np.testing.assert_array_equal(np.flatnonzero(read.any(axis=(1, 2, 3))), [2])
    assert (read[2] == 9).all()
    assert list(paths[0].parent.iterdir()) == [paths[0]]


@pytest.mark.parametrize("older", [b"older", None])
def test_new_images_are_absent_after_an_error(paths, older):
    if older:
        paths[0].parent.mkdir()
        paths[0].write_bytes(older)

    def stop(images):
        images[:] = 1
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), new_images(paths[0], (7, 3, 2, 4)) as images:
        stop(images)
    found = [path.read_bytes() for path in paths[0].parent.iterdir()]
    assert found == ([older] if older else [])


def test_a_changed_bit_in_the_header_of_images_is_found_or_harmless(tmp_path):
    path, images = tmp_path / "images.npy", np.arange(96, dtype=np.uint8).reshape(2, 3, 4, 4)
    np.save(path, images)
    content = path.read_bytes()
    refused = 0
    for place in range(len(content) - images.size):
        for bit in range(8):
            changed = bytearray(content)
            changed[place] ^= 1 << bit
            path.write_bytes(changed)
            with suppress(InputError):
                refused += 1
                np.testing.assert_array_equal(open_images(path), images)
                refused -= 1
    assert refused > 400
