"""How the images of datasets of several domains are taken."""

from typing import Annotated

from pydantic import Field

from feature_quality.config.section import Pixels, Section


class DomainImages(Section):
    """The images of a dataset of DomainBed."""

    resolution: Annotated[
        Pixels, Field(description="Pixels a side of the images, as they are stored.")
    ]
    published: Annotated[
        bool,
        Field(
            description="Whether the number of images of each domain must be the published one; "
            "of another copy, the table says that it is one."
        ),
    ] = True
