"""CIFAR-MNIST: airplane or automobile under a written 0 or 1 (Appendix B; Shah et al., 2020)."""

from functools import partial

import numpy as np

from feature_quality.data.cifar10 import is_image_folder, read_folder, read_published
from feature_quality.data.concatenated import (
    GRID,
    SNAPSHOT_EPOCHS,
    split_published,
    write_halves,
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
        # The published files go before another copy of the images.
        "cifar": (
            *("cifar-10-batches-py/", "cifar10/cifar-10-batches-py/", "cifar-10-python.tar.gz"),
            *("cifar10/", "cifar-10-python.tar.gz"),
        ),
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
    """Store CIFAR-10's images and the digits; where they come from a folder, the title says so."""
    cifar = task.originals["cifar"]
    from_folder = is_image_folder(cifar)
    copy = " (CIFAR-10 from an image folder)" if from_folder else ""
    a, b = {}, {}
    for part, prefix in (("train", "train"), ("test", "t10k")):
        b[part] = pad_to_colour(read_labelled("MNIST", prefix, task.originals).first_classes(2))
        images = (
            read_folder(cifar, part, SPEC.classes[0])
            if from_folder
            else read_published(cifar, part)
        )
        a[part] = images.first_classes(2)
    write_halves(task, SPEC, a, b, f"{SPEC.title}{copy}")


split = partial(split_published, SPEC)
