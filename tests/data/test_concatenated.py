from dataclasses import replace
from functools import partial

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from feature_quality.artifacts.images import read_images
from feature_quality.data.concatenated import (
    Halves,
    Part,
    concatenate,
    pair_balanced,
    pair_correlated,
    split_published,
    write_halves,
)
from feature_quality.data.labelled import Labelled
from feature_quality.data.spec import DatasetSpec, Preparation
from feature_quality.errors import InputError


def halves(labels):
    return Halves(np.arange(len(labels)), np.array(labels, dtype=np.int64))


seeds = st.integers(0, 2**32)
labels = st.lists(st.integers(0, 3), min_size=1, max_size=40)


@st.composite
def parts(draw):
    """Two collections of the same 2–4 classes, in any numbers and order."""
    classes = draw(st.integers(2, 4))
    sides = []
    for _ in range(2):
        counts = draw(st.lists(st.integers(1, 15), min_size=classes, max_size=classes))
        sides.append(halves(draw(st.permutations(np.repeat(np.arange(classes), counts).tolist()))))
    return Part(*sides)


@given(a=labels, b=labels, seed=seeds)
def test_correlated_pairs_agree_and_use_an_image_once(a, b, seed):
    pairs = pair_correlated(Part(halves(a), halves(b)), np.random.default_rng(seed))
    np.testing.assert_array_equal(pairs.a.labels, pairs.b.labels)
    for half, labels in ((pairs.a, a), (pairs.b, b)):
        assert half.labels.tolist() == [labels[row] for row in half.rows]
        assert len(set(half.rows)) == len(half.rows)
    assert len(pairs.a.rows) == sum(min(a.count(label), b.count(label)) for label in range(4))


@given(part=parts(), seed=seeds)
def test_balanced_pairs_fill_every_cell_alike_and_use_an_image_once(part, seed):
    pairs = pair_balanced(part, np.random.default_rng(seed))
    for half, whole in ((pairs.a, part.a), (pairs.b, part.b)):
        np.testing.assert_array_equal(half.labels, whole.labels[half.rows])
        assert len(set(half.rows)) == len(half.rows)
    classes = part.a.labels.max() + 1
    cells = np.zeros((classes, classes), dtype=int)
    np.add.at(cells, (pairs.a.labels, pairs.b.labels), 1)
    counts = np.concatenate([np.bincount(side.labels) for side in (part.a, part.b)])
    assert set(cells.ravel().tolist()) == {counts.min() // classes}


@pytest.mark.parametrize("pair", [pair_correlated, pair_balanced])
def test_pairs_depend_on_the_generator_alone(pair):
    part = Part(halves([0, 1] * 40), halves([1, 0] * 40))
    first, again, other = (
        pair(part, np.random.default_rng(seed)).a.rows.tolist() for seed in (0, 0, 1)
    )
    assert first == again != other


def test_correlated_pairs_come_in_random_order_with_random_partners():
    part = Part(halves([0, 1] * 40), halves([0, 1] * 40))
    pairs = pair_correlated(part, np.random.default_rng(0))
    assert np.any(np.diff(pairs.a.labels) < 0)
    assert np.any(pairs.a.rows != pairs.b.rows)


def images(labels, prefix, shape=(1, 2, 3)):
    labels = np.array(labels, dtype=np.int64)
    rng = np.random.default_rng([len(labels), *prefix.encode()])
    pixels = rng.integers(0, 256, (len(labels), *shape), dtype=np.uint8)
    return Labelled(pixels, labels, np.array([f"{prefix}{row}" for row in range(len(labels))]))


A = {
    "train": images([0] * 27 + [1] * 23, "a"),
    "val": images([0, 1] * 3, "va"),
    "test": images([0] * 5 + [1] * 8, "ta"),
}
B = {
    "train": images([1] * 23 + [0] * 27, "b"),
    "val": images([1, 0] * 3, "vb"),
    "test": images([0] * 9 + [1] * 4, "tb"),
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


@pytest.fixture
def store(outputs):
    def store(spec=SPEC, a=A, b=B, **title):
        write_halves(Preparation({}, {}, *outputs), spec, a, b, **title)
        return read_images(*outputs)

    return store


def concatenated(stored, seed, spec=SPEC):
    return concatenate(spec, stored, **{part: Part.of(stored, part) for part in A}, seed=seed)


def test_examples_carry_b_on_top_of_a_and_are_labelled_by_a(store, split):
    stored = store()
    assert stored.pixels.shape == (50 + 6 + 13 + 50 + 6 + 13, 1, 2, 3)
    (prepared,) = split(concatenated, stored)
    assert prepared.shape == (1, 4, 3)
    assert {name: len(prepared.split(name).table) for name in COUNTS} == COUNTS
    for name in COUNTS:
        part = {"probe_train": "val", "probe_test": "test"}.get(name, name)
        found = prepared.split(name)
        for image, row in zip(found.images, found.table.itertuples(), strict=True):
            (id_a, id_b), a, b = row.id.split("+"), A[part], B[part]
            place_a, place_b = a.ids.tolist().index(id_a), b.ids.tolist().index(id_b)
            np.testing.assert_array_equal(image[:, :2], b.pixels[place_b])
            np.testing.assert_array_equal(image[:, 2:], a.pixels[place_a])
            assert row.label == row.feature_a == a.labels[place_a]
            assert row.feature_b == b.labels[place_b]
            assert row.group == 2 * row.feature_a + row.feature_b
        correlated = (found.table["feature_a"] == found.table["feature_b"]).all()
        assert correlated == (not name.startswith("probe"))
        if not correlated:
            assert found.table["group"].value_counts().to_dict() == dict.fromkeys(
                range(4), COUNTS[name] // 4
            )


def test_description_says_what_the_training_images_are(store):
    ((description, _),) = concatenated(store(), 0)
    assert (description.dataset, description.title) == ("tiny", "Tiny")
    assert description.features == ("below", "above")
    assert description.classes == (("x", "y"), ("0", "1"))
    assert description.demonstration
    # Both halves are of one size and every training image is used once.
    mean = (A["train"].pixels.mean() + B["train"].pixels.mean()) / 2 / 255
    assert description.channel_mean == pytest.approx([mean], rel=1e-12)
    assert description.channel_std == (1.0,)
    # Every channel has its own.
    colours = np.array([10, 20, 40], dtype=np.uint8).reshape(1, 3, 1, 1)
    coloured = [
        {
            part: Labelled(np.tile(colours, (len(each.ids), 1, 2, 2)), each.labels, each.ids)
            for part, each in side.items()
        }
        for side in (A, B)
    ]
    stored = store(replace(SPEC, shape=(3, 4, 2)), *coloured, title="Tiny (a copy)")
    ((description, _),) = concatenated(stored, 0)
    assert description.title == "Tiny (a copy)"
    assert description.channel_std == (1.0, 1.0, 1.0)
    assert description.channel_mean == pytest.approx([10 / 255, 20 / 255, 40 / 255])


def test_pairings_follow_from_dataset_and_seed(store):
    stored = store()

    def ids(seed, spec=SPEC):
        ((_, examples),) = concatenated(stored, seed, spec)
        return {name: examples.loc[examples["split"] == name, "id"].tolist() for name in COUNTS}

    first = ids(0)
    assert ids(0) == first
    for other in (ids(1), ids(0, replace(SPEC, id="other"))):
        assert all(first[name] != other[name] for name in COUNTS)


def test_a_seed_holds_a_tenth_of_the_published_pairs_out(store, split):
    """Of 27 and 23 pairs 3 and 2 are held out; no seed shows a network what it is tested on."""
    stored = store()
    counts = {"train": 45, "val": 5, "test": 9, "probe_train": 4, "probe_test": 8}
    splitter = partial(split_published, replace(SPEC, counts=counts))
    seen = []
    for seed in range(6):
        (prepared,) = split(splitter, stored, seed)
        used = {}
        for name in COUNTS:
            table = prepared.split(name).table
            used[name] = {*table["image"]} | {*table["above"]}
            assert len(used[name]) == 2 * len(table)
        assert not used["train"] & (used["val"] | used["test"])
        assert used["probe_train"] <= used["val"]
        assert not used["probe_test"] & (used["train"] | used["val"])
        val = prepared.split("val").table["label"].value_counts().to_dict()
        assert val == {0: 3, 1: 2}
        seen.append(frozenset(used["val"]))
    assert len(set(seen)) == len(seen)


def test_other_shapes_and_counts_than_described_are_refused(store, outputs):
    with pytest.raises(InputError) as refusal:
        store(replace(SPEC, shape=(3, 4, 3)))
    assert str(refusal.value) == "tiny: its images are (1, 2, 3), expected (3, 2, 3)"
    assert not outputs[0].exists()
    other = COUNTS | {"val": 7}
    with pytest.raises(InputError) as refusal:
        concatenated(store(), 0, replace(SPEC, counts=other))
    assert str(refusal.value) == f"tiny: its splits have {COUNTS} examples, expected {other}"
