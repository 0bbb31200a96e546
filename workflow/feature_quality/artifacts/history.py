"""The history of a training run: one row per epoch; losses and errors are null if it diverged."""

from feature_quality.artifacts.parquet import columns

HISTORY = columns(
    "epoch: int32, lr: float64, train_loss: float64, train_error: float64, val_loss: float64, "
    "val_error: float64"
)
