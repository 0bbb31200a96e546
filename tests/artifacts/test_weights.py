import json

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file

from feature_quality.artifacts.weights import (
    read_described_weights,
    read_snapshots,
    read_weights,
    write_snapshots,
    write_weights,
)
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


def test_equal_input_gives_equal_bytes_whatever_its_layout_and_order(tmp_path):
    same = dict(reversed(weights().items()))
    same["conv.weight"] = same["conv.weight"].to(memory_format=torch.channels_last)
    assert not same["conv.weight"].is_contiguous()
    names = {f"key {number}": number for number in range(20)}
    write_weights(tmp_path / "a", weights(), names)
    write_weights(tmp_path / "b", same, dict(reversed(names.items())))
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_a_full_disk_is_said_and_leaves_the_old_file(path, no_file_above):
    before = path.read_bytes()
    with (
        pytest.raises(InputError, match=f"{path}: cannot be written .*File too large"),
        no_file_above(100),
    ):
        write_weights(path, weights(), {})
    assert path.read_bytes() == before
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize("read", [read_weights, read_described_weights, read_snapshots])
def test_refuses_what_is_cut_absent_or_pickled(path, read):
    content = path.read_bytes()
    torch.save(weights(), path.with_name("pickled"))
    with pytest.raises(InputError, match="pickled: cannot be read as safetensors"):
        read(path.with_name("pickled"))
    for size in (*range(0, 300, 20), len(content) - 1):
        path.write_bytes(content[:size])
        with pytest.raises(InputError, match=f"{path}: cannot be read as safetensors"):
            read(path)
    path.unlink()
    with pytest.raises(InputError, match=f"{path}: cannot be read as safetensors"):
        read(path)


def test_described_weights_come_with_their_description(tmp_path):
    path, description = tmp_path / "w", {"seed": 3, "axes": {"ρ": [0.1, None]}, "code": "abc"}
    write_weights(path, weights(), description)
    tensors, found = read_described_weights(path)
    assert found == description
    assert torch.equal(tensors["conv.weight"], weights()["conv.weight"])
    with safe_open(path, "pt") as file:
        assert json.loads(file.metadata()["feature_quality"]) == description


@pytest.mark.parametrize("metadata", [None, {"format": "pt"}])
def test_weights_of_others_have_no_description(tmp_path, metadata):
    path = tmp_path / "w.safetensors"
    save_file({"bias": torch.ones(2)}, path, metadata)
    assert read_weights(path)["bias"].tolist() == [1, 1]
    with pytest.raises(InputError) as refusal:
        read_described_weights(path)
    assert str(refusal.value) == f"{path}: was not written by this workflow (no description)"


@pytest.mark.parametrize("description", ["[1]", "3", "[" * 100_000, "{"])
def test_a_description_that_is_no_object_is_refused(tmp_path, description):
    path = tmp_path / "w.safetensors"
    save_file({"bias": torch.ones(2)}, path, {"feature_quality": description})
    with pytest.raises(InputError, match=f"^{path}: its description is not "):
        read_described_weights(path)


def test_snapshots_are_read_back_by_epoch_in_its_order(tmp_path):
    names = ["layer1.0.conv.weight", "a/b", "epoch=1/c", "/d", "1"]
    snapshots = {
        epoch: {name: torch.tensor([epoch, place]) for place, name in enumerate(names)}
        for epoch in (100, 0, 20, 3)
    }
    write_snapshots(tmp_path / "s", snapshots, {"seed": 1})
    found = read_snapshots(tmp_path / "s")
    assert list(found) == [0, 3, 20, 100]
    for epoch, tensors in found.items():
        assert {name: tensor.tolist() for name, tensor in tensors.items()} == {
            name: [epoch, place] for place, name in enumerate(names)
        }
    assert read_described_weights(tmp_path / "s")[1] == {"seed": 1}


def test_equal_snapshots_give_equal_bytes_and_none_is_read_back(tmp_path):
    after = {epoch: {"w": torch.full((3,), float(epoch))} for epoch in (1, 2)}
    write_snapshots(tmp_path / "a", after, {})
    write_snapshots(tmp_path / "b", dict(reversed(after.items())), {})
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    write_snapshots(tmp_path / "none", {}, {})
    assert read_snapshots(tmp_path / "none") == {}


@pytest.mark.parametrize(
    "key", ["head", "epoch=x/head", "epoch=²/head", f"epoch={'1' * 5000}/head"]
)
def test_other_weights_are_no_snapshots(key, tmp_path):
    write_weights(tmp_path / "s", {key: torch.zeros(1)}, {})
    with pytest.raises(InputError, match=r"does not hold snapshots, but (epoch|head)"):
        read_snapshots(tmp_path / "s")
