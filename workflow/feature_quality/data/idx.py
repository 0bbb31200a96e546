"""MNIST's and Fashion-MNIST's original files."""

import gzip
import math
import zlib
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import numpy.typing as npt

from feature_quality.data.labelled import Labelled
from feature_quality.data.sources import verify
from feature_quality.errors import InputError

_UNSIGNED_BYTE = 0x08


def read_idx(path: str | Path) -> npt.NDArray[np.uint8]:
    """Read a gzipped IDX file of unsigned bytes into an array of the shape that it states.

    Raises:
        InputError: the file is not gzip, is not IDX, or holds fewer or more bytes than it states.
    """
    try:
        with gzip.open(path) as file:
            content = file.read()
    except (OSError, EOFError, zlib.error) as error:
        raise InputError(f"{path}: cannot be unpacked ({error})") from error
    if len(content) < 4 or content[:3] != bytes([0, 0, _UNSIGNED_BYTE]):
        raise InputError(f"{path}: is not an IDX file of unsigned bytes")
    dimensions = content[3]
    header = 4 + 4 * dimensions
    if len(content) < header:
        raise InputError(f"{path}: ends inside its header")
    shape = np.frombuffer(content[4:header], dtype=">u4").tolist()
    if len(content) - header != math.prod(shape):
        raise InputError(
            f"{path}: holds {len(content) - header} bytes, its header states {math.prod(shape)}"
        )
    return np.frombuffer(content, dtype=np.uint8, offset=header).reshape(shape)


def read_labelled(folder: str, prefix: str, files: Mapping[str, str]) -> Labelled:
    """Read the images and labels of one published split, after checking both checksums.

    Args:
        folder: ``MNIST`` or ``FashionMNIST``.
        prefix: ``train`` or ``t10k``, the published split.
        files: where each original file lies, by its key in ``SOURCES``.
    """
    keys = [f"{folder}/raw/{prefix}-{part}-ubyte.gz" for part in ("images-idx3", "labels-idx1")]
    for key in keys:
        verify(key, files[key])
    images, labels = (read_idx(files[key]) for key in keys)
    if len(images) != len(labels):
        raise InputError(f"{files[keys[0]]}: {len(images)} images, but {len(labels)} labels")
    ids = np.array([f"{prefix}/{row}" for row in range(len(labels))])
    return Labelled(images[:, None], labels.astype(np.int64), ids)
