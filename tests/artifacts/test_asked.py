"""Results that were made otherwise than is asked are refused by name."""

import re
from typing import Any

import pytest

from feature_quality.artifacts.asked import refuse_others
from feature_quality.errors import InputError

EXPECTED = {"settings": {"epochs": 8, "crop": (1, 2)}, "code": "a"}
# Each seed has its own data.
ASKED = {("toy", seed): EXPECTED | {"examples_sha256": data} for seed, data in ((0, "b"), (1, "c"))}
RUN: dict[str, Any] = {"dataset": "toy", "seed": 0, "settings": {"epochs": 8, "crop": [1, 2]}}
RUN |= {"code": "a", "examples_sha256": "b", "device": "any"}


def test_what_was_made_as_asked_passes() -> None:
    other = RUN | {"seed": 1, "examples_sha256": "c"}
    refuse_others([("x/history.parquet", RUN), ("y/history.parquet", other)], ASKED)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({}, ""),
        ({"rho": 0.2}, "rho 0.2, asked 0.1"),
        ({"seed": 1, "examples_sha256": "c"}, "seed 1, asked 0"),
        ({"dataset": "other", "seed": 5}, 'dataset "other", asked "toy"; seed 5, asked 0'),
        ({"dataset": None}, 'dataset null, asked "toy"'),
    ],
)
def test_a_file_is_of_the_run_that_its_folder_names(change: dict, said: str) -> None:
    run = RUN | {"method": "sam", "lr": 0.05, "rho": 0.1} | change
    files = [("results/runs/toy/sam/lr=0.05/rho=0.1/seed=0/history.parquet", run)]
    if not change:
        refuse_others(files, ASKED)
        return
    with pytest.raises(InputError, match=re.escape(f"than is asked now: {said}. To make them")):
        refuse_others(files, ASKED)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"settings": {"epochs": 4, "crop": [1, 2]}}, "settings.epochs 4, asked 8"),
        ({"settings": {"epochs": 8, "crop": None}}, "settings.crop null, asked [1, 2]"),
        ({"code": "other"}, 'code "other", asked "a"'),
        ({"examples_sha256": None}, 'examples_sha256 null, asked "b"'),
        ({"seed": 1}, 'examples_sha256 "b", asked "c"'),
    ],
)
def test_another_is_named_with_the_command_that_mends_it(change: dict, said: str) -> None:
    runs = [("a/history.parquet", RUN), ("b c/history.parquet", RUN | change)]
    with pytest.raises(InputError) as raised:
        refuse_others([*runs, ("d/history.parquet", RUN | change)], ASKED)
    assert str(raised.value) == (
        "b c/history.parquet (and 1 more files): was made otherwise than is asked now: "
        f"{said}. To make them again: rm -r 'b c' d, then the same command"
    )
