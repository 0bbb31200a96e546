"""The state of an unfinished run on disk, from which a killed job's successor goes on.

Every random draw of training is a function of run seed and epoch, so that weights, momentum and
history are all there is to keep.
"""

import hashlib
import json
import shutil
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Self

from torch import Tensor

from feature_quality.artifacts.weights import read_described_weights, write_weights
from feature_quality.errors import InputError
from feature_quality.training.trained import TrainedRun

# Writing takes at most one part in so many of the time.
SHARE = 20

State = tuple[TrainedRun, dict[int, Tensor]]


class Checkpoint:
    """A run's checkpoint: one file, written after epochs and removed when the run has ended.

    It is a context: a block that ends has finished the run, and one that is told to stop leaves the
    last epoch's state behind.

    Args:
        path: the file.
        identity: JSON values that say which run, data, settings, code and machine the state belongs
            to; a state that belongs to another is not taken up.
        warn: takes a sentence on why a file that is there was not used.
    """

    def __init__(
        self, path: str | Path, identity: Mapping[str, Any], warn: Callable[[str], object]
    ) -> None:
        self.path = Path(path)
        self.identity = json.loads(json.dumps(identity))
        self.warn = warn
        self.due = time.monotonic()
        self.unwritten: State | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            self.path.unlink(missing_ok=True)
        elif issubclass(kind, SystemExit | KeyboardInterrupt) and self.unwritten:
            self._write(*self.unwritten)

    def read(self) -> State | None:
        """Return the run's state and its momentum, keyed by parameter; None to begin anew."""
        if not self.path.exists():
            return None
        try:
            tensors, description = read_described_weights(self.path)
        except InputError as error:
            self.warn(f"The checkpoint is damaged, the run starts anew: {error}")
            if self.path.is_dir():
                # No file can take the place of a folder.
                shutil.rmtree(self.path)
            return None
        if description.get("identity") != self.identity:
            self.warn(
                f"{self.path}: belongs to another configuration, code, data or machine; "
                "the run starts anew"
            )
            return None
        if not _is_whole(tensors, description):
            self.warn(f"The checkpoint is damaged, the run starts anew: {self.path}")
            return None
        return _unpack(tensors, description["history"])

    def keep(self, run: TrainedRun, momentum: Mapping[int, Tensor]) -> None:
        """Keep the state after an epoch: on disk, unless it was put there too short a time ago."""
        # Training goes on in the same tensors.
        weights = {name: tensor.clone() for name, tensor in run.weights.items()}
        state = replace(run, weights=weights, snapshots={**run.snapshots}, history=[*run.history])
        self.unwritten = state, {number: each.clone() for number, each in momentum.items()}
        start = time.monotonic()
        if start >= self.due:
            self._write(*self.unwritten)
            end = time.monotonic()
            self.due = end + SHARE * (end - start)

    def _write(self, run: TrainedRun, momentum: Mapping[int, Tensor]) -> None:
        tensors = {name: tensor.cpu() for name, tensor in _pack(run, momentum).items()}
        description = {
            "identity": self.identity,
            "history": run.history,
            "sha256": _checksum(tensors, run.history),
        }
        write_weights(self.path, tensors, description)
        self.unwritten = None


def _pack(run: TrainedRun, momentum: Mapping[int, Tensor]) -> dict[str, Tensor]:
    packed = {f"weights/{name}": tensor for name, tensor in run.weights.items()}
    packed |= {f"momentum/{number}": tensor for number, tensor in momentum.items()}
    for epoch, weights in run.snapshots.items():
        packed |= {f"snapshots/{epoch}/{name}": tensor for name, tensor in weights.items()}
    return packed


def _unpack(tensors: Mapping[str, Tensor], history: list[dict[str, float]]) -> State:
    run, momentum = TrainedRun(weights={}, history=history), {}
    for key, tensor in tensors.items():
        kind, _, name = key.partition("/")
        if kind == "weights":
            run.weights[name] = tensor
        elif kind == "momentum":
            momentum[int(name)] = tensor
        else:
            epoch, _, name = name.partition("/")
            run.snapshots.setdefault(int(epoch), {})[name] = tensor
    return run, momentum


def _is_whole(tensors: Mapping[str, Tensor], description: Mapping[str, Any]) -> bool:
    try:
        return bool(description["sha256"] == _checksum(tensors, description["history"]))
    except (KeyError, TypeError):
        # It lacks one of them, or the tensors have a type that none of ours has.
        return False


def _checksum(tensors: Mapping[str, Tensor], history: list[dict[str, float]]) -> str:
    digest = hashlib.sha256(json.dumps(history, sort_keys=True).encode())
    for name, tensor in sorted(tensors.items()):
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        digest.update(tensor.contiguous().numpy().data)
    return digest.hexdigest()
