"""Four domains made of scikit-learn's handwritten digits, for a demonstration without a download.

No digit is in two domains. It has the form of DomainBed's datasets and stands in for none of them.
"""

import numpy as np
import numpy.typing as npt
import pandas as pd

from feature_quality.artifacts.images import new_images, write_image_table
from feature_quality.data.domains import image_table, split_domains
from feature_quality.data.spec import DatasetSpec, Preparation
from feature_quality.provenance import ours
from feature_quality.seeds import generator

SIDE = 32
SPEC = DatasetSpec(
    id="digits_domains",
    title="Digits in four domains (demonstration)",
    features=("class", "domain"),
    shape=(3, SIDE, SIDE),
    domains={"P": "plain", "I": "inverted", "R": "rotated", "N": "noisy"},
    domain_sizes=(450, 449, 449, 449),
    class_count=10,
    demonstration=True,
    grid={
        "lr": ours((0.05,), "small enough for a laptop"),
        "rho": ours((0.05,), "small enough for a laptop"),
    },
    training={
        "network": ours("cnn", "as for CIFAR-MNIST"),
        "epochs": ours(8, "training error is near 0 by then"),
        "batch_size": ours(100, "as for CIFAR-MNIST"),
        "momentum": ours(0.9, "as for CIFAR-MNIST"),
        "weight_decay": ours(0.0, "as for CIFAR-MNIST"),
        "snapshot_epochs": ours((), "no figure shows them"),
    },
)
# Standard deviation of the noise, of 255.
NOISE = 60


def prepare(task: Preparation) -> None:
    """Store the digits of all domains."""
    # scikit-learn takes seconds to import, and every dry run reads the description above.
    from sklearn.datasets import load_digits

    digits = load_digits()
    order = generator("domains", SPEC.id).permutation(len(digits.target))
    parts = np.array_split(order, len(SPEC.domains))
    rows: list[tuple[str, str, int]] = []
    with new_images(task.images, (len(order), 3, SIDE, SIDE)) as images:
        for domain, members in zip(SPEC.domains.values(), parts, strict=True):
            for row in members:
                image = _changed(_enlarge(digits.images[row] * 255 / 16), domain, int(row))
                images[len(rows)] = image
                rows.append((f"{domain}/{digits.target[row]}/{row}", domain, digits.target[row]))
    table = pd.DataFrame(rows, columns=["id", "domain", "class"])
    write_image_table(
        task.images,
        task.table,
        image_table(table, SPEC),
        SPEC.info(classes=(tuple("0123456789"), tuple(SPEC.domains.values()))),
        tuple(SPEC.domains),
    )


split = split_domains


def _enlarge(image: npt.NDArray[np.float64]) -> npt.NDArray[np.uint8]:
    from PIL import Image

    enlarged = Image.fromarray(image.round().astype(np.uint8)).resize((SIDE, SIDE))
    return np.asarray(enlarged)


def _changed(image: npt.NDArray[np.uint8], domain: str, row: int) -> npt.NDArray[np.uint8]:
    if domain == "inverted":
        return 255 - image
    if domain == "rotated":
        return np.rot90(image)
    if domain == "noisy":
        noise = generator("noise", SPEC.id, row).normal(0, NOISE, image.shape)
        return (image + noise).clip(0, 255).astype(np.uint8)
    return image
