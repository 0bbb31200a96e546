"""The choice of hyperparameters for one dataset, as JSON that a person can read."""

import json
from pathlib import Path
from typing import Annotated

from pydantic import ConfigDict, Field, TypeAdapter, with_config
from typing_extensions import TypedDict

from feature_quality.artifacts.atomic import write_text
from feature_quality.errors import InputError

# Names are what paths are made of.
Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]

EXACTLY = with_config(ConfigDict(strict=True, extra="forbid", allow_inf_nan=False))


@EXACTLY
class Candidate(TypedDict):
    """One setting, its mean validation error and loss over the seeds that finished."""

    method: Name
    lr: float
    rho: float
    val_error: float | None
    val_loss: float | None
    finished: list[int]
    diverged: list[int]


@EXACTLY
class Choice(TypedDict):
    """The setting chosen for a method, out of how many candidates.

    ``tied`` has the (lr, ρ) of all that are equal in diverged seeds and validation error, its own
    among them.
    """

    lr: float
    rho: float
    candidates: int
    tied: list[Annotated[list[float], Field(min_length=2, max_length=2)]]


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
        return TypeAdapter(Selection).validate_json(Path(path).read_bytes())
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error})") from error
    except ValueError as error:
        raise InputError(f"{path}: is not a selection written by this workflow") from error


def methods_of(selection: Selection) -> list[str]:
    """Return the methods that were trained, whether a run of theirs finished or not."""
    return list(dict.fromkeys(candidate["method"] for candidate in selection["candidates"]))
