"""CIFAR-10, from the published files or from a folder of images."""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from feature_quality.data.archives import unpacked
from feature_quality.data.decoding import decode
from feature_quality.data.labelled import Labelled
from feature_quality.data.sources import verify
from feature_quality.errors import InputError

if TYPE_CHECKING:
    from PIL import Image

ARCHIVE = "cifar-10-python.tar.gz"
BATCHES = "cifar-10-batches-py"
SIZE = (32, 32)
CLASSES = (
    *("airplane", "automobile", "bird", "cat", "deer"),
    *("dog", "frog", "horse", "ship", "truck"),
)


def is_image_folder(path: str | Path) -> bool:
    """Say whether ``path`` is a folder of images rather than the published files."""
    return Path(path).is_dir() and Path(path).name != BATCHES


def read_published(path: str | Path, split: str) -> Labelled:
    """Read the ``train`` or ``test`` images of the published archive or of its unpacked folder.

    Raises:
        InputError: the archive or a file in the folder is missing or is not the published one.
    """
    from torchvision.datasets import CIFAR10  # slow to import

    if not Path(path).is_dir():
        verify(ARCHIVE, path)
    with unpacked(path, BATCHES) as folder:
        try:
            # It loads pickles, but only once their checksums are those of the published ones.
            images = CIFAR10(folder.parent, train=split == "train")
        except RuntimeError as error:
            raise InputError(f"{folder}: a file is missing or is not the published one") from error
    ids = np.array([f"{split}/{row}" for row in range(len(images))])
    return Labelled(images.data.transpose(0, 3, 1, 2), np.array(images.targets), ids)


def read_folder(folder: str | Path, split: str, classes: tuple[str, ...]) -> Labelled:
    """Read the 32×32 images ``folder/split/class/*.{jpg,png}`` of ``classes``, in order of name.

    Raises:
        InputError: a class has no images, a file is not a 32×32 image, or two have one name.
    """
    pixels, labels, ids = [], [], []
    for name in classes:
        paths = sorted(
            path
            for path in Path(folder, split, name).glob("*")
            if path.suffix.lower() in (".jpg", ".jpeg", ".png") and path.name[0] != "."
        )
        if not paths:
            raise InputError(f"{Path(folder, split, name)}: holds no .jpg or .png image")
        names: dict[str, Path] = {}
        for path in paths:
            if (first := names.setdefault(path.stem, path)) != path:
                raise InputError(f"{first}: {path.name} has the same name; remove one of them")
            if not path.is_file():
                raise InputError(f"{path}: is no file that can be read")
            pixels.append(decode(path.read_bytes(), str(path), _require_published_size))
            labels.append(CLASSES.index(name))
            ids.append(f"{split}/{name}/{path.stem}")
    return Labelled(np.stack(pixels), np.array(labels, dtype=np.int64), np.array(ids))


def _require_published_size(image: "Image.Image") -> "Image.Image":
    if image.size != SIZE:
        width, height = image.size
        raise OSError(f"{width}×{height} pixels; CIFAR-10 images are 32×32")
    return image
