"""Measure what Snakemake and imports cost: on the graph of all runs of the paper, and in a job.

``make benchmark`` runs it. The graph is that of the toy and of all datasets but demonstrations and
a custom one, as ``paper.yaml`` and ``domainbed.yaml`` have them, with all runs probed, in copies
of the workflow: one with nothing made yet, and one that is finished, with empty files that
``--touch`` recorded as if the rules had made them. A figure is the median of the turns, with all
files in memory. A job's seconds are those of its script's imports and those of a job that does
nothing; what a job imports only when it gets there, as a ResNet's do with torchvision, is not among
them.
"""

import json
import os
import platform
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from feature_quality.artifacts.selection import Candidate, Choice, Selection, write_selection
from feature_quality.data.datasets import DATASETS

ROOT = Path(__file__).parents[1]
WORKFLOW_FILES = ("Snakefile", "config.yaml", "envs", "profiles", "workflow")
# The later one's settings hold where both have one, as for the toy.
CONFIGURATIONS = ("workflow/config/domainbed.yaml", "workflow/config/paper.yaml")
NOT_DOWNLOADED = ("PACS.zip", "VLCS.zip", "office_home.zip")
LIBRARIES = ("torch", "torchvision", "sklearn", "scipy", "pandas", "pyarrow", "seaborn")
CORES = 2
TURNS = 3
NOTHING = 'for path in snakemake.output:\n    open(path, "w").close()\n'
# For comparison: what a ResNet's jobs import later is not among their imports.
ALONE = {"(torch)": "import torch", "(torch, torchvision)": "import torch, torchvision.models"}
# Without Snakemake's object, a script ends where its imports do.
IMPORTS = f"""
import json, runpy, sys, time
start = time.perf_counter()
try:
    runpy.run_path(sys.argv[1])
except NameError as error:
    assert error.name == "snakemake"
seconds = time.perf_counter() - start
print(json.dumps([seconds, [name for name in {LIBRARIES} if name in sys.modules]]))
"""


def copy_workflow(target: Path) -> Path:
    """Return a copy of the workflow without results."""
    target.mkdir()
    for name in WORKFLOW_FILES:
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        copy(ROOT / name, target / name)
    (target / "data").mkdir()
    for name in NOT_DOWNLOADED:
        (target / "data" / name).touch()
    return target


def timed(*command: str, folder: Path = ROOT) -> tuple[float, str]:
    """Return how many seconds a command of Python's took, and what it printed."""
    environment = os.environ | {"PYTHONPATH": str(ROOT / "workflow")}
    start = time.perf_counter()
    result = subprocess.run(  # noqa: S603
        [sys.executable, *command], cwd=folder, env=environment, capture_output=True, text=True
    )
    seconds = time.perf_counter() - start
    assert result.returncode == 0, result.stdout + result.stderr
    return seconds, result.stdout + result.stderr


def arguments(*more: str, cores: int = CORES) -> list[str]:
    """Return Snakemake's arguments for the whole configuration."""
    datasets = [name for name, spec in DATASETS.items() if not spec.demonstration]
    changed = (f"datasets={json.dumps(datasets)}", "data_dir=data", "probe_runs=all")
    return [*more, "--cores", str(cores), "--configfile", *CONFIGURATIONS, "--config", *changed]


def pretend() -> None:
    """Let ``snakemake --touch`` make the files that it touches: empty, but for the selections."""
    from snakemake.cli import main as snakemake
    from snakemake.executors.touch import Executor

    touch = Executor.run_job

    def make(self: Executor, job: Any) -> None:
        for path in map(Path, job.output):
            path.parent.mkdir(parents=True, exist_ok=True)
            if path.parent.name == "selection":
                write_selection(path, selection(job.wildcards.dataset, job.input))
            else:
                path.touch()
        touch(self, job)

    Executor.SLEEPING_TIME = 0
    Executor.run_job = make
    snakemake(arguments("--touch", "--quiet", "rules", "progress"))


def selection(dataset: str, histories: Sequence[str]) -> Selection:
    """Return a choice for each method: its last setting."""
    choices: dict[str, Choice] = {}
    candidates: list[Candidate] = []
    for history in histories:
        method, lr, rho, seed = re.findall(r"(\w+)/lr=(.+)/rho=(.+)/seed=(.+)/", history)[0]
        choices[method] = Choice(lr=float(lr), rho=float(rho), candidates=1, tied=[])
        candidates.append(
            Candidate(
                method=method,
                lr=float(lr),
                rho=float(rho),
                val_error=0.0,
                val_loss=0.0,
                finished=[int(seed)],
                diverged=[],
            )
        )
    return Selection(dataset=dataset, rule="", choices=choices, at_sgd_lr={}, candidates=candidates)


def measure_graph(folder: Path) -> None:
    """Print how long Snakemake takes to plan everything, and to see that nothing is to be done."""
    fresh, finished = copy_workflow(folder / "fresh"), copy_workflow(folder / "finished")
    timed(__file__, "pretend", folder=finished)
    files = sum(path.is_file() for path in finished.glob(".snakemake/metadata/**/*"))
    turns = []
    for _ in range(TURNS):
        start, _ = timed("-m", "snakemake", "--version")
        dry, plan = timed("-m", "snakemake", *arguments("--dry-run"), folder=fresh)
        done, output = timed("-m", "snakemake", *arguments(), folder=finished)
        assert "Nothing to be done" in output, output
        turns.append((start, dry, done))
    jobs = dict(re.findall(r"^(train|total) +(\d+)$", plan, re.MULTILINE))
    print(f"{jobs['train']} runs, {jobs['total']} jobs at first; {files} files when finished\n")
    for name, *values in zip(("start", "dry run", "nothing to be done"), *turns, strict=True):
        print(f"{name:<24}{statistics.median(values):>8.1f} s", flush=True)


def measure_job(folder: Path) -> float:
    """Return the seconds that Snakemake takes for a job whose script does nothing."""
    tree = copy_workflow(folder / "trivial")
    for script in (tree / "workflow" / "scripts").glob("*.py"):
        script.write_text(NOTHING)
    # The runs of one dataset, and what comes before them.
    targets = arguments("results/selection/cifar_mnist.json", cores=1)
    seconds = []
    for _ in range(TURNS):
        planned, _ = timed("-m", "snakemake", "--dry-run", *targets, folder=tree)
        run, output = timed("-m", "snakemake", *targets, folder=tree)
        jobs = int(output.rpartition(" steps (100%)")[0].split()[-1])
        seconds.append((run - planned) / jobs)
        for results in ("results", "resources", ".snakemake"):
            shutil.rmtree(tree / results)
    return statistics.median(seconds)


def measure_imports(folder: Path, overhead: float) -> None:
    """Print what each script imports, and how long that and the whole job take."""
    scripts = sorted((ROOT / "workflow" / "scripts").glob("*.py"))
    for name, lines in ALONE.items():
        scripts.append(folder / f"{name}.py")
        scripts[-1].write_text(lines)
    seconds: dict[Path, list[float]] = {script: [] for script in scripts}
    libraries: dict[Path, str] = {}
    for _ in range(TURNS):
        for script in scripts:
            _, output = timed("-c", IMPORTS, str(script))
            taken, imported = json.loads(output)
            seconds[script].append(taken)
            libraries[script] = " ".join(imported)
    print(f"\n{'script':<24}{'imports s':>10}{'job s':>8}  of the large libraries")
    for script, values in seconds.items():
        median = statistics.median(values)
        print(f"{script.stem:<24}{median:>10.2f}{median + overhead:>8.2f}  {libraries[script]}")


def main() -> None:
    """Print the tables."""
    print(f"{platform.machine()}, {os.cpu_count()} cores, snakemake {version('snakemake')}")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        measure_graph(folder)
        overhead = measure_job(folder)
        print(f"{'a job of no work':<24}{overhead:>8.2f} s")
        measure_imports(folder, overhead)


if __name__ == "__main__":
    pretend() if sys.argv[1:] == ["pretend"] else main()
