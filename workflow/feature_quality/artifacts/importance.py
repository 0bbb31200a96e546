"""Importance weights of training examples: of one run, and of all that a dataset's figures show."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa

from feature_quality.artifacts.parquet import read_parquet, write_parquet

# One run: one row a checkpoint and training example; the contributions are of features A and B.
RUN_IMPORTANCE = pa.schema(
    [
        ("epoch", pa.int32()),
        ("id", pa.string()),
        ("label", pa.int16()),
        ("group", pa.int16()),
        ("contribution_a", pa.float64()),
        ("contribution_b", pa.float64()),
        ("weight", pa.float64()),
        ("phantom_weight", pa.float64()),
    ]
)

# What the figures show of every point, of the toy as of images.
IMPORTANCE = pa.schema(
    [
        ("seed", pa.int32()),
        ("rho", pa.float64()),
        ("epoch", pa.int32()),
        ("easy_contribution", pa.float64()),
        ("hard_contribution", pa.float64()),
        ("weight", pa.float64()),
        ("phantom_weight", pa.float64()),
    ]
)


def write_run_importance(path: str | Path, rows: pd.DataFrame, metadata: Mapping[str, Any]) -> None:
    """Write the rows of one run; ``metadata`` names the run and the radius ``phantom_rho``."""
    table = pa.Table.from_pandas(rows, schema=RUN_IMPORTANCE, preserve_index=False)
    write_parquet(path, table, metadata)


def read_run_importance(path: str | Path) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Read what ``write_run_importance`` wrote."""
    table, metadata = read_parquet(path, RUN_IMPORTANCE)
    return table.to_pandas(), metadata


def write_importance(path: str | Path, rows: pd.DataFrame, metadata: Mapping[str, Any]) -> None:
    """Write the points of all runs that a dataset's figures show."""
    table = pa.Table.from_pandas(rows, schema=IMPORTANCE, preserve_index=False)
    write_parquet(path, table, metadata)


def read_importance(path: str | Path) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Read what the figures show of every point, from a dataset's file or from the toy's."""
    table, metadata = read_parquet(path, columns=IMPORTANCE.names)
    return table.to_pandas(), metadata
