"""How the linear probes are trained."""

from typing import Annotated

from pydantic import Field

from feature_quality.config.provenance import cited, ours
from feature_quality.config.section import (
    Distinct,
    NotEmpty,
    PositiveNumber,
    PositiveWhole,
    Section,
    Several,
)

PerGroup = Annotated[
    Several | None,
    Field(
        description="Examples of every group in a probe's training set; "
        "null takes the size of the smallest group."
    ),
]


class PerGroupSizes(Section):
    """The size of the probes' training sets, by dataset."""

    digits_photos: PerGroup = ours(None, "all that the demonstration has")
    cifar_mnist: PerGroup = ours(250, "1,000 examples in all: the paper says a small dataset")
    fmnist_mnist: PerGroup = ours(40, "1,000 examples in all: the paper says a small dataset")
    celeba: PerGroup = cited(None, "Kirichenko et al. (2022), whom the paper follows")
    waterbirds: PerGroup = cited(None, "Kirichenko et al. (2022), whom the paper follows")
    own: PerGroup = ours(None, "as for Waterbirds")


class Probe(Section):
    """The protocol of the probes."""

    draws: Annotated[
        PositiveWhole, Field(description="Training sets that are drawn; their errors are averaged.")
    ] = ours(5, "the paper does not say; averaging takes out the luck of one draw")
    strengths: Annotated[
        tuple[PositiveNumber, ...],
        NotEmpty,
        Distinct,
        Field(description="Values of C, the inverse strength of the L2 penalty, to choose from."),
    ] = ours((0.0001, 0.001, 0.01, 0.1, 1.0), "the paper does not say; decades around 0.01")
    tolerance: Annotated[
        PositiveNumber,
        Field(
            description="Largest component of the gradient, of standardised features, at which "
            "a fit has converged."
        ),
    ] = ours(1e-6, "at 1e-8, 1 of 24 errors differed, by one image")
    max_iterations: Annotated[
        PositiveWhole,
        Field(description="Iterations after which a fit is reported as not converged."),
    ] = ours(10000, "far more than a fit needs")
    contribution_strength: Annotated[
        PositiveNumber,
        Field(
            description="C of the probes whose margins stand for the features' contributions in "
            "figures 5 and 8; one for both features, so that their margins have one scale."
        ),
    ] = ours(0.01, "the paper takes each feature's probe, but C would set the margins' scale")
    per_group: PerGroupSizes = PerGroupSizes()
