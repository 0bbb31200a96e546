"""The code is formatted, typed, linted, and layered as it says."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement

from feature_quality.config import reference

ROOT = Path(__file__).parents[1]
BIN = Path(sys.executable).parent


@pytest.mark.parametrize(
    "command",
    [
        "ruff check .",
        "ruff format --check .",
        # A minute without its cache.
        pytest.param("mypy", marks=pytest.mark.slow),
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
    """What has no wheel is built by the locked setuptools, not by one that a build fetches."""
    builders = []
    for name in ("bootstrap", "requirements"):
        lock = (ROOT / "envs" / f"{name}.txt").read_text()
        assert "--hash=sha256:" in lock
        assert "://" not in lock
        builders += re.findall(r"^setuptools==\S+", lock, re.MULTILINE)
    assert len(builders) == 2
    assert builders[0] == builders[1]
    assert (
        "pip sync --quiet --compile-bytecode --no-build-isolation"
        in (ROOT / "Makefile").read_text()
    )


def test_the_conda_environment_is_the_locked_one() -> None:
    """The same packages in the same versions, but for Snakemake, which runs outside of it."""
    names = {"torch": "pytorch", "matplotlib": "matplotlib-base"}
    outside = {"snakemake", "snakemake-executor-plugin-slurm", "pygments"}
    asked = (ROOT / "envs" / "requirements.in").read_text().partition("# What it is tested with")[0]
    wanted = {
        Requirement(line.partition("#")[0]).name
        for line in asked.splitlines()
        if line[:1] not in ("#", "")
    }
    of_python = {"python_version": "3.11", "python_full_version": "3.11.9", "sys_platform": "linux"}
    locked = {}
    for line in (ROOT / "envs" / "requirements.txt").read_text().splitlines():
        if re.match(r"[a-z0-9]", line):
            package = Requirement(line.rstrip("\\ "))
            if not package.marker or package.marker.evaluate(of_python):
                locked[package.name] = str(package.specifier).removeprefix("==")
    expected = {f"{names.get(name, name)} ={locked[name]}" for name in wanted - outside}
    found = yaml.safe_load((ROOT / "envs" / "workflow.yaml").read_text())["dependencies"]
    assert set(found) == expected | {"python =3.11"}
