"""A custom dataset: a directory of images, and a table that says what each of them shows."""

import re
from typing import Annotated

from pydantic import AfterValidator, Field

from feature_quality.config.section import (
    Directory,
    Distinct,
    File,
    PositiveWhole,
    Section,
    constant,
)
from feature_quality.provenance import ours

# The columns of the table that are no feature.
RESERVED = ("image", "split")

# What tables in Markdown and LaTeX and the text of figures show as it is.
PLAIN = re.compile(r"\w[\w ().,'-]*")


def _require_plain(text: str) -> str:
    if not PLAIN.fullmatch(text):
        raise ValueError("should begin with a letter or digit and hold those, spaces or _().,'-")
    return text


Words = Annotated[str, AfterValidator(_require_plain)]


def _refuse_reserved(features: tuple[str, str]) -> tuple[str, str]:
    if taken := [name for name in features if name in RESERVED]:
        raise ValueError(f"should not hold {', '.join(taken)}, a column of the table already")
    return features


class OwnImages(Section):
    """The custom dataset `own`: your images, with two labelled features."""

    images: Annotated[
        Directory, Field(description="Directory of the images; relative to the working directory.")
    ]
    table: Annotated[
        File,
        Field(
            description="CSV file with one row per image: the columns `image` (its path below "
            "`images`), `split` (train, val or test), and one for each feature; relative to the "
            "working directory. Without `split`, each seed draws one: 60, 20 and 20 %."
        ),
    ]
    title: Annotated[Words, Field(description="Its name in tables and figures.")]
    features: Annotated[
        tuple[Words, Words],
        Distinct,
        AfterValidator(_refuse_reserved),
        Field(description="The columns of the two features; the first is the label."),
    ]
    resolution: Annotated[
        PositiveWhole,
        Field(
            description="Pixels a side of the images as they are stored: the central square of "
            "each, scaled."
        ),
    ] = constant(ours(64, "that of CelebA's"))
