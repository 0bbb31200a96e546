"""The machine that is measured, and how fast it multiplies and copies."""

import os
import platform
import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import flop_registry

from feature_quality.training.device import describe, deterministic_device

# Past all caches of a core, and large enough to keep a GPU busy.
SIDE = {"cpu": 2048, "cuda": 8192}
COPIED = {"cpu": 2**26, "cuda": 2**30}


def processes() -> int:
    """Return how many jobs of training share the machine: one for each core, or one on a GPU."""
    return 1 if torch.cuda.is_available() else len(os.sched_getaffinity(0))


def title() -> str:
    """Return the machine and the versions, in one line."""
    device = describe(deterministic_device())
    if device == "cpu":
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        names = [line.partition(": ")[2] for line in lines if line.startswith("model name")]
        device = names[0] if names else platform.machine()
        device = f"{device}, {processes()} processes of one thread"
    return f"{device}, Python {platform.python_version()}, torch {version('torch')}"


def fastest(call: Callable[[], object], turns: int = 10) -> float:
    """Return the shortest time of ``call`` in seconds."""
    times = []
    for _ in range(turns):
        start = time.perf_counter()
        call()
        if torch.cuda.is_available():
            torch.cuda.synchronize()
        times.append(time.perf_counter() - start)
    return min(times)


@dataclass(frozen=True)
class Rates:
    """What one process reaches: products in FLOP/s and copies in bytes read and written a second.

    Products are of matrices of ``precision``, copies of more memory than caches hold.
    """

    products: float
    copies: float

    @classmethod
    def measured(cls, device: torch.device, precision: str) -> "Rates":
        """Measure them."""
        side, copied = SIDE[device.type], COPIED[device.type]
        a, b = torch.rand(2, side, side, device=device).to(getattr(torch, precision))
        source = torch.zeros(copied, dtype=torch.uint8, device=device)
        target = torch.zeros_like(source)
        return cls(
            products=2 * side**3 / fastest(lambda: a @ b),
            copies=2 * copied / fastest(lambda: target.copy_(source)),
        )


class Roofline(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Adds up the least time that the operations inside its block take at given rates.

    An operation takes the time of its products, or that of moving each of its inputs and outputs
    once, whichever is longer. That nothing is kept in caches between operations is the model's own
    assumption: what fits into them may go faster.
    """

    def __init__(self, rates: Rates) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.rates = rates
        self.seconds = 0.0

    def __torch_dispatch__(
        self, operation: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        result = operation(*args, **(kwargs or {}))
        given, made = _bytes((args, kwargs)), _bytes(result)
        views = not operation._schema.is_mutable and made.keys() <= given.keys()
        if not views and not operation.overloadpacket.__name__.startswith("empty"):
            count = flop_registry.get(operation.overloadpacket)
            products = count(*args, **(kwargs or {}), out_val=result) if count else 0
            moved = sum((given | made).values())
            self.seconds += max(products / self.rates.products, moved / self.rates.copies)
        return result


def _bytes(values: Any) -> dict[int, int]:
    """Return the size of each tensor among ``values``, by where it is stored."""
    tensors = [leaf for leaf in tree_leaves(values) if torch.is_tensor(leaf)]
    return {
        tensor.untyped_storage().data_ptr(): tensor.numel() * tensor.element_size()
        for tensor in tensors
    }
