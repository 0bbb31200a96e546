"""Snakemake in processes that need not import it first, which takes half of a dry run."""

import multiprocessing
import os
import sys
import tempfile
from pathlib import Path

SERVER = multiprocessing.get_context("forkserver")
SERVER.set_forkserver_preload(["snakemake.cli"])


def call(arguments: list[str], folder: Path, environment: dict[str, str]) -> tuple[int, str, str]:
    """Run snakemake in a folder; return its exit status, and what it wrote to stdout and stderr."""
    with tempfile.TemporaryDirectory() as place:
        paths = [Path(place, name) for name in ("stdout", "stderr")]
        process = SERVER.Process(target=_main, args=(arguments, folder, environment, paths))
        process.start()
        process.join()
        stdout, stderr = (path.read_text(encoding="utf-8") for path in paths)
    return process.exitcode, stdout, stderr


def _main(arguments: list[str], folder: Path, environment: dict[str, str], paths: list[Path]):
    for descriptor, path in enumerate(paths, start=1):
        os.dup2(os.open(path, os.O_CREAT | os.O_WRONLY), descriptor)
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(folder)
    # The package is that of the folder, which the workflow has to find itself.
    sys.path = [path for path in sys.path if not Path(path, "feature_quality").exists()]
    from snakemake.cli import main

    sys.argv = ["snakemake", *arguments]
    main()
