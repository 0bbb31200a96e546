"""Results that were made otherwise than is asked now: they must not be compared with others."""

import json
import shlex
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from feature_quality.errors import InputError
from feature_quality.run_paths import run_of


def refuse_others(
    runs: Iterable[tuple[str, Mapping[str, Any]]],
    asked: Mapping[tuple[str, int], Mapping[str, Any]],
) -> None:
    """Refuse files of runs whose description differs from what is asked of their dataset and seed.

    Snakemake's own records see to this while they are there; they are not where ``results/`` was
    copied alone.

    Args:
        runs: the path and the description of each file.
        asked: by dataset and seed, what their runs' descriptions must say, such as ``settings``.

    Raises:
        InputError: names the first file, how it differs, and the command that removes them all. A
            file of another run than its folder's differs too.
    """
    found = []
    for path, run in runs:
        expected = asked.get((run.get("dataset", ""), run.get("seed", -1)), {})
        expected = json.loads(json.dumps(expected)) | run_of(str(path))
        differences = [
            _difference(key, run.get(key), value)
            for key, value in expected.items()
            if run.get(key) != value
        ]
        if differences:
            found.append((path, "; ".join(differences)))
    if found:
        (path, difference), *others = found
        folders = shlex.join(sorted({str(Path(each).parent) for each, _ in found}))
        more = f" (and {len(others)} more files)" if others else ""
        raise InputError(
            f"{path}{more}: was made otherwise than is asked now: {difference}. To make them "
            f"again: rm -r {folders}, then the same command"
        )


def _difference(key: str, found: Any, asked: Any) -> str:
    if not isinstance(found, dict) or not isinstance(asked, dict):
        return f"{key} {json.dumps(found)}, asked {json.dumps(asked)}"
    return "; ".join(
        _difference(f"{key}.{name}", found.get(name), asked.get(name))
        for name in {**asked, **found}
        if found.get(name) != asked.get(name)
    )
