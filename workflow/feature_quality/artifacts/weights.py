"""Network weights on disk: safetensors, which cannot run code when it is read."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from feature_quality.artifacts.atomic import replacing
from feature_quality.errors import InputError


def write_weights(
    path: str | Path, weights: Mapping[str, Tensor], metadata: Mapping[str, Any]
) -> None:
    """Write named tensors and a JSON description; equal input gives equal bytes."""
    # One key: the format keeps several in an order of its own, which differs from call to call.
    description = {"feature_quality": json.dumps(metadata, sort_keys=True)}
    with replacing(path) as temporary:
        # Storage order is part of the bytes, and channels_last is a matter of the machine.
        tensors = {name: tensor.cpu().contiguous() for name, tensor in weights.items()}
        save_file(tensors, temporary, metadata=description)


def read_weights(path: str | Path) -> dict[str, Tensor]:
    """Read named tensors onto the CPU.

    Raises:
        InputError: the file is not a whole safetensors file.
    """
    try:
        return load_file(path)
    except (SafetensorError, OSError) as error:
        raise InputError(f"{path}: cannot be read as safetensors ({error})") from error
