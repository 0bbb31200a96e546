"""The tables of all runs: their metrics, and bootstrap samples of their probing errors."""

import pyarrow as pa

# ``runs.parquet``, from which everything that compares runs starts: one row per run and metric.
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

# ``bootstrap.parquet``: one row per run and probed feature. ``errors`` are probing errors on
# bootstrap samples of the test set; all runs that share a test set share the samples.
BOOTSTRAP = pa.schema(
    [
        ("dataset", pa.string()),
        ("method", pa.string()),
        ("lr", pa.float64()),
        ("rho", pa.float64()),
        ("seed", pa.int32()),
        ("feature", pa.string()),
        ("errors", pa.list_(pa.float64())),
    ]
)
