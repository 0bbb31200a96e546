"""Where computation runs, and how it is made to give the same bytes every time."""

import os

import torch


def deterministic_device() -> torch.device:
    """Return the GPU if there is one, else the CPU, after asking PyTorch for repeatable arithmetic.

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
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def describe(device: torch.device) -> str:
    """Return the device's name, for the record of a run."""
    return torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu"


def usable_precision(asked: str, device: torch.device) -> str:
    """Return ``bfloat16`` if it is asked for and the device is a GPU that has it, else float32."""
    has = device.type == "cuda" and torch.cuda.is_bf16_supported(including_emulation=False)
    return asked if has else "float32"
