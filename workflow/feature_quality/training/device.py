"""Where computation runs, and how it is made to give the same bytes every time."""

import fcntl
import os
import tempfile
from itertools import count
from pathlib import Path

import torch


def deterministic_device() -> torch.device:
    """Return a GPU if there is one, else the CPU, after asking PyTorch for repeatable arithmetic.

    Deterministic algorithms are on and TF32 is off (spec, section 1). The CPU computes with one
    thread, because another number of threads rounds differently: jobs run side by side instead.
    """
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    # use_deterministic_algorithms(True) does this too, but loads the compiler: four seconds.
    torch.set_deterministic_debug_mode("error")
    torch.backends.cuda.matmul.allow_tf32 = False
    torch.backends.cudnn.allow_tf32 = False
    torch.backends.cudnn.benchmark = False
    torch.set_num_threads(1)
    if not torch.cuda.is_available():
        return torch.device("cpu")
    device = torch.device("cuda", _free_gpu())
    torch.cuda.set_device(device)
    return device


def _free_gpu() -> int:
    """Take a place on the GPU on which fewest processes have one.

    Snakemake limits how many jobs run at one time, and leaves it to them to part the GPUs.
    """
    gpus = range(torch.cuda.device_count())
    if len(gpus) == 1:
        return 0
    uuids = {gpu: torch.cuda.get_device_properties(gpu).uuid for gpu in gpus}
    return next(gpu for place in count() for gpu in gpus if _take(f"{uuids[gpu]}-{place}"))


def _take(place: str) -> bool:
    """Hold a place on this machine until this process ends; False if another process has it."""
    name = f"feature-quality-{os.getuid()}-{place}.lock"
    lock = os.open(Path(tempfile.gettempdir(), name), os.O_CREAT | os.O_RDWR, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(lock)
        return False
    # It stays open, and the kernel closes it.
    return True


def describe(device: torch.device) -> str:
    """Return the device's name, for the record of a run."""
    return torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu"


def usable_precision(asked: str, device: torch.device) -> str:
    """Return ``bfloat16`` if it is asked for and the device is a GPU that has it, else float32."""
    has = device.type == "cuda" and torch.cuda.is_bf16_supported(including_emulation=False)
    return asked if has else "float32"
