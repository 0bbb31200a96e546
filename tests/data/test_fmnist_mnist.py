import gzip

import numpy as np
import pytest

from feature_quality.artifacts.prepared import SPLITS
from feature_quality.data import fmnist_mnist
from feature_quality.data.fmnist_mnist import COUNTS, prepare
from feature_quality.errors import InputError


@pytest.fixture(scope="module")
def prepared(originals):
    return prepare(originals, 0)


@pytest.fixture(scope="module")
def rows(prepared):
    """Return, for each split, the rows of Fashion-MNIST and of MNIST in the original files."""
    found = {}
    for name in SPLITS:
        prefix = "t10k" if name.endswith("test") else "train"
        pairs = [pair.split("+") for pair in prepared.split(name).table["id"]]
        assert all(half.startswith(f"{prefix}/") for pair in pairs for half in pair)
        found[name] = np.array([[int(half.split("/")[1]) for half in pair] for pair in pairs]).T
    return found


def original(originals, folder, split, part, header):
    prefix = "t10k" if split.endswith("test") else "train"
    with gzip.open(originals[f"{folder}/raw/{prefix}-{part}-ubyte.gz"]) as file:
        return np.frombuffer(file.read(), dtype=np.uint8, offset=header)


def test_has_the_counts_that_the_published_files_give(prepared):
    assert {name: len(prepared.split(name).table) for name in SPLITS} == COUNTS
    assert COUNTS["train"] + COUNTS["val"] == 5923 + 6000 + 5958 + 6000 + 5842
    assert COUNTS["test"] == 980 + 1000 + 1000 + 1000 + 982
    assert not prepared.description.demonstration
    assert prepared.description.title == "FMNIST-MNIST"


def test_is_perfectly_correlated_except_for_the_probes(prepared):
    for name in ("train", "val", "test"):
        table = prepared.split(name).table
        assert (table["label"] == table["feature_a"]).all()
        assert (table["feature_a"] == table["feature_b"]).all()
    for name, cell in (("probe_train", 116), ("probe_test", 196)):
        groups = prepared.split(name).table["group"].value_counts().to_dict()
        assert groups == dict.fromkeys(range(25), cell)


def test_uses_every_image_once_and_in_one_split_only(rows):
    for name in SPLITS:
        for side in rows[name]:
            assert len(np.unique(side)) == len(side)
    for side in (0, 1):
        train, val, probe = (set(rows[name][side]) for name in ("train", "val", "probe_train"))
        assert not train & (val | probe)
        assert probe <= val


@pytest.mark.parametrize("split", SPLITS)
def test_images_and_labels_are_those_of_the_original_files(prepared, rows, originals, split):
    examples = prepared.split(split)
    halves = (("FashionMNIST", slice(28, 56), "feature_a"), ("MNIST", slice(0, 28), "feature_b"))
    for side, (folder, height, feature) in zip(rows[split], halves, strict=True):
        pixels = original(originals, folder, split, "images-idx3", 16).reshape(-1, 28, 28)
        labels = original(originals, folder, split, "labels-idx1", 8)
        np.testing.assert_array_equal(examples.images[:, 0, height], pixels[side])
        np.testing.assert_array_equal(examples.table[feature], labels[side])


def test_channel_mean_is_that_of_the_training_images(prepared, rows, originals):
    total = sum(
        original(originals, folder, "train", "images-idx3", 16)
        .reshape(-1, 784)[side]
        .sum(dtype=int)
        for side, folder in zip(rows["train"], ("FashionMNIST", "MNIST"), strict=True)
    )
    mean = total / (COUNTS["train"] * 2 * 784) / 255
    assert prepared.description.channel_mean == pytest.approx((mean,), rel=1e-12)


# Of 60 pairs a class 6 for validation, one in each of 25 cells; of 10 for test two in each.
TINY = {"train": 270, "val": 30, "test": 50, "probe_train": 25, "probe_test": 50}


@pytest.fixture
def tiny(write_split):
    labels, files = [0, 1, 2, 3, 4, 9], {}
    for folder in ("MNIST", "FashionMNIST"):
        files |= write_split(folder, "train", labels * 60)
        files |= write_split(folder, "t10k", labels * 10)
    return files


def test_follows_from_the_data_seed(tiny, monkeypatch):
    monkeypatch.setattr(fmnist_mnist, "COUNTS", TINY)
    first, again, other = (prepare(tiny, data_seed) for data_seed in (0, 0, 1))
    assert first.examples.equals(again.examples)
    np.testing.assert_array_equal(first.images, again.images)
    for name in SPLITS:
        pairs, others = (set(dataset.split(name).table["id"]) for dataset in (first, other))
        assert len(pairs & others) < 0.4 * len(pairs)


def test_refuses_files_with_other_counts(tiny):
    with pytest.raises(InputError) as refusal:
        prepare(tiny, 0)
    assert str(refusal.value) == f"fmnist_mnist: its splits have {TINY} examples, expected {COUNTS}"
