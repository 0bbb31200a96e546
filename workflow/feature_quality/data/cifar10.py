"""CIFAR-10, from torchvision's files or from a folder of images.

torchvision takes six seconds to import, so only the functions that need it do so.
"""

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, UnidentifiedImageError

from feature_quality.data.labelled import Labelled
from feature_quality.data.sources import verify
from feature_quality.errors import InputError

ARCHIVE = "cifar-10-python.tar.gz"
BATCHES = "cifar-10-batches-py"
CLASSES = (
    *("airplane", "automobile", "bird", "cat", "deer"),
    *("dog", "frog", "horse", "ship", "truck"),
)


def reader(path: str | Path, classes: tuple[str, ...]) -> Callable[[str], Labelled]:
    """Return a function that reads the ``train`` or ``test`` images that lie at ``path``.

    Args:
        path: torchvision's archive, its unpacked folder, or a folder of images.
        classes: the classes to read of a folder of images; the others hold all ten.
    """
    if not is_image_folder(path):
        read = read_batches if Path(path).is_dir() else read_archive
        return lambda split: read(path, split)
    return lambda split: read_folder(path, split, classes)


def is_image_folder(path: str | Path) -> bool:
    """Say whether ``path`` is a folder of images rather than the published files."""
    return Path(path).is_dir() and Path(path).name != BATCHES


def read_archive(archive: str | Path, split: str) -> Labelled:
    """Read the ``train`` or ``test`` images of the published archive.

    torchvision unpacks it and checks each batch before it reads it.
    """
    from torchvision.datasets import CIFAR10

    verify(ARCHIVE, archive)
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, ARCHIVE).symlink_to(Path(archive).resolve())
        dataset = CIFAR10(folder, train=split == "train", download=True)
    return _labelled(dataset, split)


def read_batches(folder: str | Path, split: str) -> Labelled:
    """Read the ``train`` or ``test`` images of an unpacked archive (``cifar-10-batches-py``).

    Raises:
        InputError: a batch is missing or is not the published one.
    """
    from torchvision.datasets import CIFAR10
    from torchvision.datasets.utils import calculate_md5

    labels = [CIFAR10.meta["filename"], CIFAR10.meta["md5"]]
    for name, expected in [*CIFAR10.train_list, *CIFAR10.test_list, labels]:
        batch = Path(folder, name)
        if not batch.is_file():
            raise InputError(f"{batch}: is missing")
        found = calculate_md5(batch)
        if found != expected:
            raise InputError(f"{batch}: md5 {found}, expected {expected}")
    return _labelled(CIFAR10(Path(folder).parent, train=split == "train"), split)


def _labelled(dataset: Any, split: str) -> Labelled:
    labels = np.array(dataset.targets, dtype=np.int64)
    ids = np.array([f"{split}/{row}" for row in range(len(labels))])
    return Labelled(dataset.data.transpose(0, 3, 1, 2), labels, ids)


def read_folder(folder: str | Path, split: str, classes: tuple[str, ...]) -> Labelled:
    """Read the 32×32 images ``folder/split/class/*.{jpg,png}`` of ``classes``, in order of name.

    Raises:
        InputError: a class has no images, or a file is not a 32×32 image.
    """
    pixels, labels, ids = [], [], []
    for name in classes:
        paths = sorted(
            path
            for path in Path(folder, split, name).glob("*")
            if path.suffix.lower() in (".jpg", ".jpeg", ".png")
        )
        if not paths:
            raise InputError(f"{Path(folder, split, name)}: holds no .jpg or .png image")
        for path in paths:
            pixels.append(_read_image(path))
            labels.append(CLASSES.index(name))
            ids.append(f"{split}/{name}/{path.stem}")
    return Labelled(np.stack(pixels), np.array(labels, dtype=np.int64), np.array(ids))


def _read_image(path: Path) -> np.ndarray:
    try:
        with Image.open(path) as image:
            pixels = np.asarray(image.convert("RGB"))
    except (UnidentifiedImageError, OSError) as error:
        raise InputError(f"{path}: cannot be decoded as an image ({error})") from error
    if pixels.shape != (32, 32, 3):
        height, width = pixels.shape[:2]
        raise InputError(f"{path}: is {width}×{height} pixels, CIFAR-10 images are 32×32")
    return pixels.transpose(2, 0, 1)
