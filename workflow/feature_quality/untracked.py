"""List, and remove on request, what ``results/`` holds and no configuration asks for.

That is runs of older grids and the temporary files of killed jobs:
``python -m feature_quality.untracked config.yaml other.yaml …``. Snakemake's ``--list-untracked``
knows one configuration alone, and takes for untracked what a checkpoint has yet to ask for.
"""

import os
import shutil
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from snakemake.common.configfile import load_configfile
from snakemake.exceptions import WorkflowError
from snakemake.utils import update_config

from feature_quality.config.files import refuse_unreadable
from feature_quality.config.loading import load
from feature_quality.errors import InputError

RESULTS, RESOURCES = Path("results"), Path("resources")
# A temporary file unchanged for so many seconds belongs to a job that was killed.
ABANDONED = 24 * 3600


def requested_runs(base: str | Path, others: Sequence[str | Path]) -> set[str]:
    """Return the runs of ``base`` and of each other configuration on top of it, as in paths.

    Raises:
        InputError: a configuration cannot be read or has faults; names it.
    """
    runs: set[str] = set()
    for path in (base, *others):
        refuse_unreadable(path)
        try:
            config = load_configfile(str(base))
            update_config(config, load_configfile(str(path)))
            settings = load(config)
        except (InputError, WorkflowError) as error:
            raise InputError(f"{path}: {error}") from error
        runs.update(run for dataset in settings.datasets for run in settings.runs_of(dataset))
    return runs


def untracked_runs(results: Path, requested: set[str]) -> list[Path]:
    """Return the folders, logs and benchmarks of runs that are not ``requested``.

    A folder of ``results`` may be a link, as to a larger disk; links below it are not followed.
    """
    found = [path for folder in results.glob("*/") for path in _below(folder)]
    runs = [path for path in found if path.match("lr=*/rho=*/seed=*")]
    return sorted(path for path in runs if _run(path) not in requested)


def abandoned_files(*folders: Path) -> list[Path]:
    """Return the temporary files that killed jobs have left, below links as ``untracked_runs``."""
    now = time.time()
    places = [place for folder in folders for place in (folder, *folder.glob("*/"))]
    found = {path for place in places for path in place.glob("**/.*.part")}
    return sorted(path for path in found if now - path.lstat().st_mtime > ABANDONED)


def remove(path: Path) -> None:
    """Remove a file, a link or a folder, and the folders above it that become empty."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink()
    for parent in path.parents:
        if parent in (RESULTS, RESOURCES) or parent.is_symlink() or any(parent.iterdir()):
            return
        parent.rmdir()


def main(base: str, *others: str) -> None:
    """List what is untracked, and remove it if the answer on standard input is yes.

    Raises:
        InputError: a configuration has faults, or Snakemake is running here.
    """
    if any(Path(".snakemake", "locks").glob("*")):
        raise InputError(
            "Snakemake is running here, or was killed: wait for it, or run snakemake --unlock"
        )
    untracked = untracked_runs(RESULTS, requested_runs(base, others))
    folders = {*untracked}
    # Temporary files in the folder of such a run go with it.
    untracked += [
        path for path in abandoned_files(RESULTS, RESOURCES) if folders.isdisjoint(path.parents)
    ]
    if not untracked:
        print("Nothing is untracked.")
        return
    for path in untracked:
        print(path)
    size = sum(map(_size, untracked)) / 1e6
    print(f"{len(untracked)} untracked, {size:.1f} MB. Remove? [y/N] ", end="", flush=True)
    if sys.stdin.readline().strip().lower() not in ("y", "yes"):
        print("Nothing was removed.")
        return
    for path in untracked:
        remove(path)
    print("Removed.")


def _run(path: Path) -> str:
    """Return the run that a folder, log or benchmark belongs to, as it stands in paths."""
    # dataset/method/lr=…/rho=…/seed=…
    return "/".join((*path.parts[-5:-1], path.name.removesuffix(".log").removesuffix(".tsv")))


def _size(path: Path) -> int:
    below = [] if path.is_symlink() else _below(path)
    return sum(
        each.lstat().st_size for each in (path, *below) if each.is_symlink() or each.is_file()
    )


def _below(path: Path) -> list[Path]:
    """Return all that lies below a folder, without following links; nothing for a file."""
    return [
        Path(folder, name)
        for folder, folders, files in os.walk(path)
        for name in (*folders, *files)
    ]


if __name__ == "__main__":
    try:
        main(*sys.argv[1:])
    except InputError as error:
        sys.exit(f"Error: {error}")
