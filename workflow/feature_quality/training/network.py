"""What is known of a network before it is built, and the parts that it is built of."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from torch import nn

# Channels, height and width of an image.
Shape = tuple[int, int, int]
# Mean and standard deviation of each channel, for pixels in [0, 1].
Normalisation = tuple[tuple[float, ...], tuple[float, ...]]


class Parts(NamedTuple):
    """The parts of a network, with initial weights from PyTorch's global generator.

    Attributes:
        backbone: turns images (n, channels, height, width) into φ (n, features).
        head: the last layer, which turns φ into logits (n, classes).
        head_name: what files of weights call the head; all other names are the backbone's.
        normalisation: of the network's input; None where it is the dataset's own.
    """

    backbone: nn.Module
    head: nn.Linear
    head_name: str = "head"
    normalisation: Normalisation | None = None


@dataclass(frozen=True)
class NetworkSpec:
    """What is known of a network before it is built.

    Attributes:
        build: takes the shape of the images and the number of classes; first of all the model's
            name, where the module has several.
        channels: that the images must have; None if any number will do.
        published: the file of its ImageNet weights, a key of ``data.sources.SOURCES``; None if
            there is none.
        several: whether the module has several models; ``<module>:<model>`` is the name of one.
    """

    build: Callable[..., Parts]
    channels: int | None = None
    published: str | None = None
    several: bool = False
