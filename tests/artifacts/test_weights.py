import json
from pathlib import Path

import pytest
import torch
from safetensors import safe_open

from feature_quality.artifacts import weights as weights_module
from feature_quality.artifacts.weights import read_weights, write_weights
from feature_quality.errors import InputError


def weights():
    torch.manual_seed(0)
    return {
        "conv.weight": torch.randn(4, 3, 5, 5),
        "bias": torch.tensor([float("nan"), float("inf"), -0.0]),
        "batches": torch.tensor(7),
    }


@pytest.fixture
def path(tmp_path):
    write_weights(tmp_path / "w.safetensors", weights(), {"seed": 0})
    return tmp_path / "w.safetensors"


def test_reads_what_was_written_bit_for_bit(path):
    read = read_weights(path)
    assert set(read) == set(weights())
    for name, tensor in weights().items():
        assert read[name].dtype == tensor.dtype
        assert read[name].shape == tensor.shape
        assert read[name].numpy().tobytes() == tensor.numpy().tobytes()


def test_carries_the_description_of_its_run(path):
    with safe_open(path, "pt") as file:
        assert json.loads(file.metadata()["feature_quality"]) == {"seed": 0}


def test_equal_input_gives_equal_bytes_whatever_its_layout_and_order(tmp_path):
    same = dict(reversed(weights().items()))
    same["conv.weight"] = same["conv.weight"].to(memory_format=torch.channels_last)
    assert not same["conv.weight"].is_contiguous()
    names = {f"key {number}": number for number in range(20)}
    write_weights(tmp_path / "a", weights(), names)
    write_weights(tmp_path / "b", same, dict(reversed(names.items())))
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_a_full_disk_leaves_the_old_file(path, monkeypatch):
    before = path.read_bytes()

    def save_half(tensors, file, metadata):
        Path(file).write_bytes(before[:100])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(weights_module, "save_file", save_half)
    with pytest.raises(OSError, match="No space"):
        write_weights(path, weights(), {})
    assert path.read_bytes() == before
    assert list(path.parent.iterdir()) == [path]


def test_refuses_a_file_that_is_cut_anywhere(path):
    content = path.read_bytes()
    for size in (*range(0, 300, 20), len(content) - 1):
        path.write_bytes(content[:size])
        with pytest.raises(InputError, match=f"{path}: cannot be read as safetensors"):
            read_weights(path)


def test_refuses_what_is_absent_or_pickled(tmp_path):
    torch.save(weights(), tmp_path / "pickled.pt")
    for name in ("pickled.pt", "absent.safetensors"):
        with pytest.raises(InputError, match=f"{name}: cannot be read as safetensors"):
            read_weights(tmp_path / name)
