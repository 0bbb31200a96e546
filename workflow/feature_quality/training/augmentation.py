"""Random resized crops and flips of a whole batch on its device.

The windows are drawn as torchvision's ``RandomResizedCrop`` draws them, and PyTorch's
``grid_sample`` cuts them out: bilinear, as torchvision's ``resized_crop`` without antialiasing,
which matters only when an image shrinks.
"""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import grid_sample

# Windows that are drawn before the central one is taken, as torchvision does it.
ATTEMPTS = 10


@dataclass(frozen=True)
class Crop:
    """Which windows are drawn, each a (least, most).

    Attributes:
        scale: share of the image's area.
        ratio: width over height; its logarithm is uniform.
    """

    scale: tuple[float, float]
    ratio: tuple[float, float]


def draw_windows(rng: np.random.Generator, count: int, size: tuple[int, int], crop: Crop) -> Tensor:
    """Draw a window for each of ``count`` images of ``size`` (height, width), and whether to flip.

    Returns:
        float32 (count, 5): left, top, width and height in whole pixels; 1 for a flip, else 0.
    """
    height, width = size
    (least, most), attempts = np.log(crop.ratio), (count, ATTEMPTS)
    area = height * width * rng.uniform(*crop.scale, attempts)
    ratio = np.exp(rng.uniform(least, most, attempts))
    widths, heights = np.rint(np.sqrt(area * ratio)), np.rint(np.sqrt(area / ratio))
    fits = (widths > 0) & (widths <= width) & (heights > 0) & (heights <= height)
    # An image none of whose windows fits keeps as much as the ratios allow, around its centre.
    nearest = np.clip(width / height, *crop.ratio)
    largest = min(width, round(height * nearest)), min(height, round(width / nearest))
    found, first = fits.any(axis=1), fits.argmax(axis=1)
    drawn = np.where(found, [each[np.arange(count), first] for each in (widths, heights)], 0)
    drawn[:, ~found] = np.array(largest)[:, None]
    space = np.array([[width], [height]]) - drawn
    corner = np.where(found, rng.integers(0, space + 1), space // 2)
    flips = rng.random(count) < 0.5
    return torch.from_numpy(np.vstack([corner, drawn, flips]).T.astype(np.float32))


def center_crop(images: Tensor, size: tuple[int, int]) -> Tensor:
    """Return the centre, of ``size`` (height, width), of images (…, height, width)."""
    top, left = ((have - want) // 2 for have, want in zip(images.shape[-2:], size, strict=True))
    return images[..., top : top + size[0], left : left + size[1]]


def cut_windows(images: Tensor, windows: Tensor, size: tuple[int, int]) -> Tensor:
    """Return every image's own window at one size, flipped where that is asked for.

    Args:
        images: float32 (n, channels, height, width).
        windows: (n, 5), as ``draw_windows`` returns them.
        size: the (height, width) of what is returned.
    """
    height, width = size
    left, top, window_width, window_height, flipped = windows[:, :, None].unbind(1)
    columns = _sources(left, window_width, width, images.shape[3])
    columns = torch.where(flipped > 0, columns.flip(1), columns)
    rows = _sources(top, window_height, height, images.shape[2])
    across = columns[:, None, :].expand(-1, height, -1)
    down = rows[:, :, None].expand(-1, -1, width)
    grid = torch.stack([across, down], dim=-1)
    return grid_sample(images, grid, mode="bilinear", padding_mode="border", align_corners=False)


def _sources(start: Tensor, length: Tensor, count: int, size: int) -> Tensor:
    """Return where each of ``count`` pixels comes from: (n, count), −1 and 1 being the edges."""
    steps = (torch.arange(count, device=start.device) + 0.5) / count
    place = start + length * steps - 0.5
    # What lies outside the window is not seen, even between the pixels at its edge.
    inside = torch.minimum(place.clamp(min=0), start + length - 1).maximum(start)
    return (2 * inside + 1) / size - 1
