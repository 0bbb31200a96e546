"""Checks a configuration, and puts what is wrong with it in words."""

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import ValidationError

from feature_quality.config.grid import BY_METHOD, FOR_ALL
from feature_quality.config.own import own_specs
from feature_quality.config.section import Section, is_by_name, section_of
from feature_quality.config.settings import Settings
from feature_quality.data.datasets import SPECS
from feature_quality.errors import InputError
from feature_quality.formatting import counted

# Characters of a value in a message.
LONGEST_SHOWN = 200


def load(config: Mapping[str, Any]) -> Settings:
    """Check a configuration and return it typed.

    Raises:
        InputError: names every fault at once: the key, its value and what is allowed.
    """
    try:
        given = _with_nulls(config)
        return Settings.model_validate(given, context=SPECS | own_specs(given.get("own")))
    except ValidationError as error:
        found = error.errors()
        unknown = {fault["loc"][:-1] for fault in found if fault["loc"][-1:] == ("[key]",)}
        faults = [
            sentence
            for fault in found
            # A list whose items are all refused is not an empty list, and what stands below an
            # unknown key does not matter.
            if not (fault["type"] == "too_short" and fault["input"])
            and not any(
                fault["loc"][: len(key)] == key and fault["loc"][-1] != "[key]" for key in unknown
            )
            for sentence in _sentences(fault)
        ]
        count = counted(len(faults), "fault")
        raise InputError("\n  ".join([f"The configuration has {count}:", *faults])) from error


def _with_nulls(given: Any) -> Any:
    """Return a value with null wherever it says so: Snakemake takes the command line's for text."""
    if isinstance(given, Mapping):
        return {key: _with_nulls(value) for key, value in given.items()}
    if isinstance(given, list):
        return [_with_nulls(value) for value in given]
    return None if given == "null" else given


def _sentences(fault: Any) -> list[str]:
    """Put one of pydantic's faults in words: key, value, what is allowed."""
    if fault["type"] == "disagreement":
        return str(fault["msg"]).splitlines()
    location = [part for part in fault["loc"] if part not in (FOR_ALL, BY_METHOD)]
    key = "".join(
        f"[{part}]" if isinstance(part, int) else f".{part}" for part in location if part != "[key]"
    ).removeprefix(".")
    if fault["type"] == "missing" and isinstance(fault["input"], Mapping):
        return [f"{key}: should be given"]
    if fault["type"] == "extra_forbidden":
        keys = ", ".join(_section_at(location[:-1]).model_fields)
        return [f"{key}: unknown key; allowed here: {keys}"]
    expected = str(fault.get("ctx", {}).get("expected", ""))
    allowed = expected.replace("'", "").replace(" or ", ", ")
    if location[-1:] == ["[key]"] and expected:
        return [f"{key}: unknown key; allowed here: {allowed}"]
    if fault["type"] == "beside":
        return [f"{key}: {fault['msg']}"]
    if fault["type"] == "published":
        return [f"{key}.{fault['msg']}"]
    if fault["type"] == "literal_error":
        return [f"{key}: {_shown(fault['input'])} should be one of {allowed}"]
    rule = {
        "tuple_type": "should be a list",
        "too_short": "should not be empty",
        "too_long": f"should have {fault.get('ctx', {}).get('max_length')} items",
        "model_type": "should be a mapping of keys to values",
        "dict_type": "should be a mapping of keys to values",
        "int_from_float": "should be a whole number",
        "int_parsing": "should be a whole number",
        "int_type": "should be a whole number",
        "float_parsing": "should be a number",
        "float_type": "should be a number",
        "finite_number": "should be a finite number",
        "string_type": "should be a text",
        "path_type": "should be a path",
        "path_not_directory": "should be a directory that exists",
        "path_not_file": "should be a file that exists",
        "invalid_key": "is no key",
        "missing": "lacks this item",
    }.get(fault["type"], fault["msg"])
    rule = rule.removeprefix("Value error, ").replace("Input should", "should")
    return [f"{key}: {_shown(fault['input'])} {rule}"]


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= LONGEST_SHOWN else f"{text[:LONGEST_SHOWN]}…"


def _section_at(location: Sequence[int | str]) -> type[Section]:
    annotation: Any = Settings
    for part in location:
        section = section_of(annotation)
        assert section
        # The names in a mapping are no keys of a section.
        by_name = is_by_name(annotation)
        annotation = section if by_name else section.model_fields[str(part)].annotation
    section = section_of(annotation)
    assert section
    return section
