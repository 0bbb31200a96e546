import gzip

import numpy as np
import pytest

from feature_quality.data.idx import read_idx, read_labelled
from feature_quality.data.sources import SOURCES
from feature_quality.errors import InputError


@pytest.mark.parametrize(
    ("content", "array"),
    [
        (
            b"\0\0\x08\x03\0\0\0\x02\0\0\0\x01\0\0\0\x03\1\2\3\xfd\xfe\xff",
            [[[1, 2, 3]], [[253, 254, 255]]],
        ),
        (b"\0\0\x08\x01\0\0\0\x02\7\x09", [7, 9]),
    ],
)
def test_reads_a_file_written_by_hand(tmp_path, publish, content, array):
    key = "MNIST/raw/t10k-labels-idx1-ubyte.gz"
    (tmp_path / "hand.gz").write_bytes(gzip.compress(content))
    publish(key, tmp_path / "hand.gz")
    assert read_idx(key, str(tmp_path / "hand.gz")).tolist() == array


def test_labelled_images_keep_their_published_order(write_split, tmp_path):
    labels = [7, 0, 1, 0]
    files = write_split("FashionMNIST", "t10k", labels)
    images = read_labelled("FashionMNIST", "t10k", files)
    assert images.labels.tolist() == labels
    assert images.labels.dtype == np.int64
    assert images.ids.tolist() == ["t10k/0", "t10k/1", "t10k/2", "t10k/3"]
    key = "FashionMNIST/raw/t10k-images-idx3-ubyte.gz"
    pixels = read_idx(key, files[key])
    np.testing.assert_array_equal(images.pixels, pixels.reshape(4, 1, 28, 28))
    # Both files are checked before they are read.
    for key in files:
        (tmp_path / "copy.gz").write_bytes((tmp_path / key).read_bytes() + b"\0")
        expected = SOURCES[key].checksum.removeprefix("md5:")
        with pytest.raises(InputError, match=f"{key}: md5 .*, expected {expected}"):
            read_labelled("FashionMNIST", "t10k", files | {key: str(tmp_path / "copy.gz")})


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
