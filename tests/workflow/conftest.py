"""Whole small runs through real snakemake processes, each in a copy of the repository.

And single scripts, with a stand-in for Snakemake's object.
"""

import os
import runpy
import shutil
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import forked_snakemake
import pytest
import yaml
from filelock import FileLock
from snakemake.iocontainers import InputFiles, Log, OutputFiles, Params, Wildcards

ROOT = Path(__file__).parents[2]
WORKFLOW_FILES = ("Snakefile", "config.yaml", "envs", "profiles", "workflow")

TINY = {
    "datasets": ["digits_photos"],
    "seeds": [0],
    "grid": {"digits_photos": {"lr": [0.05], "rho": [0.1]}},
    "training": {"digits_photos": {"epochs": 2, "snapshot_epochs": [1]}},
    "probe": {"draws": 1},
    "toy": {"studies": []},
}
# Long enough to be met in the midst of training.
SLOW = TINY | {"training": {"digits_photos": {"epochs": 8, "snapshot_epochs": [1]}}}
SLOW_RUN = "digits_photos/sam/lr=0.05/rho=0.1/seed=0"
# The same with all of the toy, as small as it can be, and with a target domain.
WHOLE = TINY | {
    "datasets": ["digits_photos", "digits_domains_R"],
    "grid": TINY["grid"] | {"digits_domains": {"lr": [0.05], "rho": [0.05]}},
    "training": TINY["training"] | {"digits_domains": {"epochs": 1}},
    "toy": {
        "seeds": [0, 1],
        "distribution": {"train_points": 60, "test_points": 50},
        "training": {"epochs": 2},
        "grid": {
            "complexity": [270],
            "rho": [0, 0.5],
            "alpha": [2],
            "kappa": ["constant"],
            "batch_size": [5],
            "snapshot_epochs": [1],
            "noise": {"label": [0.1], "gaussian": [0.5], "dropout": [0, 0.2]},
        },
    },
}

# What a run computes, in folders of the results.
MADE = ("data", "runs", "embeddings", "probes", "importance", "selection", "tables", "toy")
MADE += ("figures",)


def clean_environment() -> dict[str, str]:
    """Return an environment in which Python finds no package of ours and may keep bytecode."""
    without = {"PYTHONPATH", "PYTHONDONTWRITEBYTECODE"}
    return {name: value for name, value in os.environ.items() if name not in without}


@dataclass(frozen=True)
class Tree:
    """A copy of the workflow, with results of its own."""

    path: Path

    def start(
        self, *arguments: str, cores: int = 2, prefix: Sequence[str] = (), **options: Any
    ) -> subprocess.Popen[str]:
        """Start a snakemake that a test watches or disturbs."""
        command = [*prefix, sys.executable, "-m", "snakemake", "--cores", str(cores), *arguments]
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
        return subprocess.Popen(command, cwd=self.path, env=clean_environment(), **pipes | options)

    def snakemake(self, *arguments: str, cores: int = 2) -> tuple[int, str]:
        """Run snakemake to its end; return its exit status, and what it said."""
        given = ["--cores", str(cores), *arguments]
        status, stdout, stderr = forked_snakemake.call(given, self.path, clean_environment())
        return status, stdout + stderr

    def run(self, *arguments: str, cores: int = 2) -> str:
        status, said = self.snakemake(*arguments, cores=cores)
        assert status == 0, said
        return said

    def refuse(self, *arguments: str) -> str:
        """Run, and return what was said; the run must fail with a message of its own."""
        status, said = self.snakemake(*arguments)
        assert status != 0, said
        assert "Traceback (most recent call last)" not in said
        return said

    def due(self, *arguments: str) -> Counter[str]:
        """How many jobs of each rule a run would execute now, by a dry run."""
        output = self.run("--dry-run", *arguments)
        if "Nothing to be done" in output:
            return Counter()
        table = output.rsplit("Job stats:", 1)[1].split("\n\n")[0].splitlines()[3:]
        counts = {name: int(count) for name, count in (line.split() for line in table)}
        del counts["total"]
        return Counter(counts)

    def job(self, script: str) -> int | None:
        """The process that runs a job with a script in this tree, if there is one."""
        for process in Path("/proc").glob("[0-9]*"):
            try:
                interpreter, *rest = (process / "cmdline").read_bytes().split(b"\0")
                if (
                    b"python" in interpreter
                    and any(each.endswith(f".{script}".encode()) for each in rest)
                    and (process / "cwd").resolve() == self.path
                ):
                    return int(process.name)
            except OSError:
                continue
        return None

    def results(self, *folders: str) -> dict[str, bytes]:
        """The content of every file in the results, or in some of their folders."""
        root = self.path / "results"
        files = (file for folder in folders or [""] for file in (root / folder).rglob("*"))
        return {str(f.relative_to(root)): f.read_bytes() for f in files if f.is_file()}


def wait_for(condition: Callable[[], Any]) -> Any:
    """Wait until a condition holds, and return what it gave."""
    deadline = time.monotonic() + 120
    while not (found := condition()):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return found


def copy_workflow(target: Path, config: dict | None = None) -> Tree:
    target.mkdir()
    for name in WORKFLOW_FILES:
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        copy(ROOT / name, target / name)
    if config is not None:
        (target / "config.yaml").write_text(yaml.safe_dump(config))
    return Tree(target)


def run_script(
    folder: Path,
    script: str,
    input: Any = (),  # noqa: A002
    output: Any = (),
    params: dict[str, Any] | None = None,
    threads: int = 2,
    **wildcards: str,
) -> None:
    """Run a rule's script on files, with its log in ``folder``."""
    described = {"code": "0123456789abcdef", "caption": "A caption.", "sources": {"ours": {"a": 1}}}
    runpy.run_path(
        str(ROOT / "workflow" / "scripts" / f"{script}.py"),
        init_globals={
            "snakemake": SimpleNamespace(
                input=_named(InputFiles, input),
                output=_named(OutputFiles, output),
                params=_named(Params, (params or {}) | described),
                wildcards=_named(Wildcards, wildcards),
                log=_named(Log, [folder / f"{script}.log"]),
                threads=threads,
            )
        },
    )


def _named(kind: Any, items: Any) -> Any:
    """Snakemake's own container, from a list or from a dictionary of names.

    As Snakemake's, it is flat: a list of files has a name for its place in the whole.
    """
    named = items if isinstance(items, dict) else {}
    lists = named.values() if named else items
    if kind is Params:
        return kind(fromdict=named)
    parts = [list(each) if isinstance(each, list) else [each] for each in lists]
    container = kind(toclone=[str(each) for part in parts for each in part])
    end = 0
    for (name, item), part in zip(named.items(), parts, strict=False):
        start, end = end, end + len(part)
        container._set_name(name, start, end if isinstance(item, list) else None)
    return container


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    """A fresh tree with the tiny configuration."""
    return copy_workflow(tmp_path / "tree", TINY)


def run_once(
    factory: pytest.TempPathFactory, name: str, config: dict[str, Any], *targets: str
) -> Tree:
    """Return a tree that has made its targets; all of pytest's workers share one."""
    shared = factory.getbasetemp().parent if "PYTEST_XDIST_WORKER" in os.environ else None
    place = (shared or factory.getbasetemp()) / name
    with FileLock(f"{place}.lock"):
        if not place.exists():
            tree = copy_workflow(place.with_name(f"{name} unfinished"), config)
            tree.run(*targets)
            # Snakemake records paths below the working directory alone.
            tree.path.rename(place)
    return Tree(place)


@pytest.fixture(scope="session")
def finished_once(tmp_path_factory: pytest.TempPathFactory) -> Tree:
    """A tree that has run to its end; tests that change it work on a copy."""
    return run_once(tmp_path_factory, "finished", WHOLE)


@pytest.fixture
def finished(finished_once: Tree, tmp_path: Path) -> Tree:
    """A copy of the finished tree, metadata included."""
    shutil.copytree(finished_once.path, tmp_path / "tree")
    return Tree(tmp_path / "tree")


@pytest.fixture(scope="session")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Tree:
    """A tree that has made Table 1 without anything happening to it."""
    return run_once(tmp_path_factory, "undisturbed", SLOW, "table1")


@pytest.fixture
def ended(undisturbed: Tree, tmp_path: Path) -> Tree:
    """A copy of the undisturbed tree, for something to happen to it."""
    shutil.copytree(undisturbed.path, tmp_path / "tree")
    return Tree(tmp_path / "tree")


def lose(tree: Tree, stage: str) -> None:
    """Take away what a stage made of the run, and the tables that it went into."""
    results = tree.path / "results"
    shutil.rmtree(results / stage / SLOW_RUN)
    shutil.rmtree(results / "tables")
    for log in results.glob(f"logs/*/{SLOW_RUN}.log"):
        log.unlink()


def assert_same(tree: Tree, undisturbed: Tree) -> None:
    """Nothing is due, nothing half-written is left, and every byte is as it should be."""
    assert not tree.due("table1")
    made = ("data", "runs", "embeddings", "probes", "selection", "tables")
    found, expected = tree.results(*made), undisturbed.results(*made)
    assert found.keys() == expected.keys()
    assert [name for name, content in found.items() if content != expected[name]] == []
