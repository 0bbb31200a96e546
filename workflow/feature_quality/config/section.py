"""What all sections of the configuration have in common, and the values they are made of."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, get_args, get_origin

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    DirectoryPath,
    Field,
    FilePath,
    JsonValue,
)
from pydantic_core.core_schema import CoreSchema, literal_schema

from feature_quality.data.spec import Defaults
from feature_quality.formatting import counted
from feature_quality.provenance import Default, Provenance, weakest


@dataclass(frozen=True)
class Constant:
    """A setting that a result rests on: its key, its value, and its documented default."""

    key: str
    value: Any
    documented: Any
    documented_provenance: Provenance

    @property
    def differs(self) -> bool:
        """Say whether the value differs from the documented default."""
        return bool(self.value != self.documented)

    @property
    def provenance(self) -> Provenance:
        """Where the value comes from; one that differs is the user's own and counts as ours."""
        return Provenance.OURS if self.differs else self.documented_provenance


def constant(default: Default, description: str | None = None) -> Any:
    """Declare a key with a documented default, and what it means where its type does not say so."""
    extra: dict[str, JsonValue] = {"provenance": default.provenance, "source": default.source}
    described: dict[str, Any] = {} if description is None else {"description": description}
    return Field(default=default.value, json_schema_extra=extra, **described)


def run_note(seeds: Sequence[int], epochs: Sequence[int], constants: Sequence[Constant]) -> str:
    """Say of runs how many seeds and epochs they have, and which settings differ from defaults."""
    different = [constant.key for constant in constants if constant.differs]
    passes = " or ".join([*map(str, epochs[:-1]), counted(epochs[-1], "epoch")])
    text = f"{counted(len(seeds), 'seed')}, {passes}."
    return f"{text} Not the documented settings: {', '.join(different)}." if different else text


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

    def constants(self, prefix: str, documented: Defaults | None = None) -> list[Constant]:
        """Return the constants of this section and of those below it, keyed below ``prefix``.

        Args:
            prefix: the key of this section; empty at the top.
            documented: defaults of a dataset, which stand before those of the section.
        """
        found = []
        for name, field in type(self).model_fields.items():
            key = f"{prefix}.{name}" if prefix else name
            value = getattr(self, name)
            default = (documented or {}).get(name)
            below = default if isinstance(default, Mapping) else None
            extra = field.json_schema_extra
            declared = extra if isinstance(extra, dict) and "provenance" in extra else None
            if isinstance(value, Section) and (below or not declared):
                found += value.constants(key, below)
            elif below:
                # A section that the dataset documents was left out.
                provenance = weakest(each.provenance for each in leaves(below))
                found.append(Constant(key, value, plain(below), provenance))
            elif isinstance(default, Default):
                found.append(Constant(key, value, default.value, default.provenance))
            elif declared:
                # A section where none is documented is one constant.
                given = value.model_dump() if isinstance(value, Section) else value
                provenance = Provenance(str(declared["provenance"]))
                found.append(Constant(key, given, field.default, provenance))
        return found


def plain(defaults: Default | Defaults) -> Any:
    """Return the value of a default, or those of defaults by their keys."""
    if isinstance(defaults, Mapping):
        return {name: plain(default) for name, default in defaults.items()}
    return defaults.value


def leaves(defaults: Defaults) -> Iterator[Default]:
    """Yield all defaults, those below sections too."""
    for default in defaults.values():
        if isinstance(default, Mapping):
            yield from leaves(default)
        else:
            yield default


def with_defaults(given: Any, defaults: Mapping[str, Any]) -> Any:
    """Lay what the user gave over defaults, key by key; what is no mapping is left as it is."""
    if not isinstance(given, Mapping):
        return given
    merged = dict(defaults)
    for name, value in given.items():
        below = defaults.get(name)
        merged[name] = with_defaults(value, below) if isinstance(below, Mapping) else value
    return merged


class OneOf:
    """The type of a key or a name that has to be one of a few."""

    def __init__(self, names: Iterable[str]) -> None:
        self.names = list(names)

    def __get_pydantic_core_schema__(self, *_: Any) -> CoreSchema:
        """Return pydantic's schema of these literals."""
        return literal_schema(self.names)


def section_of(annotation: Any) -> "type[Section] | None":
    """Return the section that a key holds, or a mapping's values; None for other keys."""
    for each in (annotation, *get_args(annotation)):
        if isinstance(each, type) and issubclass(each, Section):
            return each
    return None


def is_by_name(annotation: Any) -> bool:
    """Say whether a key holds a mapping from names, such as those of datasets."""
    return get_origin(annotation) is dict


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


def require(holds: Callable[[Any], Any], rule: str) -> AfterValidator:
    """Refuse a value for which a condition does not hold; ``rule`` says what it should be."""

    def check(value: Any) -> Any:
        if not holds(value):
            raise ValueError(rule)
        return value

    return AfterValidator(check)


_NotBoolean = BeforeValidator(_reject_boolean)

Number = Annotated[float, _NotBoolean]
PositiveNumber = Annotated[float, Field(gt=0), _NotBoolean]
NonNegativeNumber = Annotated[float, Field(ge=0), _NotBoolean]
Fraction = Annotated[float, Field(ge=0, lt=1), _NotBoolean]
Probability = Annotated[float, Field(ge=0, le=1), _NotBoolean]
PositiveWhole = Annotated[int, Field(gt=0), _NotBoolean]
# Of a side of stored images; larger ones would fill memory before a network saw them.
Pixels = Annotated[int, Field(gt=0, le=4096), _NotBoolean]
# Seeds are stored in 32 bits.
Seed = Annotated[int, Field(ge=0, lt=2**31), _NotBoolean]
Several = Annotated[int, Field(ge=2), _NotBoolean]
Span = Annotated[
    tuple[PositiveNumber, PositiveNumber],
    require(lambda ends: ends[0] <= ends[1], "should be [least, most]"),
]
# Snakemake takes what stands in braces for a wildcard.
NoBraces = require(lambda path: not {*"{}"} & {*str(path)}, "should have no { or } in its name")
Directory = Annotated[DirectoryPath, NoBraces]
File = Annotated[FilePath, NoBraces]
Distinct = AfterValidator(_reject_repetition)
NotEmpty = Field(min_length=1)
PositiveNumbers = Annotated[tuple[PositiveNumber, ...], NotEmpty, Distinct]
NonNegativeNumbers = Annotated[tuple[NonNegativeNumber, ...], NotEmpty, Distinct]
