"""The choice of hyperparameters for one dataset, as JSON that a person can read."""

import json
from pathlib import Path
from typing import Any, TypedDict

from feature_quality.artifacts.atomic import write_text
from feature_quality.errors import InputError


class Candidate(TypedDict):
    """One setting, its mean validation error and loss over the seeds that finished."""

    lr: float
    rho: float
    val_error: float | None
    val_loss: float | None
    finished: list[int]
    diverged: list[int]


class Choice(TypedDict):
    """The setting chosen for a method, out of how many, and how many tied with it on the error."""

    lr: float
    rho: float
    candidates: int
    tied: int


class Selection(TypedDict):
    """The choices for one dataset; a method without a finished run is absent from ``choices``."""

    dataset: str
    rule: str
    choices: dict[str, Choice]
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
        content: Any = json.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: cannot be read as JSON ({error})") from error
    if not _is_selection(content):
        raise InputError(f"{path}: is not a selection written by this workflow")
    return content  # type: ignore[no-any-return]


def _is_selection(content: Any) -> bool:
    """Say whether ``content`` has a selection's keys, and numbers where paths are made of them."""
    if not isinstance(content, dict) or set(content) != set(Selection.__annotations__):
        return False
    choices = content["choices"]
    return isinstance(choices, dict) and all(
        isinstance(choice, dict)
        and set(choice) == set(Choice.__annotations__)
        and all(type(choice[key]) in (int, float) for key in ("lr", "rho"))
        for choice in choices.values()
    )


def sam_rho(selection: Selection) -> float:
    """Return the ρ that was chosen for SAM.

    Raises:
        InputError: none was.
    """
    if "SAM" not in selection["choices"]:
        raise InputError(f"{selection['dataset']}: no run of SAM has finished; it has no ρ to use")
    return selection["choices"]["SAM"]["rho"]
