"""Labelled images in memory, before they become a dataset."""

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

    def first_classes(self, count: int) -> "Labelled":
        """Return the images of the first ``count`` classes."""
        rows = self.labels < count
        return Labelled(self.pixels[rows], self.labels[rows], self.ids[rows])


def hold_out(
    labels: npt.NDArray[np.int64], fraction: float, rng: np.random.Generator
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Choose a random ``fraction`` of every class; return (rows to keep, rows held out)."""
    held = np.zeros(len(labels), dtype=bool)
    for label in np.unique(labels):
        members = rng.permutation(np.flatnonzero(labels == label))
        held[members[: round(fraction * len(members))]] = True
    return np.flatnonzero(~held), np.flatnonzero(held)
