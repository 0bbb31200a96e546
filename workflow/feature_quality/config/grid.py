"""The settings that are tried: every learning rate with every rho, for every seed."""

from typing import Annotated

from pydantic import AfterValidator, Field

from feature_quality.config.provenance import ours, paper
from feature_quality.config.section import (
    Distinct,
    NonNegativeNumber,
    NotEmpty,
    PositiveNumber,
    Section,
    require_baseline,
)

LearningRates = Annotated[
    tuple[PositiveNumber, ...],
    NotEmpty,
    Distinct,
    Field(description="Learning rates at the start of the cosine schedule."),
]
Radii = Annotated[
    tuple[NonNegativeNumber, ...],
    NotEmpty,
    Distinct,
    AfterValidator(require_baseline),
    Field(description="Radii ρ of SAM's perturbation; 0 is SGD."),
]


class ConcatenatedGrid(Section):
    """The sweep of CIFAR-MNIST and FMNIST-MNIST."""

    lr: LearningRates = paper((0.01, 0.05, 0.1), "Appendix B")
    rho: Radii = paper((0.0, 0.01, 0.03, 0.05, 0.07, 0.1, 0.2), "Appendix B")


class PhotoGrid(Section):
    """The sweep of CelebA and Waterbirds."""

    lr: LearningRates = paper((0.0005, 0.001, 0.005, 0.01), "Appendix B")
    rho: Radii = paper((0.0, 0.01, 0.02, 0.05, 0.07), "Appendix B")


class OwnGrid(Section):
    """The sweep of the user's own dataset."""

    lr: LearningRates = ours((0.01, 0.05, 0.1), "as for CIFAR-MNIST")
    rho: Radii = ours((0.0, 0.01, 0.03, 0.05, 0.07, 0.1, 0.2), "as for CIFAR-MNIST")


class DomainGrid(Section):
    """The sweep of DomainBed's datasets."""

    lr: LearningRates = ours(
        (0.0005, 0.001, 0.005, 0.01), "as for Waterbirds; the paper's values are lost"
    )
    rho: Radii = ours((0.0, 0.01, 0.02, 0.05, 0.07), "as for Waterbirds; the paper's are lost")


class DemonstrationGrid(Section):
    """The sweep of the demonstration dataset."""

    lr: LearningRates = ours((0.02, 0.05), "small enough for a laptop")
    rho: Radii = ours((0.0, 0.1), "small enough for a laptop")


class DigitsDomainsGrid(Section):
    """The sweep of the domains made of digits."""

    lr: LearningRates = ours((0.05,), "small enough for a laptop")
    rho: Radii = ours((0.0, 0.05), "small enough for a laptop")


class Grid(Section):
    """The sweep of each dataset."""

    digits_photos: DemonstrationGrid = DemonstrationGrid()
    cifar_mnist: ConcatenatedGrid = ConcatenatedGrid()
    fmnist_mnist: ConcatenatedGrid = ConcatenatedGrid()
    celeba: PhotoGrid = PhotoGrid()
    waterbirds: PhotoGrid = PhotoGrid()
    own: OwnGrid = OwnGrid()
    digits_domains: DigitsDomainsGrid = DigitsDomainsGrid()
    pacs: DomainGrid = DomainGrid()
    vlcs: DomainGrid = DomainGrid()
    office_home: DomainGrid = DomainGrid()
