"""``runs.parquet``: one row a run and metric, from which everything that compares runs starts."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa

from feature_quality.artifacts.parquet import read_parquet, write_parquet

RUNS = pa.schema(
    [
        ("dataset", pa.string()),
        ("lr", pa.float64()),
        ("rho", pa.float64()),
        ("seed", pa.int32()),
        ("split", pa.string()),
        ("metric", pa.string()),
        ("value", pa.float64()),
        ("selected", pa.bool_()),
    ]
)


def write_runs(path: str | Path, runs: pd.DataFrame, metadata: Mapping[str, Any]) -> None:
    """Write the rows of all runs; ``metadata`` says how they were made."""
    write_parquet(path, pa.Table.from_pandas(runs, schema=RUNS, preserve_index=False), metadata)


def read_runs(path: str | Path) -> pd.DataFrame:
    """Read the rows of all runs."""
    runs: pd.DataFrame = read_parquet(path, RUNS)[0].to_pandas()
    return runs
