import os
import platform
import subprocess
import sys
import tempfile
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

import feature_quality
from feature_quality.errors import InputError
from feature_quality.training.device import (
    _free_gpu,
    describe,
    deterministic_cpu,
    deterministic_device,
    has_bfloat16,
    instructions,
    refuse_emulation,
)

LEAN_RUN = """
import sys
import torch
from torch import nn
from feature_quality.methods import METHODS
from feature_quality.training.augmentation import Crop
from feature_quality.training.device import deterministic_device
from feature_quality.training.loop import DeviceSplit, TrainingConfig, train
from feature_quality.training.models import Network

deterministic_device()
split = DeviceSplit(torch.arange(24, dtype=torch.uint8).view(6, 1, 2, 2), torch.arange(6) % 2,
                torch.ones(6) / 6, torch.tensor([0.5]), torch.tensor([1.0]))
for method in METHODS.values():
    backbone = nn.Sequential(nn.Conv2d(1, 2, 2), nn.BatchNorm2d(2), nn.Flatten())
    config = TrainingConfig(epochs=1, batch_size=4, momentum=0.9, weight_decay=0.1,
                            snapshot_epochs=(1,), crop=Crop((0.5, 1.0), (0.75, 1.3)))
    run = train(Network(backbone, nn.Linear(2, 2)), split, split, config,
                dataset="lean", perturbation=method, lr=0.1, rho=0.1, seed=0)
    assert len(run.history) == 1
print([name for name in ("torch._dynamo", "torch._inductor") if name in sys.modules])
"""


WORKFLOW = str(Path(feature_quality.__file__).parents[1])


def said_by(code: str, **environment: str) -> str:
    """Return what a Python process of its own prints."""
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | {"PYTHONPATH": WORKFLOW} | environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture
def opposite_settings(monkeypatch):
    # The package's own setting must not outlive the test, even where there was none before.
    monkeypatch.setenv("CUBLAS_WORKSPACE_CONFIG", "unset")
    monkeypatch.delenv("CUBLAS_WORKSPACE_CONFIG")
    torch.set_deterministic_debug_mode("default")
    torch.backends.cuda.matmul.allow_tf32 = True
    torch.backends.cudnn.allow_tf32 = True
    torch.backends.cudnn.benchmark = True
    torch.utils.deterministic.fill_uninitialized_memory = True
    torch.set_num_threads(2)


@pytest.mark.usefixtures("opposite_settings")
def test_arithmetic_is_made_repeatable():
    device = deterministic_device()
    assert device.type == ("cuda" if torch.cuda.is_available() else "cpu")
    assert torch.are_deterministic_algorithms_enabled()
    assert not torch.is_deterministic_algorithms_warn_only_enabled()
    assert not torch.backends.cuda.matmul.allow_tf32
    assert not torch.backends.cudnn.allow_tf32
    assert not torch.backends.cudnn.benchmark
    assert not torch.utils.deterministic.fill_uninitialized_memory
    assert torch.get_num_threads() == 1
    # One of the two values with which cuBLAS is deterministic.
    assert os.environ["CUBLAS_WORKSPACE_CONFIG"] == ":4096:8"


@pytest.mark.usefixtures("opposite_settings")
def test_a_workspace_that_the_user_chose_stays(monkeypatch):
    monkeypatch.setenv("CUBLAS_WORKSPACE_CONFIG", ":16:8")
    deterministic_device()
    assert os.environ["CUBLAS_WORKSPACE_CONFIG"] == ":16:8"


@pytest.mark.usefixtures("opposite_settings")
def test_work_on_the_cpu_leaves_gpus_alone(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: pytest.fail("it asks for a GPU"))
    assert deterministic_cpu() == torch.device("cpu")
    assert torch.are_deterministic_algorithms_enabled()
    assert torch.get_num_threads() == 1


PAGE_FAULTS = """
import resource
import torch
from feature_quality.training.device import deterministic_device

deterministic_device()

def faults():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt

def step():
    # A network's activations: all are alive at one time, and then none.
    tensors = [torch.ones(2**20) for _ in range(10)]

for _ in range(3):
    step()
before = faults()
step()
print(faults() - before)
"""


HUGE_PAGES = Path("/sys/kernel/mm/transparent_hugepage/enabled")


@pytest.mark.skipif("glibc" not in platform.libc_ver(), reason="other C libraries are left alone")
@pytest.mark.skipif(
    HUGE_PAGES.exists() and "[always]" in HUGE_PAGES.read_text(), reason="huge pages: few faults"
)
def test_freed_memory_is_used_again():
    # 40 MiB are 10,240 pages.
    assert int(said_by(PAGE_FAULTS, CUDA_VISIBLE_DEVICES="")) < 100


def test_the_cpu_is_described_without_asking_for_a_gpu():
    assert describe(torch.device("cpu")) == "cpu"


@pytest.mark.parametrize(
    ("capabilities", "has"),
    [
        ({"avx512_bf16": True}, True),
        ({"avx512_bf16": False, "amx_bf16": True}, True),
        ({"bf16": True}, False),
        ({"avx512_f": True, "avx512_bf16": False}, False),
    ],
)
def test_a_cpu_has_bfloat16_by_its_own_instructions(capabilities, has, monkeypatch):
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: capabilities)
    assert has_bfloat16(torch.device("cpu")) == has


def test_bfloat16_is_refused_where_it_would_be_emulated(monkeypatch):
    cpu = torch.device("cpu")
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx512_bf16": True})
    refuse_emulation("bfloat16", cpu)
    monkeypatch.setattr(torch.cpu, "get_capabilities", dict)
    refuse_emulation("float32", cpu)
    with pytest.raises(InputError, match="bfloat16 should be float32, as cpu here does not"):
        refuse_emulation("bfloat16", cpu)


def test_cpus_with_other_products_of_bfloat16_are_told_apart(monkeypatch):
    named = []
    for has in ({"avx512_bf16": True}, {"avx512_bf16": True, "amx_bf16": True}, {}):
        monkeypatch.setattr(torch.cpu, "get_capabilities", lambda has=has: has)
        named.append(tuple(instructions()))
    assert len(set(named)) == 3
    assert named[2] == (platform.machine(), torch.backends.cpu.get_cpu_capability())


@pytest.mark.parametrize("has", [True, False])
def test_a_gpu_that_emulates_bfloat16_has_it_not(has, monkeypatch):
    monkeypatch.setattr(
        torch.cuda, "is_bf16_supported", lambda including_emulation: has or including_emulation
    )
    assert has_bfloat16(torch.device("cuda")) == has


TAKE_GPUS = """
import sys
from types import SimpleNamespace
import torch
from feature_quality.training.device import _free_gpu

torch.cuda.device_count = lambda: 2
torch.cuda.get_device_properties = lambda gpu: SimpleNamespace(uuid=f"test-{gpu}")
print(_free_gpu(), _free_gpu(), _free_gpu(), flush=True)
sys.stdin.read()
"""


def test_jobs_take_the_gpus_in_turn_and_give_them_back(tmp_path, monkeypatch):
    """Both processes think that they see GPUs, which nothing is computed on.

    A lock is one of an opened file, so that one process can hold several places.
    """
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(
        torch.cuda, "get_device_properties", lambda gpu: SimpleNamespace(uuid=f"test-{gpu}")
    )
    environment = os.environ | {"PYTHONPATH": WORKFLOW, "TMPDIR": str(tmp_path)}
    with subprocess.Popen(
        [sys.executable, "-c", TAKE_GPUS],
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as other:
        try:
            assert other.stdout.readline().split() == ["0", "1", "0"]
            assert [_free_gpu() for _ in range(2)] == [1, 0]
        finally:
            other.kill()
            other.wait()
    # However a process ends, its places are free: two on the first GPU and one on the second.
    assert [_free_gpu() for _ in range(3)] == [0, 1, 0]
    assert len(list(tmp_path.iterdir())) == 5
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    assert _free_gpu() == 0


def test_training_does_not_load_the_compiler():
    """Loading it costs every job four seconds."""
    assert said_by(LEAN_RUN).strip() == "[]"
