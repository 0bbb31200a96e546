"""The history of a training run: one row per epoch; losses and errors are null if it diverged."""

import pyarrow as pa

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
