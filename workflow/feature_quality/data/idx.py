"""MNIST's and Fashion-MNIST's original files."""

import gzip
from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from feature_quality.data.labelled import Labelled
from feature_quality.data.sources import verify


def read_idx(key: str, path: str) -> npt.NDArray[np.uint8]:
    """Read a published IDX file into an array of the shape that it states.

    Args:
        key: its key in ``SOURCES``.
        path: where it lies.

    Raises:
        InputError: the file is missing or is not the published one.
    """
    verify(key, path)
    with gzip.open(path) as file:
        content = file.read()
    # Two zeros, the type (unsigned bytes), the number of dimensions, and the length of each.
    dimensions = content[3]
    shape = np.frombuffer(content, ">u4", dimensions, offset=4)
    return np.frombuffer(content, np.uint8, offset=4 + 4 * dimensions).reshape(shape)


def read_labelled(folder: str, prefix: str, files: Mapping[str, str]) -> Labelled:
    """Read the images and labels of one published split.

    Args:
        folder: ``MNIST`` or ``FashionMNIST``.
        prefix: ``train`` or ``t10k``, the published split.
        files: where each original file lies, by its key in ``SOURCES``.

    Raises:
        InputError: a file is missing or is not the published one.
    """
    keys = [f"{folder}/raw/{prefix}-{part}-ubyte.gz" for part in ("images-idx3", "labels-idx1")]
    images, labels = (read_idx(key, files[key]) for key in keys)
    ids = np.array([f"{prefix}/{row}" for row in range(len(labels))])
    return Labelled(images[:, None], labels.astype(np.int64), ids)
