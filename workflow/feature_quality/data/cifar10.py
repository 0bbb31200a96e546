"""CIFAR-10, from the published files or from a folder of images."""

import hashlib
import pickletools
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt

from feature_quality.data.archives import unpacked
from feature_quality.data.labelled import Labelled
from feature_quality.data.sources import verify
from feature_quality.errors import InputError

ARCHIVE = "cifar-10-python.tar.gz"
BATCHES = "cifar-10-batches-py"
CLASSES = (
    *("airplane", "automobile", "bird", "cat", "deer"),
    *("dog", "frog", "horse", "ship", "truck"),
)
# The files of each split with their MD5, as torchvision publishes them.
PUBLISHED = {
    "train": {
        "data_batch_1": "c99cafc152244af753f735de768cd75f",
        "data_batch_2": "d4bba439e000b95fd0a9bffe97cbabec",
        "data_batch_3": "54ebc095f3ab1f0389bbae665268c751",
        "data_batch_4": "634d18415352ddfa80567beed471001a",
        "data_batch_5": "482c414d41f54cd18b22e5b47cb7c3cb",
    },
    "test": {"test_batch": "40351d587109b95175f43aff81a1287e"},
}


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

    Raises:
        InputError: the archive is not the published one.
    """
    verify(ARCHIVE, archive)
    with unpacked(archive, BATCHES) as folder:
        return read_batches(folder, split)


def read_batches(folder: str | Path, split: str) -> Labelled:
    """Read the ``train`` or ``test`` images of an unpacked archive (``cifar-10-batches-py``).

    Raises:
        InputError: a batch is missing or is not the published one.
    """
    batches = []
    for name, expected in PUBLISHED[split].items():
        path = Path(folder, name)
        if not path.is_file():
            raise InputError(f"{path}: is missing")
        content = path.read_bytes()
        found = hashlib.md5(content, usedforsecurity=False).hexdigest()
        if found != expected:
            raise InputError(f"{path}: md5 {found}, expected {expected}")
        batches.append(_read_batch(content))
    pixels = np.concatenate([each for each, _ in batches])
    labels = np.concatenate([each for _, each in batches])
    ids = np.array([f"{split}/{row}" for row in range(len(labels))])
    return Labelled(pixels, labels, ids)


def _read_batch(content: bytes) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.int64]]:
    """Return the images, (n, 3, 32, 32), and the labels, (n,), of a published batch.

    A batch is a pickle, which could do anything when it is loaded: so its instructions are read,
    and none is carried out. The images are its one long string, the labels are the small integers
    after the key ``labels``.
    """
    key, pixels, labels = "", b"", []
    for instruction, argument, _ in pickletools.genops(content):
        if instruction.name == "BINSTRING":
            pixels = str(argument).encode("latin-1")
        elif instruction.name == "SHORT_BINSTRING" and argument in ("labels", "data"):
            key = str(argument)
        elif instruction.name == "BININT1" and key == "labels":
            labels.append(argument)
    images = np.frombuffer(pixels, dtype=np.uint8).reshape(-1, 3, 32, 32)
    return images, np.array(labels, dtype=np.int64)


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
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(path) as image:
            pixels = np.asarray(image.convert("RGB"))
    except (UnidentifiedImageError, OSError) as error:
        raise InputError(f"{path}: cannot be decoded as an image ({error})") from error
    if pixels.shape != (32, 32, 3):
        height, width = pixels.shape[:2]
        raise InputError(f"{path}: is {width}×{height} pixels, CIFAR-10 images are 32×32")
    return pixels.transpose(2, 0, 1)
