"""Every kind of image is brought to 8-bit RGB as its format defines, or refused."""

from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from feature_quality.data.decoding import decode
from feature_quality.errors import InputError

COLOUR = (200, 100, 50)


def encoded(image, kind="PNG", **options):
    file = BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def decoded(content):
    return decode(content, "a.png", lambda image: image)


def grey(kind="PNG", dtype="uint16", **options):
    """Encode two rows of black, a third, and white, in 16 bits."""
    return encoded(
        Image.fromarray(np.array([[0, 65535 // 3, 65535]] * 2).astype(dtype)), kind, **options
    )


def plain(mode):
    return Image.new("RGB", (3, 2), COLOUR).convert(mode)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (encoded(plain("RGB")), COLOUR),
        # 0.299 · 200 + 0.587 · 100 + 0.114 · 50
        (encoded(plain("L")), (124, 124, 124)),
        (encoded(plain("P")), (204, 102, 51)),
        (encoded(plain("RGBA")), COLOUR),
        (encoded(plain("CMYK"), "TIFF"), COLOUR),
    ],
)
def test_images_of_eight_bits_become_rgb(content, expected):
    found = decoded(content)
    assert (found.dtype, found.shape) == (np.uint8, (3, 2, 3))
    assert found[:, 1, 2].tolist() == list(expected)


@pytest.mark.parametrize(
    "content",
    [grey(), grey("TIFF"), grey("TIFF", ">u2")],
    ids=["PNG", "little-endian TIFF", "big-endian TIFF"],
)
def test_sixteen_bits_are_scaled(content):
    np.testing.assert_array_equal(decoded(content), [[[0, 85, 255]] * 2] * 3)


def hidden(alpha, mode="RGBA"):
    image = plain("RGB")
    image.putalpha(alpha)
    return encoded(image.convert(mode))


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (hidden(255), COLOUR),
        (hidden(0), (255, 255, 255)),
        # (51 · colour + 204 · 255) / 255
        (hidden(51), (244, 224, 214)),
        (hidden(0, "LA"), (255, 255, 255)),
        (encoded(plain("RGB"), transparency=COLOUR), (255, 255, 255)),
        (encoded(plain("P"), transparency=plain("P").getpixel((0, 0))), (255, 255, 255)),
        (encoded(Image.new("P", (3, 2), 7), "GIF", transparency=7), (255, 255, 255)),
    ],
)
def test_what_is_transparent_shows_a_white_ground(content, expected):
    assert decoded(content)[:, 0, 0].tolist() == list(expected)


def pages(kind):
    first, second = plain("RGB"), Image.new("RGB", (3, 2))
    return encoded(first, kind, save_all=True, append_images=[second])


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (grey("TIFF", "int32"), r"range of its values \(I\) is not defined"),
        (grey("TIFF", "float32"), r"range of its values \(F\) is not defined"),
        (encoded(Image.fromarray(np.full((2, 3), np.nan, "f4")), "TIFF"), r"values \(F\)"),
        (grey("PPM", "int32"), r"range of its values \(I\) is not defined"),
        (grey("TIFF", tiffinfo={262: 0}), r"range of its values \(I;16\) is not defined"),
        (encoded(plain("LAB"), "TIFF"), r"range of its values \(LAB\) is not defined"),
        *((pages(kind), "is animated") for kind in ("GIF", "PNG", "WEBP", "TIFF")),
        (grey(transparency=0), "16 bits and a transparent colour"),
        (b"<html>", r"\(unknown format\)"),
        # Pillow raises a NotImplementedError.
        (b"DDS |\0\0\0" + bytes(120), "Unknown pixel format"),
    ],
)
def test_what_has_no_defined_range_or_several_frames_is_refused(content, reason):
    with pytest.raises(InputError, match=f"^a.png cannot be decoded as an image .*{reason}"):
        decoded(content)


def test_the_preview_in_a_photograph_is_no_animation():
    assert decoded(pages("MPO")).shape == (3, 2, 3)
