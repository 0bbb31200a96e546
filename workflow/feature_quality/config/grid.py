"""The settings that are tried: every learning rate with every ρ of every method, for every seed."""

from collections.abc import Mapping
from typing import Annotated

from pydantic import AfterValidator, Discriminator, Field, Tag

from feature_quality.config.section import (
    Distinct,
    NotEmpty,
    Number,
    OneOf,
    PositiveNumber,
    Section,
)
from feature_quality.methods import BASELINE, METHODS

# Names of the two forms of ρ in pydantic's messages, which are not part of the key.
FOR_ALL, BY_METHOD = "ρ for all methods", "ρ by method"

Perturbing = Annotated[str, OneOf(name for name in METHODS if name != BASELINE.name)]


def _require_positive(rho: float) -> float:
    if rho <= 0:
        raise ValueError("should be above 0; ρ = 0 is SGD, the method sgd")
    return rho


LearningRates = Annotated[tuple[PositiveNumber, ...], NotEmpty, Distinct]
Radius = Annotated[
    Number,
    AfterValidator(_require_positive),
    Field(json_schema_extra={"exclusiveMinimum": 0}),
]
Radii = Annotated[tuple[Radius, ...], NotEmpty, Distinct]


class GridSettings(Section):
    """The sweep of a dataset."""

    lr: Annotated[
        LearningRates, Field(description="Learning rates at the start of the cosine schedule.")
    ]
    rho: Annotated[
        Annotated[Radii, Tag(FOR_ALL)] | Annotated[dict[Perturbing, Radii], Tag(BY_METHOD)],
        Discriminator(lambda given: BY_METHOD if isinstance(given, Mapping) else FOR_ALL),
        Field(
            description="Radii ρ of the perturbation: a list for all methods, or a list by method."
        ),
    ]

    def radii(self, method: str) -> tuple[float, ...]:
        """Return the ρ of a method: 0 for SGD.

        Raises:
            KeyError: ρ is given by method, and not for this one.
        """
        if method == BASELINE.name:
            return (0.0,)
        return self.rho[method] if isinstance(self.rho, Mapping) else self.rho
