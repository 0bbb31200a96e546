"""Network weights on disk, as safetensors: reading such a file cannot run code."""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor

from feature_quality.artifacts.atomic import replacing
from feature_quality.errors import InputError

# One key, because safetensors writes several in an order that differs from call to call.
METADATA_KEY = "feature_quality"


def write_weights(
    path: str | Path, weights: Mapping[str, Tensor], metadata: Mapping[str, Any]
) -> None:
    """Write named tensors and metadata in JSON; equal input gives equal bytes.

    Raises:
        InputError: the file cannot be written to disk.
    """
    description = {METADATA_KEY: json.dumps(metadata, sort_keys=True)}
    with replacing(path) as temporary:
        # The memory format is part of the bytes, and depends on the device (channels_last).
        tensors = {name: tensor.cpu().contiguous() for name, tensor in weights.items()}
        try:
            save_file(tensors, temporary, metadata=description)
        except SafetensorError as error:
            raise InputError(f"{path}: cannot be written ({error})") from error


def read_weights(path: str | Path) -> dict[str, Tensor]:
    """Read named tensors onto the CPU.

    Raises:
        InputError: the file is not a whole safetensors file.
    """
    try:
        return load_file(path)
    except (SafetensorError, OSError) as error:
        raise InputError(f"{path}: cannot be read as safetensors ({error})") from error


def read_described_weights(path: str | Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Read named tensors onto the CPU, and their metadata.

    Raises:
        InputError: the file is not a whole safetensors file, or has no metadata in JSON.
    """
    tensors = read_weights(path)
    with safe_open(path, framework="pt") as file:
        metadata = file.metadata() or {}
    if METADATA_KEY not in metadata:
        raise InputError(f"{path}: was not written by this workflow (no description)")
    try:
        description = json.loads(metadata[METADATA_KEY])
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path}: its description is not JSON ({error})") from error
    if not isinstance(description, dict):
        raise InputError(f"{path}: its description is not a JSON object")
    return tensors, description


def write_snapshots(
    path: str | Path, snapshots: Mapping[int, Mapping[str, Tensor]], metadata: Mapping[str, Any]
) -> None:
    """Write the weights after each of several epochs."""
    tensors = {
        f"epoch={epoch}/{name}": tensor
        for epoch, weights in snapshots.items()
        for name, tensor in weights.items()
    }
    write_weights(path, tensors, metadata)


def read_snapshots(path: str | Path) -> dict[int, dict[str, Tensor]]:
    """Read what ``write_snapshots`` wrote, in the order of the epochs.

    Raises:
        InputError: the file is not a whole safetensors file, or holds other weights.
    """
    snapshots: dict[int, dict[str, Tensor]] = {}
    for key, tensor in read_weights(path).items():
        named = re.fullmatch(r"epoch=([0-9]{1,9})/(.+)", key)
        if not named:
            raise InputError(f"{path}: does not hold snapshots, but {key[:100]}")
        snapshots.setdefault(int(named[1]), {})[named[2]] = tensor
    return dict(sorted(snapshots.items()))
