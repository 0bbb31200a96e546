"""CIFAR-MNIST: airplane or automobile under a written 0 or 1 (Appendix B; Shah et al., 2020)."""

from pathlib import Path

import numpy as np

from feature_quality.artifacts.prepared import Prepared
from feature_quality.data.cifar10 import is_image_folder, reader
from feature_quality.data.concatenated import Part, concatenate, split_published
from feature_quality.data.idx import read_labelled
from feature_quality.data.labelled import Labelled

DATASET = "cifar_mnist"
CLASSES = (("airplane", "automobile"), ("0", "1"))
SHAPE = (3, 64, 32)
COUNTS = {"train": 9000, "val": 1000, "test": 1980, "probe_train": 1000, "probe_test": 1960}


def pad_to_colour(digits: Labelled) -> Labelled:
    """Zero-pad 28×28 grey digits to 32×32 and repeat them over three channels."""
    padded = np.pad(digits.pixels, ((0, 0), (0, 0), (2, 2), (2, 2)))
    return Labelled(np.repeat(padded, 3, axis=1), digits.labels, digits.ids)


def prepare(cifar: str | Path, mnist: dict[str, str], data_seed: int) -> Prepared:
    """Prepare the dataset.

    Args:
        cifar: torchvision's CIFAR-10 archive, its unpacked folder, or a folder of images; the
            dataset's title says when it was the last.
        mnist: where MNIST's files lie, by their key in ``SOURCES``.
        data_seed: fixes the split and the pairings.
    """
    read_cifar = reader(cifar, CLASSES[0])
    from_folder = " (CIFAR-10 from an image folder)" if is_image_folder(cifar) else ""

    def part(split: str, prefix: str) -> Part:
        digits = read_labelled("MNIST", prefix, mnist).keep([0, 1])
        return Part(read_cifar(split).keep([0, 1]), pad_to_colour(digits))

    train, val = split_published(part("train", "train"), DATASET, data_seed)
    return concatenate(
        dataset=DATASET,
        title=f"CIFAR-MNIST{from_folder}",
        demonstration=False,
        features=("cifar", "mnist"),
        classes=CLASSES,
        train=train,
        val=val,
        test=part("test", "t10k"),
        data_seed=data_seed,
        shape=SHAPE,
        counts=COUNTS,
    )
