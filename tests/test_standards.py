"""The code is formatted, typed, linted, and layered as it says."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from feature_quality.config import reference

ROOT = Path(__file__).parents[1]
BIN = Path(sys.executable).parent


@pytest.mark.parametrize(
    "command",
    [
        "ruff check .",
        "ruff format --check .",
        "mypy",
        "lint-imports",
        "snakefmt --check Snakefile workflow",
        "snakemake --lint",
    ],
)
def test_a_tool_finds_nothing(command: str) -> None:
    tool, *arguments = command.split()
    environment = os.environ | {"PYTHONPATH": str(ROOT / "workflow")}
    result = subprocess.run(
        [BIN / tool, *arguments],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stdout + result.stderr


def test_schema_and_page_are_those_of_the_settings() -> None:
    assert reference.SCHEMA.read_text() == reference.schema(), "run `make reference`"
    assert reference.PAGE.read_text() == reference.page(), "run `make reference`"


def test_the_locks_agree_and_name_no_host() -> None:
    for name in ("bootstrap", "requirements"):
        lock = (ROOT / "envs" / f"{name}.txt").read_text()
        assert "--hash=sha256:" in lock
        assert "://" not in lock
