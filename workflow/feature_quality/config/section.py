"""What all sections of the configuration have in common, and the values they are made of."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, get_args

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from feature_quality.config.provenance import Provenance


@dataclass(frozen=True)
class Constant:
    """A setting that a result rests on: its key, its value, and the documented value's origin."""

    key: str
    value: Any
    documented: Any
    documented_provenance: Provenance

    @property
    def departs(self) -> bool:
        """Say whether the value is not the documented one."""
        return bool(self.value != self.documented)

    @property
    def provenance(self) -> Provenance:
        """Where the value comes from; one that departs is the user's own and counts as ours."""
        return Provenance.OURS if self.departs else self.documented_provenance


def described(seeds: Sequence[int], epochs: int, constants: Sequence[Constant]) -> str:
    """Say of runs how many seeds and epochs they have, and which constants depart."""
    departures = [constant.key for constant in constants if constant.departs]
    text = f"{'1 seed' if len(seeds) == 1 else f'{len(seeds)} seeds'}, {epochs} epochs."
    return f"{text} Not the documented settings: {', '.join(departures)}." if departures else text


def by_provenance(constants: Sequence[Constant]) -> dict[str, dict[str, Any]]:
    """Return the values of constants by key, below where they come from, strongest first."""
    return {
        provenance.value: {
            each.key: each.value for each in constants if each.provenance == provenance
        }
        for provenance in Provenance
    }


class Section(BaseModel):
    """A group of settings: only its own keys are allowed, and nothing changes after it was read."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    def constants(self, prefix: str = "") -> list[Constant]:
        """Return the constants of this section (not of those below it), keyed below ``prefix``."""
        found = []
        for name, field in type(self).model_fields.items():
            extra = field.json_schema_extra
            if isinstance(extra, dict) and "provenance" in extra:
                provenance = Provenance(str(extra["provenance"]))
                key = f"{prefix}.{name}" if prefix else name
                found.append(Constant(key, getattr(self, name), field.default, provenance))
        return found

    def all_constants(self, prefix: str = "") -> list[Constant]:
        """Return the constants of this section, then those of all sections below it."""
        found = self.constants(prefix)
        for name in type(self).model_fields:
            section = getattr(self, name)
            if isinstance(section, Section):
                found += section.all_constants(f"{prefix}.{name}" if prefix else name)
        return found


def section_of(annotation: Any) -> type[BaseModel] | None:
    """Return the section that a key holds, whether or not it may be null; None for other keys."""
    for each in (annotation, *get_args(annotation)):
        if isinstance(each, type) and issubclass(each, BaseModel):
            return each
    return None


def _reject_boolean(value: Any) -> Any:
    # YAML's true would otherwise pass for 1.
    if isinstance(value, bool):
        raise ValueError("should be a number")
    return value


def _reject_repetition(values: tuple[Any, ...]) -> tuple[Any, ...]:
    repeated = sorted({value for value in values if values.count(value) > 1})
    if repeated:
        raise ValueError(f"should not repeat {', '.join(map(str, repeated))}")
    return values


def _require_order(ends: tuple[float, float]) -> tuple[float, float]:
    if ends[0] > ends[1]:
        raise ValueError("should be [least, most]")
    return ends


def _require_directory(path: Path) -> Path:
    if not path.is_dir():
        raise ValueError("should be a directory that exists")
    return path


def _require_file(path: Path) -> Path:
    if not path.is_file():
        raise ValueError("should be a file that exists")
    return path


def _refuse_braces(path: Path) -> Path:
    if set("{}") & set(str(path)):
        # Snakemake takes what stands in braces for a wildcard.
        raise ValueError("should have no { or } in its name")
    return path


def require_baseline(rho: tuple[float, ...]) -> tuple[float, ...]:
    """Refuse a sweep over ρ without the run that all others are compared with."""
    if 0 not in rho:
        raise ValueError("should hold 0, which is SGD")
    return rho


_NotBoolean = BeforeValidator(_reject_boolean)

PositiveNumber = Annotated[float, Field(gt=0), _NotBoolean]
NonNegativeNumber = Annotated[float, Field(ge=0), _NotBoolean]
Fraction = Annotated[float, Field(ge=0, lt=1), _NotBoolean]
Probability = Annotated[float, Field(ge=0, le=1), _NotBoolean]
PositiveWhole = Annotated[int, Field(gt=0), _NotBoolean]
# Seeds are stored in 32 bits.
Seed = Annotated[int, Field(ge=0, lt=2**31), _NotBoolean]
Several = Annotated[int, Field(ge=2), _NotBoolean]
Span = Annotated[tuple[PositiveNumber, PositiveNumber], AfterValidator(_require_order)]
Directory = Annotated[Path, AfterValidator(_require_directory), AfterValidator(_refuse_braces)]
File = Annotated[Path, AfterValidator(_require_file), AfterValidator(_refuse_braces)]
Distinct = AfterValidator(_reject_repetition)
NotEmpty = Field(min_length=1)
