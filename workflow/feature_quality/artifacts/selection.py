"""The choice of hyperparameters for one dataset, as JSON that a person can read."""

import json
import re
from pathlib import Path
from typing import Any, TypedDict

from feature_quality.artifacts.atomic import write_text
from feature_quality.errors import InputError


class Candidate(TypedDict):
    """One setting, its mean validation error and loss over the seeds that finished."""

    method: str
    lr: float
    rho: float
    val_error: float | None
    val_loss: float | None
    finished: list[int]
    diverged: list[int]


class Choice(TypedDict):
    """The setting chosen for a method, out of how many candidates.

    ``tied`` has the (lr, ρ) of all that are equal in diverged seeds and validation error, its own
    among them.
    """

    lr: float
    rho: float
    candidates: int
    tied: list[list[float]]


class Selection(TypedDict):
    """The choices for one dataset, by the names of methods.

    ``at_sgd_lr`` has the best ρ at SGD's own learning rate, for the other methods. A method is
    absent where it has no finished run.
    """

    dataset: str
    rule: str
    choices: dict[str, Choice]
    at_sgd_lr: dict[str, Choice]
    candidates: list[Candidate]


def write_selection(path: str | Path, selection: Selection) -> None:
    """Write a selection; equal input gives equal bytes."""
    write_text(path, json.dumps(selection, indent=2) + "\n")


def read_selection(path: str | Path) -> Selection:
    """Read a selection.

    Raises:
        InputError: the file is not the JSON of a selection.
    """
    try:
        text = Path(path).read_text(encoding="utf-8")
        content: Any = json.loads(text, parse_constant=_refuse)
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(f"{path}: cannot be read as JSON ({error})") from error
    if not _is_selection(content):
        raise InputError(f"{path}: is not a selection written by this workflow")
    return content  # type: ignore[no-any-return]


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is no number of a selection")


def methods_of(selection: Selection) -> list[str]:
    """Return the methods that were trained, whether a run of theirs finished or not."""
    return list(dict.fromkeys(candidate["method"] for candidate in selection["candidates"]))


def _is_selection(content: Any) -> bool:
    """Say whether the keys are a selection's, and names and numbers are what paths are made of."""
    if not isinstance(content, dict) or set(content) != set(Selection.__annotations__):
        return False
    choices = [content["choices"], content["at_sgd_lr"]]
    if not all(isinstance(each, dict) and all(map(_is_name, each)) for each in choices):
        return False
    candidates = content["candidates"]
    if not isinstance(content["dataset"], str) or not isinstance(content["rule"], str):
        return False
    return (
        all(_is_setting(choice, Choice) for each in choices for choice in each.values())
        and isinstance(candidates, list)
        and all(_is_setting(each, Candidate) for each in candidates)
        and all(_is_name(each["method"]) for each in candidates)
        and all(map(_has_outcome, candidates))
        and all(map(_has_rivals, (choice for each in choices for choice in each.values())))
    )


def _is_name(text: Any) -> bool:
    """Say whether a method's name may be part of a path."""
    return isinstance(text, str) and re.fullmatch(r"[a-z][a-z0-9_]*", text) is not None


def _is_number(value: Any) -> bool:
    """Say whether a number fits into a float: JSON has longer ones."""
    return type(value) is float or (type(value) is int and abs(value) < 2**53)


def _has_outcome(candidate: Any) -> bool:
    """Say whether a candidate's seeds are whole numbers, and its means numbers or absent."""
    seeds = [candidate["finished"], candidate["diverged"]]
    means = [candidate["val_error"], candidate["val_loss"]]
    return all(
        isinstance(each, list) and all(type(seed) is int for seed in each) for each in seeds
    ) and all(mean is None or _is_number(mean) for mean in means)


def _has_rivals(choice: Any) -> bool:
    """Say whether a choice counts its candidates and lists the settings that are as good."""
    tied = choice["tied"]
    return (
        type(choice["candidates"]) is int
        and isinstance(tied, list)
        and all(isinstance(pair, list) and len(pair) == 2 for pair in tied)
        and all(_is_number(value) for pair in tied for value in pair)
    )


def _is_setting(content: Any, kind: type) -> bool:
    return (
        isinstance(content, dict)
        and set(content) == set(kind.__annotations__)
        and all(_is_number(content[key]) for key in ("lr", "rho"))
    )
