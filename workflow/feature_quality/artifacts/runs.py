"""``runs.parquet``: one row per run and metric, from which everything that compares runs starts."""

import pyarrow as pa

# ``selected`` marks the setting that was chosen for the run's method.
RUNS = pa.schema(
    [
        ("dataset", pa.string()),
        ("method", pa.string()),
        ("lr", pa.float64()),
        ("rho", pa.float64()),
        ("seed", pa.int32()),
        ("split", pa.string()),
        ("metric", pa.string()),
        ("value", pa.float64()),
        ("selected", pa.bool_()),
    ]
)
