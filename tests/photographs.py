"""Small Waterbirds and CelebA trees in the original layouts: real JPEG files, real header lines.

An image shows its features: a disc, light or dark, for the first, on ground of one of two colours
for the second.
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

WATERBIRDS_FOLDER = "waterbird_complete95_forest2water2"
GROUPS = {"train": (30, 6, 4, 20), "val": (6, 6, 5, 5), "test": (7, 7, 6, 6)}
ATTRIBUTES = ("Bald", "Blond_Hair", "Eyeglasses", "Male", "Young")


def members() -> Iterator[tuple[int, int, int]]:
    """(split, feature A, feature B) of every photograph, mixed as in the published files."""
    rows = [
        (split, group // 2, group % 2)
        for split, counts in enumerate(GROUPS.values())
        for group, count in enumerate(counts)
        for _ in range(count)
    ]
    for row in np.random.default_rng(0).permutation(len(rows)):
        yield rows[row]


def photograph(path: Path, size: tuple[int, int], first: int, second: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    ground = np.array([(60, 120, 60), (60, 60, 160)][second]) + rng.integers(-30, 30, 3)
    noise = rng.integers(-20, 20, (size[1], size[0], 3))
    image = Image.fromarray(np.clip(ground + noise, 0, 255).astype(np.uint8))
    middle, radius = np.array(size) / 2 + rng.integers(-9, 9, 2), 30
    disc = [*(middle - radius), *(middle + radius)]
    ImageDraw.Draw(image).ellipse(disc, fill=[(30, 30, 30), (220, 220, 220)][first])
    path.parent.mkdir(parents=True, exist_ok=True)
    image.save(path, "JPEG")


def write_waterbirds(data_dir: Path) -> Path:
    """Write the folder that the published archive unpacks to."""
    folder = data_dir / WATERBIRDS_FOLDER
    lines = ["img_id,img_filename,y,split,place,place_filename"]
    for number, (split, bird, place) in enumerate(members(), start=1):
        name = f"{number % 3 + 1:03}.Some_Bird/Some_Bird_{number:04}.jpg"
        photograph(folder / name, (150 + 10 * (number % 4), 140), bird, place, number)
        lines.append(f"{number},{name},{bird},{split},{place},/o/ocean/{number:08}.jpg")
    (folder / "metadata.csv").write_text("\n".join(lines) + "\n")
    return folder


def write_celeba(data_dir: Path) -> Path:
    """Write ``celeba`` as torchvision lays it out, unpacked."""
    folder = data_dir / "celeba"
    rows = list(members())
    # The published files come in the order of the splits.
    rows.sort(key=lambda row: row[0])
    attributes = [str(len(rows)), " ".join(ATTRIBUTES) + " "]
    partition = []
    for number, (split, blond, male) in enumerate(rows, start=1):
        name = f"{number:06}.jpg"
        photograph(folder / "img_align_celeba" / name, (178, 218), blond, male, number)
        values = {"Blond_Hair": blond, "Male": male}
        signs = [1 if values.get(each, number % 2) else -1 for each in ATTRIBUTES]
        attributes.append(f"{name} " + " ".join(f"{sign:2}" for sign in signs))
        partition.append(f"{name} {split}")
    (folder / "list_attr_celeba.txt").write_text("\n".join(attributes) + "\n")
    (folder / "list_eval_partition.txt").write_text("\n".join(partition) + "\n")
    return folder
