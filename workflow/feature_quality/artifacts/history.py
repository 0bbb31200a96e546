"""The history of a training run: one row an epoch."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa

from feature_quality.artifacts.parquet import read_table

HISTORY = pa.schema(
    [
        ("epoch", pa.int32()),
        ("lr", pa.float64()),
        ("train_loss", pa.float64()),
        ("train_error", pa.float64()),
        ("val_loss", pa.float64()),
        ("val_error", pa.float64()),
    ]
)


def holds_history(path: str | Path, metadata: Mapping[str, Any]) -> bool:
    """Say whether a run that ``metadata`` is true of, and maybe more, was written to ``path``.

    Raises:
        InputError: the file is there, but is no history.
    """
    if not Path(path).exists():
        return False
    _, found = read_table(path, HISTORY)
    expected: dict[str, Any] = json.loads(json.dumps(metadata))
    return found | expected == found
