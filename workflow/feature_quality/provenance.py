"""Where each constant comes from, kept beside its default."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from typing import Any


class Provenance(StrEnum):
    """From the strongest to the weakest."""

    PAPER = "paper"
    DERIVED = "derived"
    CITED = "cited"
    OURS = "ours"

    @property
    def meaning(self) -> str:
        """Say what the word stands for."""
        return {
            Provenance.PAPER: "stated in the paper",
            Provenance.DERIVED: "follows from what the paper states",
            Provenance.CITED: "taken from a work that the paper says it follows",
            Provenance.OURS: "our choice: the paper does not say, or its value is lost",
        }[self]


@dataclass(frozen=True)
class Default:
    """A documented default: its value, where it comes from, and a few words on that."""

    value: Any
    source: str
    provenance: Provenance


# Each declares a default, by its value and a few words: where the paper states it, how it follows
# from what the paper states, which work has it, or why it is ours.
paper = partial(Default, provenance=Provenance.PAPER)
derived = partial(Default, provenance=Provenance.DERIVED)
cited = partial(Default, provenance=Provenance.CITED)
ours = partial(Default, provenance=Provenance.OURS)


def weakest(provenances: Iterable[Provenance]) -> Provenance:
    """Return the weakest of at least one provenance: what rests on several rests on that one."""
    return max(provenances, key=list(Provenance).index)
