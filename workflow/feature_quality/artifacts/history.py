"""The history of a training run: one row an epoch."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa

from feature_quality.artifacts.parquet import read_parquet, write_parquet

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


def write_history(
    path: str | Path, rows: Sequence[Mapping[str, float]], metadata: Mapping[str, Any]
) -> None:
    """Write one row an epoch; ``metadata`` names the run and says how it ended."""
    write_parquet(path, pa.Table.from_pylist(list(rows), schema=HISTORY), metadata)


def read_history(path: str | Path) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Read a run's epochs and the description of the run."""
    table, metadata = read_parquet(path, HISTORY)
    return table.to_pandas(), metadata


def holds_history(path: str | Path, metadata: Mapping[str, Any]) -> bool:
    """Say whether a run that ``metadata`` is true of, and maybe more, was written to ``path``.

    Raises:
        InputError: the file is there, but is no history.
    """
    if not Path(path).exists():
        return False
    _, found = read_history(path)
    expected: dict[str, Any] = json.loads(json.dumps(metadata))
    return found | expected == found
