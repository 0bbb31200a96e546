"""How the linear probes are trained."""

from typing import Annotated

from pydantic import Field

from feature_quality.config.own import OneOfSpecs, over_defaults
from feature_quality.config.section import (
    PositiveNumber,
    PositiveNumbers,
    PositiveWhole,
    Section,
    Several,
    constant,
)
from feature_quality.provenance import ours

ProbedId = Annotated[str, OneOfSpecs(lambda spec: [spec.id] if spec.per_group else [])]


class Probe(Section):
    """The protocol of the probes."""

    draws: Annotated[
        PositiveWhole, Field(description="Training sets that are drawn; their errors are averaged.")
    ] = constant(ours(5, "the paper does not say; averaging takes out the luck of one draw"))
    strengths: Annotated[
        PositiveNumbers,
        Field(description="Values of C, the inverse strength of the L2 penalty, to choose from."),
    ] = constant(
        ours((0.0001, 0.001, 0.01, 0.1, 1.0), "the paper does not say; decades around 0.01")
    )
    tolerance: Annotated[
        PositiveNumber,
        Field(
            description="Largest component of the gradient, of standardised features, at which "
            "a fit has converged.",
        ),
    ] = constant(ours(1e-6, "at 1e-8, 1 of 24 errors differed, by one image"))
    max_iterations: Annotated[
        PositiveWhole,
        Field(description="Iterations after which a fit is reported as not converged."),
    ] = constant(ours(10000, "far more than a fit needs"))
    contribution_strength: Annotated[
        PositiveNumber,
        Field(
            description="C of the probes whose margins stand for the features' contributions in "
            "figures 5 and 8; one for both features, so that their margins have one scale."
        ),
    ] = constant(
        ours(0.01, "the paper takes each feature's probe, but C would set the margins' scale")
    )
    per_group: Annotated[
        dict[ProbedId, Several | None],
        over_defaults(lambda spec: spec.per_group),
    ] = Field(
        default_factory=dict,
        validate_default=True,
        description="By dataset: examples of every group in a probe's training set; "
        "null takes the size of the smallest group.",
    )
