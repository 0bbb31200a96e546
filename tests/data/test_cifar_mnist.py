import hashlib
import re
import tarfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from feature_quality.artifacts.prepared import SPLITS
from feature_quality.data import cifar_mnist
from feature_quality.data.cifar_mnist import COUNTS, pad_to_colour, prepare
from feature_quality.data.idx import read_labelled
from feature_quality.data.labelled import Labelled
from feature_quality.errors import InputError


def test_digits_are_padded_with_zeros_on_all_sides_of_three_channels():
    pixels = np.arange(2 * 784).reshape(2, 1, 28, 28).astype(np.uint8)
    digits = pad_to_colour(Labelled(pixels, np.array([0, 1]), np.array(["p", "q"])))
    assert digits.pixels.shape == (2, 3, 32, 32)
    for channel in range(3):
        np.testing.assert_array_equal(digits.pixels[:, channel, 2:30, 2:30], pixels[:, 0])
    digits.pixels[:, :, 2:30, 2:30] = 0
    assert not digits.pixels.any()


# Of 40 + 45 airplanes and automobiles and 50 + 42 digits: 40 + 42 pairs, 4 + 4 for validation. Of
# 6 + 7 and 7 + 5 for test: 6 + 5 pairs; two in each of four cells of the probes.
TINY = {"train": 74, "val": 8, "test": 11, "probe_train": 8, "probe_test": 8}


@pytest.fixture
def tiny_mnist(write_split, monkeypatch):
    monkeypatch.setattr(cifar_mnist, "COUNTS", TINY)
    train = write_split("MNIST", "train", [1] * 42 + [0] * 50 + [7] * 5)
    return train | write_split("MNIST", "t10k", [0, 1] * 5 + [0] * 2 + [4] * 3)


@pytest.mark.parametrize("form", ["archive", "folder"])
def test_is_made_of_the_published_files(tiny_cifar, tiny_mnist, form):
    prepared = prepare(getattr(tiny_cifar, form), tiny_mnist, 0)
    assert prepared.description.title == "CIFAR-MNIST"
    assert prepared.description.classes == (("airplane", "automobile"), ("0", "1"))
    for name in TINY:
        published, prefix = ("test", "t10k") if name.endswith("test") else ("train", "train")
        digits = read_labelled("MNIST", prefix, tiny_mnist)
        split = prepared.split(name)
        assert len(split.table) == TINY[name]
        for image, row in zip(split.images, split.table.itertuples(), strict=True):
            a, b = (int(half.split("/")[1]) for half in row.id.split("+"))
            np.testing.assert_array_equal(image[:, 32:], tiny_cifar.pixels[published][a])
            np.testing.assert_array_equal(image[1, 2:30, 2:30], digits.pixels[b, 0])
            assert row.label == row.feature_a == tiny_cifar.labels[published][a]
            assert row.feature_b == digits.labels[b]


def test_refuses_files_with_other_counts(tiny_cifar, tiny_mnist, monkeypatch):
    monkeypatch.setattr(cifar_mnist, "COUNTS", COUNTS)
    message = f"cifar_mnist: its splits have {TINY} examples, expected {COUNTS}"
    with pytest.raises(InputError, match=re.escape(message)):
        prepare(tiny_cifar.archive, tiny_mnist, 0)


@pytest.fixture(scope="module")
def full(originals, tmp_path_factory):
    """The published numbers of images, CIFAR-10's black, under real digits."""

    def read_black(split):
        labels = np.repeat([0, 1], {"train": 5000, "test": 1000}[split])
        pixels = np.zeros((len(labels), 3, 32, 32), dtype=np.uint8)
        return Labelled(pixels, labels, np.array([f"{split}/{row}" for row in range(len(labels))]))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cifar_mnist, "reader", lambda *_: read_black)
        return prepare(tmp_path_factory.getbasetemp(), originals, 0)


def test_has_the_counts_that_the_published_numbers_give(full):
    assert {name: len(full.split(name).table) for name in SPLITS} == COUNTS
    for name in SPLITS:
        table = full.split(name).table
        if name.startswith("probe"):
            cells = dict.fromkeys(range(4), COUNTS[name] // 4)
            assert table["group"].value_counts().to_dict() == cells
        else:
            assert (table["feature_a"] == table["feature_b"]).all()
            assert (table["label"] == table["feature_a"]).all()


def test_uses_every_image_once_and_in_one_split_only(full):
    for half in (0, 1):
        used = {
            name: [pair.split("+")[half] for pair in full.split(name).table["id"]]
            for name in SPLITS
        }
        for name in SPLITS:
            assert len(set(used[name])) == COUNTS[name]
        assert not set(used["train"]) & {*used["val"], *used["probe_train"]}
        assert set(used["probe_train"]) <= set(used["val"])


# Every tenth photograph: 500 of each class, so 500 pairs of each, and 100 for test.
TENTH = {"train": 900, "val": 100, "test": 200, "probe_train": 100, "probe_test": 200}


@pytest.fixture(scope="module")
def jpegs(data_dir, tmp_path_factory):
    """A tenth of CIFAR-10's airplanes and automobiles, as real images in a folder."""
    archive = data_dir / "cifar10-jpeg" / "cifar10-airplane-automobile.tar"
    if not archive.exists():
        pytest.skip(
            f"real data absent ({archive}): let FEATURE_QUALITY_DATA name a directory with this "
            "tar of {train,test}/{airplane,automobile}/*.jpg"
        )
    folder = tmp_path_factory.mktemp("cifar")
    with tarfile.open(archive) as tar:
        tenth = [member for member in tar if member.name.endswith("0.jpg")]
        tar.extractall(folder, tenth, filter="data")
    return folder


@pytest.fixture(scope="module")
def real(jpegs, originals):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cifar_mnist, "COUNTS", TENTH)
        return prepare(jpegs, originals, 0)


def test_title_says_that_the_images_came_from_a_folder(real):
    assert real.description.title == "CIFAR-MNIST (CIFAR-10 from an image folder)"
    assert not real.description.demonstration


def test_the_digit_lies_above_the_photograph(real, jpegs, originals):
    digits = {
        prefix: read_labelled("MNIST", prefix, originals).pixels[:, 0]
        for prefix in ("train", "t10k")
    }
    assert real.images.shape[1:] == (3, 64, 32)
    for image, row in zip(real.images[::10], real.examples[::10].itertuples(), strict=True):
        photo, digit = row.id.split("+")
        prefix, number = digit.split("/")
        padded = np.pad(digits[prefix][int(number)], 2)
        np.testing.assert_array_equal(image[:, :32], [padded] * 3)
        assert photo.split("/")[1] == ("airplane", "automobile")[row.label]
        with Image.open(jpegs / f"{photo}.jpg") as photograph:
            np.testing.assert_array_equal(np.moveaxis(image[:, 32:], 0, 2), photograph)


@pytest.mark.parametrize("part", ["images-idx3", "labels-idx1"])
def test_refuses_a_changed_mnist_file_by_name(originals, tmp_path, part):
    key = f"MNIST/raw/train-{part}-ubyte.gz"
    content = Path(originals[key]).read_bytes()
    changed = content[:1000] + bytes([content[1000] ^ 1]) + content[1001:]
    (tmp_path / "copy.gz").write_bytes(changed)
    found, expected = (hashlib.md5(each).hexdigest() for each in (changed, content))
    with pytest.raises(InputError, match=f"{key}: md5 {found}, expected {expected}"):
        prepare(tmp_path, {**originals, key: str(tmp_path / "copy.gz")}, 0)
