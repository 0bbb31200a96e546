"""CIFAR-MNIST and FMNIST-MNIST: small published files, and the real ones."""

import gzip
import re
import tarfile
from dataclasses import replace
from functools import cache, partial

import numpy as np
import pytest
from PIL import Image

from feature_quality.artifacts.images import read_images
from feature_quality.artifacts.prepared import SPLITS, Prepared
from feature_quality.data import cifar_mnist, fmnist_mnist
from feature_quality.data.cifar_mnist import pad_to_colour
from feature_quality.data.concatenated import split_published
from feature_quality.data.idx import read_labelled
from feature_quality.data.labelled import Labelled
from feature_quality.data.spec import Preparation
from feature_quality.errors import InputError

BOTH = [cifar_mnist, fmnist_mnist]
TINY = {
    # Of 40 + 45 airplanes and automobiles and 50 + 42 digits: 40 + 42 pairs, 4 + 4 for validation.
    # Of 6 + 7 and 7 + 5 for test: 6 + 5 pairs; two in each of four cells of the probes.
    cifar_mnist: {"train": 74, "val": 8, "test": 11, "probe_train": 8, "probe_test": 8},
    # Of 60 pairs a class 6 for validation, one in each of 25 cells; of 10 for test two in each.
    fmnist_mnist: {"train": 270, "val": 30, "test": 50, "probe_train": 25, "probe_test": 50},
}


def published(split):
    return "t10k" if split.endswith("test") else "train"


def rows_of(prepared, split):
    """Return the places of an example's two images among the published ones, (2, n)."""
    pairs = [name.split("+") for name in prepared.split(split).table["id"]]
    return np.array([[int(half.split("/")[1]) for half in pair] for pair in pairs]).T


def split_into(module, counts):
    """Return the module's split, of a copy with other numbers of images."""
    return partial(split_published, replace(module.SPEC, counts=counts))


@pytest.fixture(params=[*BOTH, "unpacked"], ids=["cifar", "fmnist", "unpacked"])
def tiny(request, write_split, tiny_cifar):
    """Return (module, originals, images of A by published split) of small published files."""
    if request.param is fmnist_mnist:
        labels, files = [0, 1, 2, 3, 4, 9], {}
        for folder in ("MNIST", "FashionMNIST"):
            files |= write_split(folder, "train", labels * 60)
            files |= write_split(folder, "t10k", labels * 10)
        images = {each: read_labelled("FashionMNIST", each, files) for each in ("train", "t10k")}
        return fmnist_mnist, files, images
    files = write_split("MNIST", "train", [1] * 42 + [0] * 50 + [7] * 5)
    files |= write_split("MNIST", "t10k", [0, 1] * 5 + [0] * 2 + [4] * 3)
    place = tiny_cifar.folder if request.param == "unpacked" else tiny_cifar.archive
    images = {
        each: Labelled(tiny_cifar.pixels[split], tiny_cifar.labels[split], np.array([]))
        for each, split in (("train", "train"), ("t10k", "test"))
    }
    return cifar_mnist, files | {"cifar": str(place)}, images


def test_small_files_are_paired_by_the_seed(tiny, prepare, split):
    module, originals, images = tiny
    stored = prepare(module, originals)
    ((prepared,), (other,)) = (
        split(split_into(module, TINY[module]), stored, seed) for seed in (0, 1)
    )
    spec = module.SPEC
    assert (prepared.description.title, prepared.description.classes) == (spec.title, spec.classes)
    assert not prepared.description.demonstration
    for name in SPLITS:
        digits = read_labelled("MNIST", published(name), originals)
        if module is cifar_mnist:
            digits = pad_to_colour(digits)
        found, height = prepared.split(name), digits.pixels.shape[2]
        for image, row, (a, b) in zip(
            found.images, found.table.itertuples(), rows_of(prepared, name).T, strict=True
        ):
            np.testing.assert_array_equal(image[:, height:], images[published(name)].pixels[a])
            np.testing.assert_array_equal(image[:, :height], digits.pixels[b])
            assert row.label == row.feature_a == images[published(name)].labels[a]
            assert row.feature_b == digits.labels[b]
        assert len(found.table) == len(other.split(name).table) == TINY[module][name]
        pairs, others = (set(dataset.split(name).table["id"]) for dataset in (prepared, other))
        assert len(pairs & others) < 0.8 * len(pairs)


def test_files_with_other_counts_are_refused(tiny, prepare):
    module, originals, _ = tiny
    stored = prepare(module, originals)
    said = f"{module.SPEC.id}: its splits have {TINY[module]} examples, expected "
    with pytest.raises(InputError, match=re.escape(f"{said}{module.SPEC.counts}")):
        module.split(stored, 0)


def test_digits_are_padded_with_zeros_on_all_sides_of_three_channels():
    pixels = np.arange(2 * 784).reshape(2, 1, 28, 28).astype(np.uint8)
    digits = pad_to_colour(Labelled(pixels, np.array([0, 1]), np.array(["p", "q"])))
    assert digits.pixels.shape == (2, 3, 32, 32)
    for channel in range(3):
        np.testing.assert_array_equal(digits.pixels[:, channel, 2:30, 2:30], pixels[:, 0])
    digits.pixels[:, :, 2:30, 2:30] = 0
    assert not digits.pixels.any()


def black(split):
    """Return as many airplanes and automobiles as CIFAR-10 has, all black."""
    labels = np.repeat([0, 1], {"train": 5000, "test": 1000}[split])
    pixels = np.zeros((len(labels), 3, 32, 32), dtype=np.uint8)
    return Labelled(pixels, labels, np.array([f"{split}/{row}" for row in range(len(labels))]))


def whole(module, originals, folder):
    """Return a dataset as seed 0 splits it."""
    paths = folder / "images.npy", folder / "images.parquet"
    module.prepare(Preparation(originals, {}, *paths))
    stored = read_images(*paths)
    ((description, examples),) = module.split(stored, 0)
    return Prepared(description, stored.pixels, examples)


@pytest.fixture(scope="module")
def fashion(originals, tmp_path_factory):
    return whole(fmnist_mnist, originals, tmp_path_factory.mktemp("fashion"))


@pytest.fixture(scope="module")
def cifar(originals, tmp_path_factory):
    """Return the published numbers of images, CIFAR-10's black, under real digits."""
    folder = tmp_path_factory.mktemp("cifar")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cifar_mnist, "read_folder", lambda folder, part, classes: black(part))
        return whole(cifar_mnist, originals | {"cifar": str(folder)}, folder)


@pytest.mark.parametrize("name", ["cifar", "fashion"])
def test_the_published_numbers_give_the_counts_and_every_image_serves_once(request, name):
    full = request.getfixturevalue(name)
    counts = {"cifar": cifar_mnist, "fashion": fmnist_mnist}[name].SPEC.counts
    for split in SPLITS:
        assert len(full.split(split).table) == counts[split]
        assert [len(set(side)) for side in rows_of(full, split)] == [counts[split]] * 2
    if name == "fashion":
        assert counts["train"] + counts["val"] == 5923 + 6000 + 5958 + 6000 + 5842
        assert counts["test"] == 980 + 1000 + 1000 + 1000 + 982


def test_fashion_and_digits_are_those_of_the_original_files(fashion, originals):
    @cache
    def original(folder, prefix, part, header):
        with gzip.open(originals[f"{folder}/raw/{prefix}-{part}-ubyte.gz"]) as file:
            return np.frombuffer(file.read(), dtype=np.uint8, offset=header)

    halves = (("FashionMNIST", slice(28, 56), "feature_a"), ("MNIST", slice(0, 28), "feature_b"))
    for split in SPLITS:
        examples, total = fashion.split(split), 0
        for side, (folder, height, feature) in zip(rows_of(fashion, split), halves, strict=True):
            prefix = published(split)
            pixels = original(folder, prefix, "images-idx3", 16).reshape(-1, 28, 28)[side]
            labels = original(folder, prefix, "labels-idx1", 8)
            np.testing.assert_array_equal(examples.images[:, 0, height], pixels)
            np.testing.assert_array_equal(examples.table[feature], labels[side])
            total += pixels.sum(dtype=int)
        if split == "train":
            mean = total / (len(examples.table) * 2 * 784) / 255
            assert fashion.description.channel_mean == pytest.approx((mean,), rel=1e-12)


# Every tenth photograph: 500 of each class, so 500 pairs of each, and 100 for test.
TENTH = {"train": 900, "val": 100, "test": 200, "probe_train": 100, "probe_test": 200}


def test_digits_lie_above_real_photographs(real, tmp_path, originals, prepare, split):
    # {train,test}/{airplane,automobile}/*.jpg
    with tarfile.open(real("cifar10-jpeg/cifar10-airplane-automobile.tar")) as tar:
        every_tenth = [member for member in tar if member.name.endswith("0.jpg")]
        tar.extractall(tmp_path, every_tenth, filter="data")
    stored = prepare(cifar_mnist, originals | {"cifar": str(tmp_path)})
    (tenth,) = split(split_into(cifar_mnist, TENTH), stored)
    assert tenth.description.title == "CIFAR-MNIST (CIFAR-10 from an image folder)"
    assert not tenth.description.demonstration
    digits = {
        prefix: read_labelled("MNIST", prefix, originals).pixels[:, 0]
        for prefix in ("train", "t10k")
    }
    assert tenth.shape == (3, 64, 32)
    found = tenth.split("train")
    for image, row in zip(found.images[::10], found.table[::10].itertuples(), strict=True):
        photo, digit = row.id.split("+")
        prefix, number = digit.split("/")
        padded = np.pad(digits[prefix][int(number)], 2)
        np.testing.assert_array_equal(image[:, :32], [padded] * 3)
        assert photo.split("/")[1] == ("airplane", "automobile")[row.label]
        with Image.open(tmp_path / f"{photo}.jpg") as photograph:
            np.testing.assert_array_equal(np.moveaxis(image[:, 32:], 0, 2), photograph)
