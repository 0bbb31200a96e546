"""What lies in ``results/`` and no configuration asks for: runs of older grids, half-written files.

``python -m feature_quality.untracked config.yaml other.yaml …`` lists it, asks, and removes it.
"""

import shutil
import sys
import time
from collections.abc import Sequence
from copy import deepcopy
from pathlib import Path

from snakemake.common.configfile import load_configfile
from snakemake.exceptions import WorkflowError
from snakemake.utils import update_config

from feature_quality.config.settings import load
from feature_quality.errors import InputError

RESULTS, RESOURCES = Path("results"), Path("resources")
# A temporary file that nobody has written to for so many seconds belongs to a job that was killed.
ABANDONED = 24 * 3600


def asked_for(base: str | Path, others: Sequence[str | Path]) -> set[str]:
    """Return the places of the runs of ``base`` and of each other configuration on top of it.

    Raises:
        InputError: a configuration cannot be read or has faults; names it.
    """
    places: set[str] = set()
    for path in (base, *others):
        try:
            config = deepcopy(load_configfile(str(base)))
            update_config(config, load_configfile(str(path)))
            settings = load(config)
        except (InputError, WorkflowError, OSError) as error:
            raise InputError(f"{path}: {error}") from error
        places.update(run for dataset in settings.datasets for run in settings.runs_of(dataset))
    return places


def untracked_runs(results: Path, asked: set[str]) -> list[Path]:
    """Return the folders, logs and benchmarks of runs that are not ``asked`` for."""
    found = results.glob("**/lr=*/rho=*/seed=*")
    return sorted(path for path in found if _place(path) not in asked)


def abandoned_files(*folders: Path) -> list[Path]:
    """Return the temporary files that killed jobs have left."""
    now = time.time()
    found = (path for folder in folders for path in folder.glob("**/.*.part"))
    return sorted(path for path in found if now - path.stat().st_mtime > ABANDONED)


def remove(path: Path) -> None:
    """Remove a file or a folder, and the folders above it that are empty then."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink()
    for parent in path.parents:
        if parent in (RESULTS, RESOURCES) or any(parent.iterdir()):
            return
        parent.rmdir()


def main(base: str, *others: str) -> None:
    """List what is stale, and remove it if the answer on standard input is yes.

    Raises:
        InputError: a configuration has faults, or a Snakemake is at work.
    """
    if any(Path(".snakemake", "locks").glob("*")):
        raise InputError(
            "A Snakemake is at work here, or was killed: wait for it, or run snakemake --unlock"
        )
    stale = untracked_runs(RESULTS, asked_for(base, others)) + abandoned_files(RESULTS, RESOURCES)
    if not stale:
        print("Nothing is stale.")
        return
    for path in stale:
        print(path)
    size = sum(map(_size, stale)) / 1e6
    print(f"{len(stale)} stale, {size:.1f} MB. Remove? [y/N] ", end="", flush=True)
    if sys.stdin.readline().strip().lower() not in ("y", "yes"):
        print("Nothing was removed.")
        return
    for path in stale:
        remove(path)
    print("Removed.")


def _place(path: Path) -> str:
    return "/".join((*path.parts[-4:-1], path.name.removesuffix(".log").removesuffix(".tsv")))


def _size(path: Path) -> int:
    files = path.rglob("*") if path.is_dir() else [path]
    return sum(file.stat().st_size for file in files)


if __name__ == "__main__":
    try:
        main(*sys.argv[1:])
    except InputError as error:
        sys.exit(f"Error: {error}")
