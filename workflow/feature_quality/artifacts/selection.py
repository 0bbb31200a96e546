"""The choice of hyperparameters for one dataset, as JSON that a person can read."""

import json
import sys
from pathlib import Path
from typing import Annotated, Any

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError, with_config
from typing_extensions import TypedDict

from feature_quality.artifacts.atomic import write_text
from feature_quality.errors import InputError

# Names and numbers are what paths are made of.
Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]
# JSON has longer numbers than a float holds; a learning rate or ρ may be as large as one.
Number = Annotated[float, Field(ge=-sys.float_info.max, le=sys.float_info.max)]

EXACTLY = with_config(ConfigDict(strict=True, extra="forbid", allow_inf_nan=False))


@EXACTLY
class Candidate(TypedDict):
    """One setting, its mean validation error and loss over the seeds that finished."""

    method: Name
    lr: Number
    rho: Number
    val_error: Number | None
    val_loss: Number | None
    finished: list[int]
    diverged: list[int]


@EXACTLY
class Choice(TypedDict):
    """The setting chosen for a method, out of how many candidates.

    ``tied`` has the (lr, ρ) of all that are equal in diverged seeds and validation error, its own
    among them.
    """

    lr: Number
    rho: Number
    candidates: int
    tied: list[Annotated[list[Number], Field(min_length=2, max_length=2)]]


@EXACTLY
class Selection(TypedDict):
    """The choices for one dataset, by the names of methods.

    ``at_sgd_lr`` has the best ρ at SGD's own learning rate, for the other methods. A method is
    absent where it has no finished run.
    """

    dataset: str
    rule: str
    choices: dict[Name, Choice]
    at_sgd_lr: dict[Name, Choice]
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
    try:
        TypeAdapter(Selection).validate_python(content)
    except ValidationError as error:
        raise InputError(f"{path}: is not a selection written by this workflow") from error
    return content  # type: ignore[no-any-return]


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is no number of a selection")


def methods_of(selection: Selection) -> list[str]:
    """Return the methods that were trained, whether a run of theirs finished or not."""
    return list(dict.fromkeys(candidate["method"] for candidate in selection["candidates"]))
