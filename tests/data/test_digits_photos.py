import numpy as np
import pytest
from PIL import Image
from sklearn.datasets import load_digits, load_sample_images

from feature_quality.artifacts.images import read_images
from feature_quality.artifacts.prepared import SPLITS, Prepared
from feature_quality.data.digits_photos import SPEC, prepare, read_digits, read_patches
from feature_quality.data.digits_photos import split as split_digits
from feature_quality.data.spec import Preparation

COUNTS = SPEC.counts


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    folder = tmp_path_factory.mktemp("digits_photos")
    paths = folder / "images.npy", folder / "images.parquet"
    prepare(Preparation({}, {}, *paths))
    stored = read_images(*paths)
    ((description, examples),) = split_digits(stored, 0)
    return Prepared(description, stored.pixels, examples)


def sources(prepared, split):
    """Return the patches and the digits that a split is made of."""
    pairs = [name.split("+") for name in prepared.split(split).table["id"]]
    return {patch for patch, _ in pairs}, {digit for _, digit in pairs}


def test_labels_agree_where_the_model_learns_and_not_where_it_is_probed(prepared):
    # Patches of both halves and digits, each once.
    assert prepared.images.shape == (1040 + 1040 + 360, 3, 32, 32)
    assert prepared.shape == (3, 64, 32)
    assert prepared.description.demonstration
    for name in SPLITS:
        table = prepared.split(name).table
        assert len(table) == COUNTS[name]
        if name.startswith("probe"):
            groups = table["group"].value_counts().to_dict()
            assert groups == dict.fromkeys(range(4), COUNTS[name] // 4)
        else:
            assert (table["feature_a"] == table["feature_b"]).all()
            labels = table["label"].value_counts().to_dict()
            assert labels == dict.fromkeys((0, 1), COUNTS[name] // 2)


def test_training_sees_left_halves_and_testing_right_ones(prepared):
    """That splits share no patch and no digit is tested of all demonstrations (test_spec.py)."""
    (train_patches, train_digits), (val_patches, val_digits), (test_patches, test_digits) = (
        sources(prepared, name) for name in ("train", "val", "test")
    )
    assert all("/left/" in patch for patch in train_patches | val_patches)
    assert all("/right/" in patch for patch in test_patches)
    # Every digit serves, and every patch once.
    assert len(train_digits | val_digits | test_digits) == 360
    assert len(train_patches | val_patches) == len(test_patches) == 1040
    for probe, split in (("probe_train", "val"), ("probe_test", "test")):
        patches, digits = sources(prepared, probe)
        assert patches == sources(prepared, split)[0]
        assert len(patches) == COUNTS[probe]
        assert digits <= sources(prepared, split)[1]
    # Their names say from which photograph and digit an example was made.
    targets = load_digits(n_class=2).target
    for row in prepared.examples.itertuples():
        patch, digit = row.id.split("+")
        assert patch.split("/")[0] == ("china", "flower")[row.feature_a]
        assert targets[int(digit.split("/")[1])] == row.feature_b


def test_patches_tile_both_halves_of_the_photographs():
    photos = load_sample_images().images
    assert [photo.shape for photo in photos] == [(427, 640, 3)] * 2
    for half, side in enumerate(read_patches()):
        assert np.bincount(side.labels).tolist() == [26 * 20, 26 * 20]
        for pixels, label, name in zip(side.pixels, side.labels, side.ids, strict=True):
            row, column = divmod(int(name.split("/")[2]), 20)
            left, top = 16 * (column + 20 * half), 16 * row
            tile = Image.fromarray(photos[label]).crop((left, top, left + 16, top + 16))
            enlarged = np.asarray(tile.resize((32, 32), Image.Resampling.BILINEAR))
            np.testing.assert_array_equal(pixels, np.moveaxis(enlarged, 2, 0))


def test_digits_span_the_range_of_a_byte_in_equal_channels():
    digits, originals = read_digits(), load_digits(n_class=2)
    assert digits.pixels.shape == (360, 3, 32, 32)
    assert digits.pixels.max() == 255
    np.testing.assert_array_equal(digits.pixels[:, 0], digits.pixels[:, 2])
    # Enlarging by 4 keeps each image's mean up to rounding and the weight of its border.
    ours, theirs = digits.pixels.mean(axis=(1, 2, 3)), originals.images.mean(axis=(1, 2)) * 255 / 16
    assert np.abs(ours - theirs).max() < 6
    np.testing.assert_array_equal(digits.labels, originals.target)
