"""Image files as 8-bit RGB: one set of rules for the photographs of all datasets."""

from collections.abc import Callable
from io import BytesIO
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from feature_quality.errors import InputError

if TYPE_CHECKING:  # Pillow takes time to import, and every dry run imports the datasets.
    from PIL import Image

# Pillow's modes with 8 bits for each channel or fewer, whose values mean the same in every file.
EIGHT_BITS = ("1", "L", "LA", "La", "P", "PA", "RGB", "RGBA", "RGBa", "RGBX", "CMYK", "YCbCr")
SIXTEEN_BITS = ("I;16", "I;16L", "I;16B", "I;16N")
# Transparent pixels show this ground, as most viewers do; the colour below them is arbitrary.
GROUND = "white"
# Tags of TIFF: bits of each value; what 0 stands for, and 1 of its values, black.
BITS, ZERO, BLACK = 258, 262, 1


def decode(
    content: bytes, name: str, scale: "Callable[[Image.Image], Image.Image]"
) -> npt.NDArray[np.uint8]:
    """Return an image as uint8 (3, height, width).

    Grey values of 16 bits are scaled from 0 … 65535 to 0 … 255. Transparent pixels are composited
    on ``GROUND``.

    Args:
        content: the file.
        name: what messages call it.
        scale: brings an RGB image to the size that is wanted; raises OSError for one that it
            cannot take.

    Raises:
        InputError: it is no image or damaged, is animated, or has values of no defined range, as
            those of 32 bits and floats have.
    """
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(BytesIO(content)) as image:
            scaled = scale(_to_rgb(image))
    except UnidentifiedImageError as error:
        raise InputError(f"{name} cannot be decoded as an image (unknown format)") from error
    except Exception as error:  # Pillow's decoders of damaged files may raise anything.
        raise InputError(f"{name} cannot be decoded as an image ({error})") from error
    return np.asarray(scaled).transpose(2, 0, 1)


def _to_rgb(image: "Image.Image") -> "Image.Image":
    """Convert an image to 8-bit RGB.

    Raises:
        ValueError: it is animated, or its values have no defined range.
    """
    from PIL import Image

    # A camera's MPO is a JPEG file with a preview behind the photograph.
    if getattr(image, "n_frames", 1) > 1 and image.format != "MPO":
        raise ValueError("it is animated or has several pages; a still image is needed")
    if "transparency" in image.info and _raw_mode(image).endswith("16B"):
        raise ValueError("it has 16 bits and a transparent colour; save it with an alpha channel")
    if image.mode in SIXTEEN_BITS and _has_sixteen_bits(image):
        return Image.fromarray(np.round(np.asarray(image) / 257).astype(np.uint8)).convert("RGB")
    if image.mode not in EIGHT_BITS:
        raise ValueError(
            f"the range of its values ({image.mode}) is not defined; save it with 8 bits per "
            "channel, or as a 16-bit grey PNG"
        )
    if image.has_transparency_data:
        opaque = image.convert("RGBA")
        ground = Image.new("RGBA", opaque.size, GROUND)
        return Image.alpha_composite(ground, opaque).convert("RGB")
    return image.convert("RGB")


def _raw_mode(image: "Image.Image") -> str:
    """Return how an image's values are stored; empty where its format does not say so."""
    tiles = getattr(image, "tile", None)
    stored = tiles[0].args if tiles else ""
    return stored if isinstance(stored, str) else ""


def _has_sixteen_bits(image: "Image.Image") -> bool:
    """Say whether the values of a 16-bit mode go from 0, black, to 65535, white."""
    if image.format == "TIFF":
        tags = image.tag_v2  # type: ignore[attr-defined]
        return bool(tags.get(BITS) == (16,) and tags.get(ZERO) == BLACK)
    return image.format == "PNG"
