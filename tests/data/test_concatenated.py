from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from feature_quality.data.concatenated import (
    Part,
    concatenate,
    hold_out,
    pair_balanced,
    pair_correlated,
    split_published,
)
from feature_quality.data.labelled import Labelled
from feature_quality.data.spec import DatasetSpec
from feature_quality.errors import InputError


def images(labels, prefix="i", shape=(1, 2, 3)):
    labels = np.array(labels, dtype=np.int64)
    rng = np.random.default_rng([len(labels), *prefix.encode()])
    pixels = rng.integers(0, 256, (len(labels), *shape), dtype=np.uint8)
    return Labelled(pixels, labels, np.array([f"{prefix}{row}" for row in range(len(labels))]))


seeds = st.integers(0, 2**32)
labels = st.lists(st.integers(0, 3), min_size=1, max_size=40)


@st.composite
def parts(draw):
    """Two collections of the same 2–4 classes, in any numbers and order."""
    classes = draw(st.integers(2, 4))
    sides = []
    for _ in range(2):
        counts = draw(st.lists(st.integers(1, 15), min_size=classes, max_size=classes))
        sides.append(images(draw(st.permutations(np.repeat(np.arange(classes), counts).tolist()))))
    return Part(*sides)


@given(labels=labels, fraction=st.floats(0, 1), seed=seeds)
def test_hold_out_parts_every_class_in_the_same_proportion(labels, fraction, seed):
    labels = np.array(labels)
    kept, held = hold_out(labels, fraction, np.random.default_rng(seed))
    assert sorted([*kept, *held]) == list(range(len(labels)))
    for label in set(labels.tolist()):
        size = int(np.sum(labels == label))
        assert np.sum(labels[held] == label) == round(fraction * size)


@given(a=labels, b=labels, seed=seeds)
def test_correlated_pairs_agree_and_use_an_image_once(a, b, seed):
    part = Part(images(a), images(b))
    rows_a, rows_b = pair_correlated(part, np.random.default_rng(seed))
    np.testing.assert_array_equal(part.a.labels[rows_a], part.b.labels[rows_b])
    assert len(set(rows_a)) == len(rows_a) == len(set(rows_b))
    assert len(rows_a) == sum(min(a.count(label), b.count(label)) for label in range(4))


@given(part=parts(), seed=seeds)
def test_balanced_pairs_fill_every_cell_alike_and_use_an_image_once(part, seed):
    rows_a, rows_b = pair_balanced(part, np.random.default_rng(seed))
    assert len(set(rows_a)) == len(rows_a) == len(set(rows_b)) == len(rows_b)
    classes = part.a.labels.max() + 1
    cells = np.zeros((classes, classes), dtype=int)
    np.add.at(cells, (part.a.labels[rows_a], part.b.labels[rows_b]), 1)
    counts = np.concatenate([np.bincount(side.labels) for side in (part.a, part.b)])
    assert set(cells.ravel().tolist()) == {counts.min() // classes}


def hold_out_a(part, rng):
    return hold_out(part.a.labels, 0.2, rng)[1]


@pytest.mark.parametrize("draw", [hold_out_a, pair_correlated, pair_balanced])
def test_draws_depend_on_the_generator_alone(draw):
    part = Part(images([0, 1] * 40), images([1, 0] * 40))
    first, again, other = (
        np.array(draw(part, np.random.default_rng(seed))).tolist() for seed in (0, 0, 1)
    )
    assert first == again != other


def test_correlated_pairs_come_in_random_order_with_random_partners():
    part = Part(images([0, 1] * 40), images([0, 1] * 40))
    rows_a, rows_b = pair_correlated(part, np.random.default_rng(0))
    assert np.any(np.diff(part.a.labels[rows_a]) < 0)
    assert np.any(rows_a != rows_b)


@given(part=parts(), seed=st.integers(0, 99))
def test_published_images_are_parted_once_paired(part, seed):
    train, val = split_published(part, "tiny", seed, fraction=0.25)
    for side in ("a", "b"):
        used = [*getattr(train, side).ids, *getattr(val, side).ids]
        assert len(used) == len(set(used))
    for label in range(part.a.labels.max() + 1):
        pairs = min(np.sum(part.a.labels == label), np.sum(part.b.labels == label))
        for split, size in ((val, round(0.25 * pairs)), (train, pairs - round(0.25 * pairs))):
            assert np.sum(split.a.labels == label) == np.sum(split.b.labels == label) == size


def test_published_pairs_follow_from_dataset_and_data_seed():
    part = Part(images([0, 1] * 30, "a"), images([1, 0] * 30, "b"))

    def pairs(dataset, data_seed):
        train, val = split_published(part, dataset, data_seed)
        train, val = (set(zip(s.a.ids, s.b.ids, strict=True)) for s in (train, val))
        return train | val, val

    (first, first_val), again = pairs("tiny", 0), pairs("tiny", 0)
    assert again == (first, first_val)
    for names in (("tiny", 1), ("other", 0)):
        other, other_val = pairs(*names)
        assert first != other
        assert first_val != other_val


TINY = {
    "train": Part(images([0] * 27 + [1] * 23, "a"), images([1] * 23 + [0] * 27, "b")),
    "val": Part(images([0, 1] * 3, "va"), images([1, 0] * 3, "vb")),
    "test": Part(images([0] * 5 + [1] * 8, "ta"), images([0] * 9 + [1] * 4, "tb")),
}
# Test pairs 5 + 4; cells of the probes hold 3 // 2 of val and 4 // 2 of test.
COUNTS = {"train": 50, "val": 6, "test": 9, "probe_train": 4, "probe_test": 8}


SPEC = DatasetSpec(
    id="tiny",
    title="Tiny",
    features=("below", "above"),
    classes=(("x", "y"), ("0", "1")),
    shape=(1, 4, 3),
    counts=COUNTS,
    demonstration=True,
)


def tiny(data_seed=0, parts=TINY, title="", **changes):
    return concatenate(replace(SPEC, **changes), title=title, **parts, data_seed=data_seed)


def test_examples_carry_b_on_top_of_a_and_are_labelled_by_a():
    prepared = tiny()
    found = {name: len(prepared.split(name).table) for name in COUNTS}
    assert found == COUNTS
    for name in COUNTS:
        part = TINY[{"probe_train": "val", "probe_test": "test"}.get(name, name)]
        split = prepared.split(name)
        for image, row in zip(split.images, split.table.itertuples(), strict=True):
            id_a, id_b = row.id.split("+")
            a, b = part.a.ids.tolist().index(id_a), part.b.ids.tolist().index(id_b)
            np.testing.assert_array_equal(image[:, :2], part.b.pixels[b])
            np.testing.assert_array_equal(image[:, 2:], part.a.pixels[a])
            assert row.label == row.feature_a == part.a.labels[a]
            assert row.feature_b == part.b.labels[b]
            assert row.group == 2 * row.feature_a + row.feature_b
        correlated = (split.table["feature_a"] == split.table["feature_b"]).all()
        assert correlated == (not name.startswith("probe"))
        if not correlated:
            assert split.table["group"].value_counts().to_dict() == dict.fromkeys(
                range(4), COUNTS[name] // 4
            )


def test_description_says_what_the_training_images_are():
    description = tiny().description
    assert (description.dataset, description.title) == ("tiny", "Tiny")
    assert tiny(title="Tiny (a copy)").description.title == "Tiny (a copy)"
    assert description.features == ("below", "above")
    assert description.classes == (("x", "y"), ("0", "1"))
    assert description.demonstration
    # Both halves are of one size and every training image is used once.
    train = TINY["train"]
    mean = (train.a.pixels.mean() + train.b.pixels.mean()) / 2 / 255
    assert description.channel_mean == pytest.approx([mean], rel=1e-12)
    assert description.channel_std == (1.0,)
    # Every channel has its own.
    colours = np.array([10, 20, 40], dtype=np.uint8).reshape(1, 3, 1, 1)

    def colour(side):
        return Labelled(np.tile(colours, (len(side), 1, 2, 2)), side.labels, side.ids)

    coloured = {name: Part(colour(part.a), colour(part.b)) for name, part in TINY.items()}
    description = tiny(parts=coloured, shape=(3, 4, 2)).description
    assert description.channel_std == (1.0, 1.0, 1.0)
    assert description.channel_mean == pytest.approx([10 / 255, 20 / 255, 40 / 255])


def test_pairings_follow_from_dataset_and_data_seed():
    first = tiny()
    again, other_seed, other_name = tiny(), tiny(data_seed=1), tiny(id="other")
    assert first.examples.equals(again.examples)
    np.testing.assert_array_equal(first.images, again.images)
    for other in (other_seed, other_name):
        for name in COUNTS:
            assert first.split(name).table["id"].tolist() != other.split(name).table["id"].tolist()


def test_other_shapes_and_counts_than_described_are_refused():
    other = COUNTS | {"val": 7}
    for changes, message in (
        ({"shape": (3, 4, 3)}, "its images are (1, 4, 3), expected (3, 4, 3)"),
        ({"counts": other}, f"its splits have {COUNTS} examples, expected {other}"),
    ):
        with pytest.raises(InputError) as refusal:
            tiny(**changes)
        assert str(refusal.value) == f"tiny: {message}"
