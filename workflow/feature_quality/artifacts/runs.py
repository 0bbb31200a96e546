"""The tables of all runs: their metrics, and bootstrap samples of their probing errors."""

from feature_quality.artifacts.parquet import columns

# ``runs.parquet``, from which everything that compares runs starts: one row per run and metric.
# ``selected`` marks the setting that was chosen for the run's method.
RUNS = columns(
    "dataset: string, method: string, lr: float64, rho: float64, seed: int32, split: string, "
    "metric: string, value: float64, selected: bool"
)

# ``bootstrap.parquet``: one row per run and probed feature. ``errors`` are probing errors on
# bootstrap samples of the test set; all runs that share a test set share the samples.
BOOTSTRAP = columns(
    "dataset: string, method: string, lr: float64, rho: float64, seed: int32, feature: string, "
    "errors: float64[]"
)
