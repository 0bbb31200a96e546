"""Configuration files that Snakemake would not read, or not all of: refused before it reads them.

``python -m feature_quality.config.files mine.yaml`` checks one.
"""

import json
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import yaml  # type: ignore[import-untyped]

from feature_quality.errors import InputError

# Python converts no more to a number.
MOST_DIGITS = sys.int_info.default_max_str_digits
OPTIONS = {"--config": ("--config", "-C"), "--configfile": ("--configfile", "--configfiles")}


def refuse_unreadable(path: str | Path) -> None:
    """Refuse a configuration file that is not JSON or YAML in UTF-8, or that gives a key twice.

    Of a key that is given twice, YAML keeps the second value alone.

    Raises:
        InputError: says what is wrong, and on which line.
    """
    try:
        text = Path(path).read_text(encoding="utf-8")
        try:
            json.loads(text, object_pairs_hook=_distinct_keys)
        except json.JSONDecodeError:
            for fault in _faults(yaml.compose(text, Loader=yaml.SafeLoader)):
                raise InputError(f"{path}: {fault}") from None
            # Dates that are none, and tags of Python, are noticed no earlier.
            yaml.safe_load(text)
    except OSError as error:
        raise InputError(
            f"{path}: is no configuration file that can be read ({error.strerror}); a target "
            "stands before --configfile, or after --"
        ) from error
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: is not in UTF-8 ({error}); save it as UTF-8") from error
    except RecursionError as error:
        raise InputError(f"{path}: has too many brackets within brackets") from error
    except (ValueError, yaml.YAMLError) as error:
        raise InputError(f"{path}: is neither JSON nor YAML ({error})") from error


def refuse_repeated_options(arguments: Sequence[str]) -> None:
    """Refuse a command line with two ``--config`` or ``--configfile``: Snakemake reads the last.

    Raises:
        InputError: names the option and what follows it each time.
    """
    # What follows -- are targets.
    options = list(arguments[: arguments.index("--")] if "--" in arguments else arguments)
    for name, spellings in OPTIONS.items():
        given = [
            " ".join([argument, *_values(options[place + 1 :])])
            for place, argument in enumerate(options)
            if argument.partition("=")[0] in spellings
            # As in -Cseeds=[0].
            or (name == "--config" and argument.startswith("-C"))
        ]
        if len(given) > 1:
            raise InputError(
                f"{name} is given {len(given)} times ({'; '.join(given)}), and Snakemake reads the "
                f"last alone: give all values after one {name}"
            )


def refuse_repeated_keys(entries: Iterable[str]) -> None:
    """Refuse a key that one ``--config`` gives twice, or that a value of it does.

    Args:
        entries: ``key=value``, as on the command line.

    Raises:
        InputError: names the key, and its values or its lines in the value.
    """
    given: dict[str, str] = {}
    for entry in entries:
        key, _, value = entry.partition("=")
        if key in given:
            raise InputError(
                f"--config: {key} is given twice ({key}={given[key]}; {entry}), and Snakemake "
                "reads the last alone: give one of them"
            )
        given[key] = value
        for fault in _faults(_composed(value)):
            raise InputError(f"--config: {key}: {fault}")


def _composed(value: str) -> yaml.Node | None:
    """Return what a value is as YAML; None if Snakemake takes it for plain text."""
    try:
        return yaml.compose(value, Loader=yaml.SafeLoader)
    except (yaml.YAMLError, RecursionError):
        return None


def _values(following: Sequence[str]) -> Iterator[str]:
    for argument in following:
        if argument.startswith("-"):
            return
        yield argument


def _distinct_keys(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    keys = [key for key, _ in pairs]
    if repeated := [key for key in keys if keys.count(key) > 1]:
        raise ValueError(f"{repeated[0]} is given twice")
    return dict(pairs)


def _faults(node: yaml.Node | None) -> Iterator[str]:
    """Yield what is wrong with a document of YAML, or with a part of it."""
    if isinstance(node, yaml.MappingNode):
        lines: dict[str, int] = {}
        for key, value in node.value:
            line = key.start_mark.line + 1
            if isinstance(key, yaml.ScalarNode):
                if key.value in lines:
                    yield f"{key.value} is given twice, on lines {lines[key.value]} and {line}"
                lines[key.value] = line
            yield from _faults(value)
    elif isinstance(node, yaml.SequenceNode):
        for item in node.value:
            yield from _faults(item)
    elif (
        isinstance(node, yaml.ScalarNode)
        and node.tag == "tag:yaml.org,2002:int"
        and len(node.value) > MOST_DIGITS
    ):
        yield f"line {node.start_mark.line + 1}: a number has {len(node.value)} digits"


if __name__ == "__main__":
    try:
        refuse_unreadable(sys.argv[1])
    except InputError as error:
        sys.exit(f"Error: {error}")
