import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

import feature_quality
from feature_quality.training.device import describe, deterministic_device

LEAN_RUN = """
import sys
import torch
from torch import nn
from feature_quality.training.device import deterministic_device
from feature_quality.training.loop import Batches, train

deterministic_device()
split = Batches(torch.arange(24, dtype=torch.uint8).view(6, 1, 2, 2), torch.arange(6) % 2,
                torch.tensor([0.5]))
for rho in (0.0, 0.1):
    model = nn.Sequential(nn.Conv2d(1, 2, 2), nn.BatchNorm2d(2), nn.Flatten(), nn.Linear(2, 2))
    run = train(model, split, split, dataset="lean", lr=0.1, rho=rho, seed=0, epochs=1,
                batch_size=4, momentum=0.9, weight_decay=0.1, snapshot_epochs=(1,))
    assert len(run.history) == 1
print([name for name in ("torch._dynamo", "torch._inductor") if name in sys.modules])
"""


@pytest.fixture
def opposite_settings(monkeypatch):
    # The package's own setting must not outlive the test, even where there was none before.
    monkeypatch.setenv("CUBLAS_WORKSPACE_CONFIG", "unset")
    monkeypatch.delenv("CUBLAS_WORKSPACE_CONFIG")
    torch.set_deterministic_debug_mode("default")
    torch.backends.cuda.matmul.allow_tf32 = True
    torch.backends.cudnn.allow_tf32 = True
    torch.backends.cudnn.benchmark = True
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
    assert torch.get_num_threads() == 1
    # One of the two values with which cuBLAS is deterministic.
    assert os.environ["CUBLAS_WORKSPACE_CONFIG"] == ":4096:8"


@pytest.mark.usefixtures("opposite_settings")
def test_a_workspace_that_the_user_chose_stays(monkeypatch):
    monkeypatch.setenv("CUBLAS_WORKSPACE_CONFIG", ":16:8")
    deterministic_device()
    assert os.environ["CUBLAS_WORKSPACE_CONFIG"] == ":16:8"


def test_the_cpu_is_described_without_asking_for_a_gpu():
    assert describe(torch.device("cpu")) == "cpu"


def test_training_does_not_load_the_compiler():
    """Loading it costs every job four seconds."""
    workflow = Path(feature_quality.__file__).parents[1]
    done = subprocess.run(
        [sys.executable, "-c", LEAN_RUN],
        env=os.environ | {"PYTHONPATH": str(workflow)},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "[]"
