"""The history of a training run: one row per epoch; losses and errors are null if it diverged."""

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
    """Return whether ``path`` is the history of the run that ``metadata`` describes.

    The file's own metadata may say more, such as how the run ended.

    Raises:
        InputError: the file exists, but is not a history.
    """
    if not Path(path).exists():
        return False
    _, found = read_table(path, HISTORY)
    expected: dict[str, Any] = json.loads(json.dumps(metadata))
    return found | expected == found
