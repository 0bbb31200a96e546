"""Where computation runs, and how it is made to give the same bytes every time."""

import ctypes
import fcntl
import os
import platform
import tempfile
from itertools import count
from pathlib import Path

import torch

from feature_quality.errors import InputError

# From glibc's malloc.h and malloc.c.
_TRIM_THRESHOLD = -1
_MMAP_THRESHOLD = -3
_LARGEST_MMAP_THRESHOLD = 32 * 2**20
# What multiplies matrices of bfloat16 on x86; on ARM it has not been measured.
_BFLOAT16_PRODUCTS = ("avx512_bf16", "amx_bf16")


def deterministic_device() -> torch.device:
    """Return a GPU if there is one, else the CPU, after asking PyTorch for repeatable arithmetic.

    Of several GPUs, it takes a place on the one that fewest jobs use.
    """
    if not torch.cuda.is_available():
        return deterministic_cpu()
    ask_for_determinism()
    device = torch.device("cuda", _free_gpu())
    torch.cuda.set_device(device)
    return device


def deterministic_cpu() -> torch.device:
    """Return the CPU, after asking PyTorch for repeatable arithmetic; a GPU is left alone."""
    ask_for_determinism()
    _keep_freed_memory()
    return torch.device("cpu")


def ask_for_determinism() -> None:
    """Ask PyTorch for repeatable arithmetic: deterministic algorithms, no TF32, one CPU thread.

    Another number of threads rounds differently: jobs run side by side instead.
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


def has_bfloat16(device: torch.device) -> bool:
    """Say whether the device computes with bfloat16; emulated, it is slower than float32."""
    if device.type == "cuda":
        has: bool = torch.cuda.is_bf16_supported(including_emulation=False)
        return has
    return bool(_bfloat16_products())


def refuse_emulation(precision: str, device: torch.device) -> None:
    """Refuse bfloat16 on a device that does not compute with it.

    Taking float32 there instead would compare runs of both.

    Raises:
        InputError: it is asked for in vain.
    """
    if precision == "bfloat16" and not has_bfloat16(device):
        raise InputError(
            f"precision: bfloat16 should be float32, as {describe(device)} here does not compute "
            "with bfloat16"
        )


def instructions() -> list[str]:
    """Name what decides how this CPU rounds: its family, and which kernels PyTorch takes there."""
    return [platform.machine(), torch.backends.cpu.get_cpu_capability(), *_bfloat16_products()]


def _bfloat16_products() -> list[str]:
    capabilities = torch.cpu.get_capabilities()
    return [name for name in _BFLOAT16_PRODUCTS if capabilities.get(name)]
