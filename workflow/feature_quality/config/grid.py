"""The settings that are tried: every learning rate with every ρ of every method, for every seed."""

from collections.abc import Mapping, Sequence
from itertools import product
from typing import Annotated

from pydantic import Discriminator, Field, Tag

from feature_quality.config.section import (
    Distinct,
    NotEmpty,
    Number,
    OneOf,
    PositiveNumbers,
    Section,
    require,
)
from feature_quality.methods import BASELINE, METHODS

# Names of the two forms of both keys in pydantic's messages, which are not part of the key.
FOR_ALL, BY_METHOD = "for all methods", "by method"
FORM = Discriminator(lambda given: BY_METHOD if isinstance(given, Mapping) else FOR_ALL)

MethodName = Annotated[str, OneOf(METHODS)]
Perturbing = Annotated[str, OneOf(name for name in METHODS if name != BASELINE.name)]


Radius = Annotated[
    Number,
    require(lambda rho: rho > 0, "should be above 0; ρ = 0 is SGD, the method sgd"),
    Field(json_schema_extra={"exclusiveMinimum": 0}),
]
Radii = Annotated[tuple[Radius, ...], NotEmpty, Distinct]


class GridSettings(Section):
    """The sweep of a dataset."""

    lr: Annotated[
        Annotated[PositiveNumbers, Tag(FOR_ALL)]
        | Annotated[dict[MethodName, PositiveNumbers], Tag(BY_METHOD)],
        FORM,
        Field(
            description="Learning rates at the start of the cosine schedule: a list for all "
            "methods, or a list by method."
        ),
    ]
    rho: Annotated[
        Annotated[Radii, Tag(FOR_ALL)] | Annotated[dict[Perturbing, Radii], Tag(BY_METHOD)],
        FORM,
        Field(
            description="Radii ρ of the perturbation: a list for all methods, or a list by method."
        ),
    ]

    def settings_of(self, method: str) -> list[tuple[float, float]]:
        """Return each learning rate of a method with each of its ρ, which is 0 for SGD.

        Raises:
            KeyError: one of them is given by method, and not for this one.
        """
        rates = self.lr[method] if isinstance(self.lr, Mapping) else self.lr
        if method == BASELINE.name:
            return [(lr, 0.0) for lr in rates]
        return [*product(rates, self.rho[method] if isinstance(self.rho, Mapping) else self.rho)]

    def lacking(self, methods: Sequence[str]) -> dict[str, list[str]]:
        """Return by key those of some methods for which the key gives nothing."""
        needed = {"lr": methods, "rho": [name for name in methods if name != BASELINE.name]}
        given = {key: getattr(self, key) for key in needed}
        return {
            key: [name for name in needed[key] if name not in by]
            for key, by in given.items()
            if isinstance(by, Mapping)
        }
