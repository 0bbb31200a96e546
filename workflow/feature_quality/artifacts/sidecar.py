"""What lies beside every table and figure: of what it was made, for a reader and for a program."""

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from feature_quality.artifacts.atomic import write_text
from feature_quality.artifacts.checksum import sha256
from feature_quality.artifacts.parquet import read_metadata
from feature_quality.run_metadata import run_metadata

# What says how a file was made, and not of what; the inputs themselves say the rest.
ORIGIN = ("code", "device", "instructions", "precision", "versions")


def write_sidecar(snakemake: Any, *packages: str, notes: Iterable[str] = ()) -> None:
    """Write ``output.json``: the inputs, settings and code behind a table or figure.

    That is: its caption; the digest of its code and the versions of ``packages``; the settings
    behind the numbers, by where each comes from (``params.sources``); the checksum of every input;
    and, once each, the code, device and versions by which the inputs were made.

    Args:
        snakemake: Snakemake's object in the job's script.
        packages: those whose versions may matter.
        notes: sentences that the caption goes on with.

    Raises:
        InputError: an input is damaged.
    """
    origins: list[dict[str, Any]] = []
    for path in snakemake.input:
        if Path(path).suffix != ".json":
            for origin in _origins(read_metadata(path)):
                if origin not in origins:
                    origins.append(origin)
    sidecar = {
        "caption": " ".join(filter(None, [snakemake.params.caption, *notes])),
        "run_metadata": run_metadata(snakemake.params.code, *packages),
        "constants": snakemake.params.sources,
        "inputs": {path: sha256(path) for path in snakemake.input},
        "inputs_made_by": origins,
    }
    write_text(snakemake.output.json, json.dumps(sidecar, indent=2, ensure_ascii=False) + "\n")


def _origins(metadata: Any) -> Iterator[dict[str, Any]]:
    """Yield the origin of a file, and those of the files that were collected into it."""
    if isinstance(metadata, list):
        for each in metadata:
            yield from _origins(each)
    elif isinstance(metadata, dict):
        if "code" in metadata:
            yield {key: metadata[key] for key in ORIGIN if key in metadata}
        for each in metadata.values():
            yield from _origins(each)
