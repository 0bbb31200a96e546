"""Labelled images in memory, before they become a dataset."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True)
class Labelled:
    """n images.

    Attributes:
        pixels: uint8 (n, channels, height, width).
        labels: int64 (n,).
        ids: where each image came from, str (n,).
    """

    pixels: npt.NDArray[np.uint8]
    labels: npt.NDArray[np.int64]
    ids: npt.NDArray[np.str_]

    def __len__(self) -> int:
        return len(self.labels)

    def take(self, rows: npt.NDArray[np.int64]) -> "Labelled":
        """Return the images of ``rows``, in that order."""
        return Labelled(self.pixels[rows], self.labels[rows], self.ids[rows])

    def keep(self, classes: Sequence[int]) -> "Labelled":
        """Return the images of ``classes``, relabelled 0, 1, … in the order of ``classes``."""
        rows = np.flatnonzero(np.isin(self.labels, classes))
        chosen = self.take(rows)
        lookup = {label: position for position, label in enumerate(classes)}
        labels = np.array([lookup[int(label)] for label in chosen.labels], dtype=np.int64)
        return Labelled(chosen.pixels, labels, chosen.ids)


def hold_out(
    labels: npt.NDArray[np.int64], fraction: float, rng: np.random.Generator
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Choose a random ``fraction`` of every class; return (rows to keep, rows held out)."""
    held = np.zeros(len(labels), dtype=bool)
    for label in np.unique(labels):
        members = rng.permutation(np.flatnonzero(labels == label))
        held[members[: round(fraction * len(members))]] = True
    return np.flatnonzero(~held), np.flatnonzero(held)
