"""What lies beside every table and figure: of what it was made, for a reader and for a program."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from feature_quality.artifacts.atomic import write_text
from feature_quality.artifacts.checksum import sha256
from feature_quality.artifacts.parquet import read_metadata
from feature_quality.artifacts.selection import read_selection
from feature_quality.run_metadata import run_metadata


def write_sidecar(snakemake: Any, *packages: str, notes: Iterable[str] = ()) -> None:
    """Write to ``output.json`` of what a job made its table or figure.

    That is: its caption; the digest of its code and the versions of ``packages``; the settings
    behind the numbers, by where each comes from (``params.sources``); and every input with its
    checksum and with what it says of itself, such as datasets, runs, seeds, devices and versions.

    Args:
        snakemake: Snakemake's object in the job's script.
        packages: those whose versions may matter.
        notes: sentences that the caption goes on with.

    Raises:
        InputError: an input is damaged.
    """
    sidecar = {
        "caption": " ".join(filter(None, [snakemake.params.caption, *notes])),
        "run_metadata": run_metadata(snakemake.params.code, *packages),
        "constants": snakemake.params.sources,
        "inputs": [
            {"file": path, "sha256": sha256(path), "description": _description(path)}
            for path in snakemake.input
        ],
    }
    write_text(snakemake.output.json, json.dumps(sidecar, indent=2, ensure_ascii=False) + "\n")


def _description(path: str) -> Any:
    if Path(path).suffix == ".json":
        return read_selection(path)
    return read_metadata(path)
