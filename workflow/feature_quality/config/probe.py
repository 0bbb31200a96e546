"""How the linear probes are trained."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

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

    protocol: Literal["l2", "dfr"] = constant(
        ours("l2", "the paper gives the loss, but no penalty"),
        "`l2`: L2 penalty, C by the balanced error on held-out halves, a mean of "
        "the draws' errors; `dfr`, deep feature reweighting's: L1 penalty, its own path of C, "
        "C by the worst group's accuracy, the error of the mean of the draws' weights.",
    )
    draws: PositiveWhole = constant(
        ours(5, "the paper does not say; averaging takes out the luck of one draw"),
        "Training sets that are drawn.",
    )
    strengths: PositiveNumbers = constant(
        ours((0.0001, 0.001, 0.01, 0.1, 1.0), "the paper does not say; decades around 0.01"),
        "Values of C, the inverse strength of the L2 penalty, to choose from; not for `dfr`.",
    )
    tolerance: PositiveNumber = constant(
        ours(1e-6, "at 1e-8, 1 of 24 errors differed, by one image"),
        "Largest component of the gradient, of standardised features, at which "
        "a fit has converged; `dfr` has scikit-learn's own.",
    )
    max_iterations: PositiveWhole = constant(
        ours(10000, "far more than a fit needs"),
        "Iterations after which a fit is reported as not converged.",
    )
    contribution_strength: PositiveNumber = constant(
        ours(0.01, "the paper takes each feature's probe, but C would set the margins' scale"),
        "C of the probes whose margins stand for the features' contributions in "
        "figures 5 and 8; one for both features, so that their margins have one scale.",
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

    @model_validator(mode="after")
    def _refuse_strengths_of_another_protocol(self) -> Self:
        if self.protocol == "dfr" and "strengths" in self.model_fields_set:
            raise ValueError("should have no strengths: protocol dfr has its own")
        return self
