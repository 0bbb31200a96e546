import gzip

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis.extra import numpy as hnp

from feature_quality.data.idx import read_idx, read_labelled
from feature_quality.data.sources import SOURCES
from feature_quality.errors import InputError


def test_reads_a_file_written_by_hand(tmp_path):
    path = tmp_path / "hand.gz"
    path.write_bytes(gzip.compress(b"\0\0\x08\x03\0\0\0\x02\0\0\0\x01\0\0\0\x03\1\2\3\xfd\xfe\xff"))
    assert read_idx(path).tolist() == [[[1, 2, 3]], [[253, 254, 255]]]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30)
@given(array=hnp.arrays(np.uint8, hnp.array_shapes(max_dims=3, max_side=4)))
def test_reads_what_was_written_in_any_shape(tmp_path, write_idx, array):
    write_idx(tmp_path / "any.gz", array)
    np.testing.assert_array_equal(read_idx(tmp_path / "any.gz"), array)


def _gz(header, size):
    return gzip.compress(bytes(header) + bytes(size))


LABELS = (0, 0, 8, 1, 0, 0, 0, 9)


BAD = {
    "not gzip": (b"not gzip at all", "cannot be unpacked"),
    "gzip cut short": (_gz(LABELS, 9)[:-12], "cannot be unpacked"),
    "damaged gzip": (_gz(LABELS, 9)[:10] + b"\xff" * 9, "cannot be unpacked"),
    "empty": (b"", "not an IDX file"),
    "no dimensions": (_gz((0, 0, 8), 0), "not an IDX file"),
    "of floats": (_gz((0, 0, 13, 1, 0, 0, 0, 9), 36), "not an IDX file"),
    "too few": (_gz(LABELS, 8), "holds 8 bytes, its header states 9"),
    "too many": (_gz(LABELS, 10), "holds 10 bytes, its header states 9"),
    "header cut in a number": (_gz((0, 0, 8, 3), 2), "ends inside its header"),
    "header cut at a number": (_gz((0, 0, 8, 3), 8), "ends inside its header"),
    "huge": (_gz((0, 0, 8, 4, *b"\xff" * 16), 9), "header states 34028"),
}


@pytest.mark.parametrize(("content", "message"), BAD.values(), ids=BAD)
def test_refuses_what_is_no_whole_idx_file(tmp_path, content, message):
    path = tmp_path / "odd.gz"
    path.write_bytes(content)
    with pytest.raises(InputError, match=message) as refusal:
        read_idx(path)
    assert str(path) in str(refusal.value)


def test_labelled_images_keep_their_published_order(write_split, tmp_path):
    labels = [7, 0, 1, 0]
    files = write_split("FashionMNIST", "t10k", labels)
    images = read_labelled("FashionMNIST", "t10k", files)
    assert images.labels.tolist() == labels
    assert images.labels.dtype == np.int64
    assert images.ids.tolist() == ["t10k/0", "t10k/1", "t10k/2", "t10k/3"]
    pixels = read_idx(files["FashionMNIST/raw/t10k-images-idx3-ubyte.gz"])
    np.testing.assert_array_equal(images.pixels, pixels.reshape(4, 1, 28, 28))
    # Both files are checked before they are read.
    for key in files:
        (tmp_path / "copy.gz").write_bytes((tmp_path / key).read_bytes() + b"\0")
        expected = SOURCES[key].checksum.removeprefix("md5:")
        with pytest.raises(InputError, match=f"{key}: md5 .*, expected {expected}"):
            read_labelled("FashionMNIST", "t10k", files | {key: str(tmp_path / "copy.gz")})


def test_refuses_images_and_labels_of_different_number(write_split, write_idx, publish, tmp_path):
    files = write_split("MNIST", "train", [1, 2, 3])
    key = "MNIST/raw/train-labels-idx1-ubyte.gz"
    write_idx(tmp_path / key, [1, 2])
    publish(key, tmp_path / key)
    with pytest.raises(InputError, match=r"train-images-idx3-ubyte.gz: 3 images, but 2 labels"):
        read_labelled("MNIST", "train", files)


@pytest.mark.parametrize(
    ("folder", "prefix", "counts", "mean"),
    [
        # Classes as counted, and the mean pixel that everybody normalises with.
        ("MNIST", "train", [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949], 0.1307),
        ("MNIST", "t10k", [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009], None),
        ("FashionMNIST", "train", [6000] * 10, 0.2860),
        ("FashionMNIST", "t10k", [1000] * 10, None),
    ],
)
def test_real_files_hold_what_is_known_of_them(originals, folder, prefix, counts, mean):
    images = read_labelled(folder, prefix, originals)
    assert images.pixels.shape == (sum(counts), 1, 28, 28)
    assert np.bincount(images.labels).tolist() == counts
    if mean is not None:
        assert images.pixels.mean() / 255 == pytest.approx(mean, abs=5e-5)
