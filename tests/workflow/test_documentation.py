"""Every command in the documentation works; what takes longer than a minute is tried dry."""

import re
import runpy
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest

from .conftest import ROOT, Tree, copy_workflow

pytestmark = pytest.mark.slow

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
# What only a cluster has.
ELSEWHERE = {"scancel"}


def commands() -> list[tuple[str, str]]:
    """Each command in a block of shell, with the page that it stands on."""
    found = []
    for page in PAGES:
        # test_own.py makes the files that this page speaks of, and runs its commands on them.
        if page.name == "own-data.md":
            continue
        for block in re.findall(r"^ *```sh\n(.*?)^ *```", page.read_text(), re.M | re.S):
            found += [(page.name, line.strip()) for line in block.splitlines() if line.strip()]
    return list(dict.fromkeys(found))


COMMANDS = commands()


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Tree:
    """A tree for dry runs alone, which leave nothing."""
    tree = copy_workflow(tmp_path_factory.mktemp("documentation") / "tree")
    for path in (ROOT / "docs" / "measured").glob("*/config.yaml"):
        shutil.copytree(path.parent, tree.path / path.parent.relative_to(ROOT))
    return tree


def test_there_are_commands_on_the_pages() -> None:
    assert {page for page, _ in COMMANDS} >= {"README.md", "clusters.md", "reliability.md"}
    assert len(COMMANDS) > 15


@pytest.mark.parametrize(
    "command", [c for _, c in COMMANDS if c.startswith("make")], ids=lambda command: command
)
def test_make_knows_its_target(command: str) -> None:
    result = subprocess.run(
        [*shlex.split(command), "--dry-run"], cwd=ROOT, capture_output=True, text=True
    )
    assert result.returncode == 0, result.stderr


@pytest.mark.parametrize(
    "command", [c for _, c in COMMANDS if "snakemake" in c], ids=lambda command: command
)
def test_snakemake_takes_its_arguments(tree: Tree, command: str) -> None:
    program, *arguments = shlex.split(command)
    assert program == ".venv/bin/snakemake"
    arguments = [each.replace("/path/to/data", str(tree.path.parent)) for each in arguments]
    dry = [] if "--unlock" in arguments else ["--dry-run"]
    # First, as an option that takes several values would take it for one of them.
    tree.run(*dry, *arguments)


def test_other_commands_are_benchmarks_or_a_clusters() -> None:
    for command in [c for _, c in COMMANDS if not c.startswith("make") and "snakemake" not in c]:
        program, *arguments = shlex.split(command)
        if program not in ELSEWHERE:
            assert (program, arguments[0]) == ("PYTHONPATH=workflow:benchmarks", ".venv/bin/python")
            # They take longer than a minute: their imports alone are tried.
            assert callable(runpy.run_path(str(ROOT / arguments[1]))["main"])


def test_every_link_leads_somewhere() -> None:
    for page in PAGES:
        for target in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", page.read_text()):
            if not target.startswith("http"):
                assert (page.parent / target).exists(), f"{page.name}: {target}"


def test_the_documented_tree_is_there() -> None:
    layout = (
        (ROOT / "docs" / "extending.md")
        .read_text()
        .partition("## Layout\n\n```\n")[2]
        .partition("```")[0]
    )
    folder = Path()
    for line in layout.splitlines():
        name = line.split("  ")[0] if line[0] != " " else line.strip().split("  ")[0]
        for each in name.split(", "):
            place = folder / each.strip() if line[0] == " " else Path(each)
            assert (ROOT / place).exists(), line
        if line[0] != " ":
            folder = Path(name)


@pytest.mark.skipif(not shutil.which("git"), reason="git is not installed")
def test_nothing_of_this_machine_is_named() -> None:
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True)
    if listed.returncode != 0:
        pytest.skip("this is no git checkout")
    pattern = re.compile(r"(?<![\w.])/(?:root|home)/\w")
    for name in listed.stdout.split():
        path = ROOT / name
        if path.suffix in (".py", ".md", ".smk", ".yaml", ".toml", ".cff", ".rst"):
            assert not pattern.search(path.read_text(encoding="utf-8")), name
