"""The probes of one run: one row a feature and draw."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa

from feature_quality.artifacts.parquet import read_parquet, write_parquet

PROBES = pa.schema(
    [
        ("feature", pa.string()),
        ("draw", pa.int32()),
        ("error", pa.float64()),
        ("C", pa.float64()),
        ("n_train", pa.int32()),
        ("n_test", pa.int32()),
        ("converged", pa.bool_()),
    ]
)


def write_probes(
    path: str | Path, rows: Sequence[Mapping[str, Any]], metadata: Mapping[str, Any]
) -> None:
    """Write one row a (feature, draw); ``metadata`` names the run that was probed."""
    write_parquet(path, pa.Table.from_pylist(list(rows), schema=PROBES), metadata)


def read_probes(path: str | Path) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Read the probes of a run and the description of the run."""
    table, metadata = read_parquet(path, PROBES)
    return table.to_pandas(), metadata
