"""A demonstration made of the real images that scikit-learn carries; it needs no download.

Feature A says from which of two photographs a patch was cut, feature B whether the digit on top of
it is 0 or 1. It has the form of CIFAR-MNIST and stands in for no dataset of the paper.
"""

import numpy as np
import pandas as pd

from feature_quality.artifacts.images import StoredImages
from feature_quality.artifacts.prepared import Description
from feature_quality.data.concatenated import Halves, Part, concatenate, write_halves
from feature_quality.data.labelled import Labelled
from feature_quality.data.spec import DatasetSpec, Preparation
from feature_quality.provenance import ours
from feature_quality.seeds import generator

SPEC = DatasetSpec(
    id="digits_photos",
    title="Digits on photo patches (demonstration)",
    features=("photo", "digit"),
    classes=(("china", "flower"), ("0", "1")),
    shape=(3, 64, 32),
    counts={"train": 832, "val": 208, "test": 1040, "probe_train": 208, "probe_test": 1040},
    demonstration=True,
    grid={
        "lr": ours((0.05,), "SGD fits all training images at it"),
        "rho": ours((0.05, 0.1), "SAM fits them too; with 0.2, training hardly begins"),
    },
    training={
        "network": ours("cnn", "as for CIFAR-MNIST"),
        "epochs": ours(6, "training error is 0 by then"),
        "batch_size": ours(100, "as for CIFAR-MNIST"),
        "momentum": ours(0.9, "as for CIFAR-MNIST"),
        "weight_decay": ours(0.0, "as for CIFAR-MNIST"),
        "snapshot_epochs": ours((1, 2, 4), "evenly on a logarithmic scale"),
    },
    per_group=ours(None, "all that the demonstration has"),
)
PATCH = 16


def read_patches() -> tuple[Labelled, Labelled]:
    """Cut both photographs into disjoint 16×16 patches, enlarged to 32×32.

    Returns:
        the patches of the left halves and those of the right halves; the label is the photograph.
    """
    # scikit-learn takes seconds to import, and every dry run reads the description above.
    from sklearn.datasets import load_sample_images

    photos = np.stack(load_sample_images().images)
    n, rows, columns = len(photos), photos.shape[1] // PATCH, photos.shape[2] // PATCH
    tiles = photos[:, : rows * PATCH, : columns * PATCH]
    tiles = tiles.reshape(n, rows, PATCH, columns, PATCH, 3).swapaxes(2, 3)
    halves = []
    for side, half in (("left", slice(columns // 2)), ("right", slice(columns // 2, None))):
        patches = tiles[:, :, half].reshape(-1, PATCH, PATCH, 3)
        pixels = np.stack([_enlarge(patch) for patch in patches]).transpose(0, 3, 1, 2)
        each = len(patches) // n
        ids = [f"{photo}/{side}/{i}" for photo in SPEC.classes[0] for i in range(each)]
        halves.append(Labelled(pixels, np.repeat(np.arange(n), each), np.array(ids)))
    left, right = halves
    return left, right


def read_digits() -> Labelled:
    """Read the handwritten digits 0 and 1, enlarged from 8×8 to 32×32, in three equal channels."""
    from sklearn.datasets import load_digits

    digits = load_digits(n_class=2)
    grey = (digits.images * (255 / 16)).astype(np.uint8)
    pixels = np.stack([_enlarge(image) for image in grey])
    ids = np.array([f"digit/{row}" for row in range(len(pixels))])
    return Labelled(np.repeat(pixels[:, None], 3, axis=1), digits.target.astype(np.int64), ids)


def prepare(task: Preparation) -> None:
    """Store the patches of the left halves, those of the right ones, and the digits."""
    left, right = read_patches()
    write_halves(task, SPEC, {"train": left, "test": right}, {"": read_digits()})


def split(stored: StoredImages, seed: int) -> list[tuple[Description, pd.DataFrame]]:
    """Split the dataset: training and test share no digit, no patch and no half of a photograph.

    There are fewer digits than patches, so a digit appears with several patches of its own split.
    """

    def held_out(images: Halves, fraction: float, name: str) -> tuple[Halves, Halves]:
        return images.hold_out(fraction, generator("hold out", SPEC.id, name, seed))

    left, right = (Halves.of(stored, "feature_a", part) for part in ("train", "test"))
    patches_train, patches_val = held_out(left, 0.2, "patches")
    digits_left, digits_test = held_out(Halves.of(stored, "feature_b", ""), 0.5, "test digits")
    digits_train, digits_val = held_out(digits_left, 0.2, "validation digits")
    return concatenate(
        SPEC,
        stored,
        train=Part(patches_train, _repeat(digits_train, patches_train)),
        val=Part(patches_val, _repeat(digits_val, patches_val)),
        test=Part(right, _repeat(digits_test, right)),
        seed=seed,
    )


def _enlarge(image: np.ndarray) -> np.ndarray:
    from PIL import Image

    return np.asarray(Image.fromarray(image).resize((32, 32), Image.Resampling.BILINEAR))


def _repeat(images: Halves, partners: Halves) -> Halves:
    """Repeat the images of each class in turn until every partner of that class has one."""
    places = [
        np.resize(np.flatnonzero(images.labels == label), np.sum(partners.labels == label))
        for label in np.unique(partners.labels)
    ]
    return images.take(np.concatenate(places))
