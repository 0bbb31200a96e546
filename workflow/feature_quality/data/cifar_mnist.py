"""CIFAR-MNIST: airplane or automobile under a written 0 or 1 (Appendix B; Shah et al., 2020)."""

from collections.abc import Mapping

import numpy as np

from feature_quality.artifacts.prepared import Prepared, write_prepared
from feature_quality.data.cifar10 import is_image_folder, reader
from feature_quality.data.concatenated import (
    GRID,
    SNAPSHOT_EPOCHS,
    Part,
    concatenate,
    split_published,
)
from feature_quality.data.idx import read_labelled
from feature_quality.data.labelled import Labelled
from feature_quality.data.spec import DatasetSpec, Preparation, idx_files
from feature_quality.provenance import ours, paper

SPEC = DatasetSpec(
    id="cifar_mnist",
    title="CIFAR-MNIST",
    features=("cifar", "mnist"),
    classes=(("airplane", "automobile"), ("0", "1")),
    shape=(3, 64, 32),
    originals={
        "cifar": ("cifar-10-batches-py/", "cifar10/", "cifar-10-python.tar.gz"),
        **idx_files("MNIST"),
    },
    counts={"train": 9000, "val": 1000, "test": 1980, "probe_train": 1000, "probe_test": 1960},
    grid=GRID,
    training={
        "network": paper("cnn", "Appendix B"),
        "epochs": paper(20, "Section 4.1"),
        "batch_size": paper(100, "Appendix B"),
        "momentum": paper(0.9, "Appendix B"),
        "weight_decay": paper(0.0, "Appendix B"),
        "snapshot_epochs": SNAPSHOT_EPOCHS,
    },
    per_group=ours(200, "of 250, so that draws differ: the paper says a small dataset"),
)


def pad_to_colour(digits: Labelled) -> Labelled:
    """Zero-pad 28×28 grey digits to 32×32 and repeat them over three channels."""
    padded = np.pad(digits.pixels, ((0, 0), (0, 0), (2, 2), (2, 2)))
    return Labelled(np.repeat(padded, 3, axis=1), digits.labels, digits.ids)


def prepare(task: Preparation) -> None:
    """Prepare the dataset."""
    write_prepared(task.images, task.examples[0], load(task.originals, task.data_seed))


def load(originals: Mapping[str, str], data_seed: int) -> Prepared:
    """Return the dataset.

    Args:
        originals: where ``cifar`` lies, which is torchvision's CIFAR-10 archive, its unpacked
            folder, or a folder of images (the dataset's title says so), and MNIST's files by their
            keys in ``SOURCES``.
        data_seed: fixes the split and the pairings.
    """
    cifar = originals["cifar"]
    read_cifar = reader(cifar, SPEC.classes[0])
    from_folder = " (CIFAR-10 from an image folder)" if is_image_folder(cifar) else ""

    def part(split: str, prefix: str) -> Part:
        digits = read_labelled("MNIST", prefix, originals).keep([0, 1])
        return Part(read_cifar(split).keep([0, 1]), pad_to_colour(digits))

    train, val = split_published(part("train", "train"), SPEC.id, data_seed)
    return concatenate(
        SPEC,
        title=f"{SPEC.title}{from_folder}",
        train=train,
        val=val,
        test=part("test", "t10k"),
        data_seed=data_seed,
    )
