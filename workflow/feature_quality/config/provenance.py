"""Where each constant comes from, kept beside its default in the settings' own schema."""

from enum import StrEnum
from typing import Any

from pydantic import Field, JsonValue


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


def weakest(provenances: "list[Provenance]") -> Provenance:
    """Return the weakest of at least one provenance: what rests on several rests on that one."""
    return max(provenances, key=list(Provenance).index)


def paper(default: Any, source: str) -> Any:
    """Declare a default that the paper states; ``source`` says where."""
    return _constant(default, Provenance.PAPER, source)


def derived(default: Any, source: str) -> Any:
    """Declare a default that follows from what the paper states; ``source`` says how."""
    return _constant(default, Provenance.DERIVED, source)


def cited(default: Any, source: str) -> Any:
    """Declare a default of a work that the paper says it follows; ``source`` names the work."""
    return _constant(default, Provenance.CITED, source)


def ours(default: Any, source: str) -> Any:
    """Declare a default of ours; ``source`` says why."""
    return _constant(default, Provenance.OURS, source)


def _constant(default: Any, provenance: Provenance, source: str) -> Any:
    extra: dict[str, JsonValue] = {"provenance": provenance.value, "source": source}
    return Field(default=default, json_schema_extra=extra)
