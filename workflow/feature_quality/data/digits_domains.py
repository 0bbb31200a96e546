"""Four domains made of scikit-learn's handwritten digits, for a demonstration without a download.

No digit is in two domains. It has the form of DomainBed's datasets and stands in for none of them.
"""

import numpy as np
import numpy.typing as npt
import pandas as pd
from PIL import Image
from sklearn.datasets import load_digits

from feature_quality.artifacts.prepared import Prepared
from feature_quality.data.domains import Family, targets
from feature_quality.seeds import generator

FAMILY = "digits_domains"
ABOUT = Family(
    "Digits in four domains (demonstration)",
    "",
    {"P": "plain", "I": "inverted", "R": "rotated", "N": "noisy"},
    (450, 449, 449, 449),
    10,
)
SIDE = 32
SHAPE = (3, SIDE, SIDE)
# Standard deviation of the noise, of 255.
NOISE = 60


def prepare(data_seed: int) -> list[Prepared]:
    """Prepare the datasets, one for each target domain; they share their images."""
    digits = load_digits()
    images = [_enlarge(image) for image in digits.images * 255 / 16]
    order = generator("domains", FAMILY, data_seed).permutation(len(images))
    parts, rows = np.array_split(order, len(ABOUT.domains)), []
    for domain, members in zip(ABOUT.domains.values(), parts, strict=True):
        for row in members:
            images[row] = _changed(images[row], domain, int(row), data_seed)
            rows.append((row, domain, str(digits.target[row])))
    table = pd.DataFrame(rows, columns=["row", "domain", "class"])
    table["id"] = table["domain"] + "/" + table["class"] + "/" + table["row"].astype(str)
    stored = np.stack([images[row] for row in table["row"]])[:, None].repeat(3, axis=1)
    return [
        Prepared(description, stored, examples)
        for description, examples in targets(
            table, FAMILY, ABOUT.title, ABOUT.domains, True, data_seed
        )
    ]


def _enlarge(image: npt.NDArray[np.float64]) -> npt.NDArray[np.uint8]:
    enlarged = Image.fromarray(image.round().astype(np.uint8)).resize((SIDE, SIDE))
    return np.asarray(enlarged)


def _changed(
    image: npt.NDArray[np.uint8], domain: str, row: int, data_seed: int
) -> npt.NDArray[np.uint8]:
    if domain == "inverted":
        return 255 - image
    if domain == "rotated":
        return np.rot90(image)
    if domain == "noisy":
        noise = generator("noise", FAMILY, row, data_seed).normal(0, NOISE, image.shape)
        return (image + noise).clip(0, 255).astype(np.uint8)
    return image
