"""Where each constant comes from, kept beside its default."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
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
    provenance: Provenance
    source: str


def paper(value: Any, source: str) -> Default:
    """Declare a default that the paper states; ``source`` says where."""
    return Default(value, Provenance.PAPER, source)


def derived(value: Any, source: str) -> Default:
    """Declare a default that follows from what the paper states; ``source`` says how."""
    return Default(value, Provenance.DERIVED, source)


def cited(value: Any, source: str) -> Default:
    """Declare a default of a work that the paper says it follows; ``source`` names the work."""
    return Default(value, Provenance.CITED, source)


def ours(value: Any, source: str) -> Default:
    """Declare a default of ours; ``source`` says why."""
    return Default(value, Provenance.OURS, source)


def weakest(provenances: Iterable[Provenance]) -> Provenance:
    """Return the weakest of at least one provenance: what rests on several rests on that one."""
    return max(provenances, key=list(Provenance).index)
