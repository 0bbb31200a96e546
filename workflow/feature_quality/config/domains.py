"""How the images of DomainBed's datasets are taken."""

from typing import Annotated, Literal

from pydantic import Field

from feature_quality.config.provenance import ours
from feature_quality.config.section import PositiveWhole, Section

# The target domains of each dataset, by letter: the datasets of Table 2.
TARGETS = {
    "digits_domains": ("P", "I", "R", "N"),
    "pacs": ("A", "C", "P", "S"),
    "vlcs": ("C", "L", "S", "V"),
    "office_home": ("A", "C", "P", "R"),
}


class DomainImages(Section):
    """The images of a dataset of DomainBed."""

    resolution: Annotated[
        PositiveWhole, Field(description="Pixels a side of the images, as they are stored.")
    ] = ours(224, "DomainBed's; the paper does not say")
    published: Annotated[
        bool,
        Field(
            description="Whether the number of images of each domain must be the published one; "
            "of another copy, the table says that it is one."
        ),
    ] = True


class DigitImages(Section):
    """The images of the domains made of digits."""

    resolution: Annotated[Literal[32], Field(description="Pixels a side of the images.")] = ours(
        32, "as for the digits of the other demonstration"
    )


class Domains(Section):
    """The images of DomainBed's datasets."""

    digits_domains: DigitImages = DigitImages()
    pacs: DomainImages = DomainImages()
    vlcs: DomainImages = DomainImages()
    office_home: DomainImages = DomainImages()
