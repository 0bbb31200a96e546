import random
from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True)
def torch_settings() -> Iterator[None]:
    """One thread, so that equal computations give equal bits; all global state comes back."""
    # Not above: the process that only hands tests to workers reads this file too.
    import numpy as np
    import torch

    threads = torch.get_num_threads()
    mode = torch.get_deterministic_debug_mode()
    matmul, cudnn = torch.backends.cuda.matmul, torch.backends.cudnn
    flags = matmul.allow_tf32, cudnn.allow_tf32, cudnn.benchmark
    filled = torch.utils.deterministic.fill_uninitialized_memory
    python_state = random.getstate()
    numpy_state = np.random.get_state()  # noqa: NPY002
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        torch.set_num_threads(1)
        yield
    np.random.set_state(numpy_state)  # noqa: NPY002
    random.setstate(python_state)
    matmul.allow_tf32, cudnn.allow_tf32, cudnn.benchmark = flags
    torch.utils.deterministic.fill_uninitialized_memory = filled
    torch.set_deterministic_debug_mode(mode)
    torch.set_num_threads(threads)
