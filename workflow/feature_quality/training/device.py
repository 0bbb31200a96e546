"""Where computation runs, and how it is made to give the same bytes every time."""

import ctypes
import fcntl
import os
import platform
import tempfile
from itertools import count
from pathlib import Path

import torch

# From glibc's malloc.h and malloc.c.
_TRIM_THRESHOLD = -1
_MMAP_THRESHOLD = -3
_LARGEST_MMAP_THRESHOLD = 32 * 2**20
# What multiplies matrices of bfloat16 on x86; on ARM it has not been measured.
_BFLOAT16_PRODUCTS = ("avx512_bf16", "amx_bf16")


def deterministic_device() -> torch.device:
    """Return a GPU if there is one, else the CPU, after asking PyTorch for repeatable arithmetic.

    Deterministic algorithms are on and TF32 is off. The CPU computes with one
    thread, because another number of threads rounds differently: jobs run side by side instead.
    """
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    # use_deterministic_algorithms(True) does this too, but loads the compiler: four seconds.
    torch.set_deterministic_debug_mode("error")
    # Else every new tensor is filled with NaN first, to show up code that reads it unwritten.
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
    torch.backends.cuda.matmul.allow_tf32 = False
    torch.backends.cudnn.allow_tf32 = False
    torch.backends.cudnn.benchmark = False
    torch.set_num_threads(1)
    if not torch.cuda.is_available():
        _keep_freed_memory()
        return torch.device("cpu")
    device = torch.device("cuda", _free_gpu())
    torch.cuda.set_device(device)
    return device


def _keep_freed_memory() -> None:
    """Let the C library keep the memory of freed tensors for the next ones.

    glibc gives large blocks back at once, and in each step the kernel would map their pages anew,
    which takes a fifth of the time of the CNN's. Blocks of 32 MiB and more are given back even so.
    Other C libraries are left as they are.
    """
    library = ctypes.CDLL(None)
    if hasattr(library, "mallopt"):
        library.mallopt(_TRIM_THRESHOLD, 2**30)
        library.mallopt(_MMAP_THRESHOLD, _LARGEST_MMAP_THRESHOLD)


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


def memory_of(device: torch.device) -> int:
    """Return the bytes of memory that the device has in all."""
    if device.type == "cuda":
        total: int = torch.cuda.get_device_properties(device).total_memory
        return total
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def describe(device: torch.device) -> str:
    """Return the device's name, for the record of a run."""
    return torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu"


def usable_precision(asked: str, device: torch.device) -> str:
    """Return ``bfloat16`` if it is asked for and the device computes with it, else float32."""
    if device.type == "cuda":
        has = torch.cuda.is_bf16_supported(including_emulation=False)
    else:
        has = bool(_bfloat16_products())
    return asked if has else "float32"


def instructions() -> list[str]:
    """Name what decides how this CPU rounds: its family, and which kernels PyTorch takes there."""
    return [platform.machine(), torch.backends.cpu.get_cpu_capability(), *_bfloat16_products()]


def _bfloat16_products() -> list[str]:
    capabilities = torch.cpu.get_capabilities()
    return [name for name in _BFLOAT16_PRODUCTS if capabilities.get(name)]
