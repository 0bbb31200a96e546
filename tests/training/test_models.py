import hashlib
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn
from torchvision.models import resnet18, resnet34, resnet50

from feature_quality.artifacts.prepared import Description, Prepared
from feature_quality.artifacts.weights import write_weights
from feature_quality.errors import InputError
from feature_quality.training.models import (
    build_network,
    load_start_weights,
    network_for,
    normalise,
    trained_network,
)
from feature_quality.training.networks.resnet18 import IMAGENET

CPU = torch.device("cpu")
OWN = (0.5, 0.25, 0.75), (1.0, 2.0, 3.0)


def prepared(dataset: str = "some", *, shape=(3, 16, 8), classes: int = 2) -> Prepared:
    names = tuple(f"class {number}" for number in range(classes))
    values = (names, ("one", "two", "three"))
    description = Description(dataset, "Some dataset", True, ("a", "b"), values, *OWN)
    return Prepared(description, np.zeros((1, *shape), dtype=np.uint8), pd.DataFrame({"above": []}))


@pytest.mark.parametrize(
    ("name", "shape", "features", "normalisation"),
    [
        ("cnn", (1, 20, 9), 128 * 3 * 2, OWN),
        ("cnn", (3, 8, 8), 128, OWN),
        ("resnet18", (3, 20, 9), 512, IMAGENET),
        ("timm:tf_efficientnet_lite0", (3, 20, 9), 1280, ((0.5,) * 3, (0.5,) * 3)),
    ],
)
def test_a_runs_network_fits_its_data(name, shape, features, normalisation):
    network = network_for(prepared(shape=shape, classes=4), name, 0, CPU)
    first = next(each for each in network.modules() if isinstance(each, nn.Conv2d))
    assert first.in_channels == shape[0]
    assert first.weight.is_contiguous(memory_format=torch.channels_last)
    assert network(torch.zeros(2, *shape)).shape == (2, 4)
    assert network.head.in_features == features
    # Its own where it has one, else the dataset's.
    assert network.normalisation == normalisation


@pytest.mark.parametrize("name", ["cnn", "resnet18"])
def test_equal_seeds_give_equal_weights_and_others_do_not(name):
    weight = network_for(prepared(), name, 3, CPU).head.weight
    torch.manual_seed(99)
    before = torch.get_rng_state()
    assert torch.equal(network_for(prepared(), name, 3, CPU).head.weight, weight)
    assert torch.equal(torch.get_rng_state(), before)
    for data, seed in ((prepared(), 4), (prepared("other"), 3)):
        assert not (network_for(data, name, seed, CPU).head.weight == weight).any()


@pytest.mark.parametrize("name", ["cnn", "resnet18"])
def test_a_trained_network_is_that_of_its_run_with_the_stored_weights(name, tmp_path):
    network = network_for(prepared(classes=3), name, 1, CPU)
    with torch.no_grad():
        for tensor in network.state_dict().values():
            tensor.add_(1)
    write_weights(tmp_path / "model.safetensors", network.state_dict(), {})
    run = {"settings": {"network": name}, "seed": 1}
    read = trained_network(prepared(classes=3), run, tmp_path / "model.safetensors", CPU)
    for key, tensor in read.state_dict().items():
        assert torch.equal(tensor, network.state_dict()[key]), key


# Weights to start from


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def publish(folder: Path, content: Any) -> Path:
    """Save as torchvision does, under a name that ends in the file's hash."""
    path = folder / "unnamed.pth"
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        torch.save(content, path)
    return path.rename(path.with_name(f"resnet18-{sha256(path)[:8]}.pth"))


def drawn(model: nn.Module) -> dict[str, torch.Tensor]:
    """Return weights of a model with statistics and counts of its own."""
    weights = model.state_dict()
    for name, tensor in weights.items():
        if "running" in name:
            tensor.uniform_(0.5, 2)
        if "num_batches" in name:
            tensor.fill_(12)
    return weights


def as_pth(path: Path, weights: dict[str, torch.Tensor]) -> Path:
    torch.save(weights, path.with_suffix(".pth"))
    return path.with_suffix(".pth")


def as_safetensors(path: Path, weights: dict[str, torch.Tensor]) -> Path:
    write_weights(path.with_suffix(".safetensors"), weights, {})
    return path.with_suffix(".safetensors")


def test_the_stored_weights_of_another_network_are_refused_by_name(tmp_path):
    path = tmp_path / "model.safetensors"
    write_weights(path, build_network("cnn", (3, 32, 32), 7).state_dict(), {})
    run = {"settings": {"network": "cnn"}, "seed": 0}
    with pytest.raises(InputError, match=f"^{path}: does not hold the weights of this network"):
        trained_network(prepared(classes=3), run, path, CPU)


@pytest.mark.parametrize("save", [as_pth, as_safetensors])
@pytest.mark.parametrize(
    ("name", "head", "file_of"),
    [
        ("resnet18", "fc", lambda: resnet18(num_classes=7)),
        ("timm:convnext_atto", "head.fc", None),
        # The files of this workflow's own runs.
        ("cnn", "head", lambda: build_network("cnn", (3, 32, 32), 7)),
        ("resnet18", "head", lambda: build_network("resnet18", (3, 32, 32), 7)),
    ],
)
def test_weights_fill_all_layers_but_the_head(
    name: str, head: str, file_of: Callable[[], nn.Module] | None, save, tmp_path: Path
):
    import timm

    file_of = file_of or (lambda: timm.create_model("convnext_atto", num_classes=7))
    torch.manual_seed(1)
    given = drawn(file_of())
    torch.manual_seed(2)
    network = build_network(name, (3, 32, 32), 3)
    before = {key: tensor.clone() for key, tensor in network.state_dict().items()}
    path = save(tmp_path / "weights", given)
    assert load_start_weights(network, path, published=False) == sha256(path)
    for key, tensor in network.backbone.state_dict().items():
        own = f"backbone.{key}"
        assert torch.equal(tensor, given[own if own in given else key]), key
    assert f"{head}.weight" in given
    for key in ("head.weight", "head.bias"):
        assert torch.equal(network.state_dict()[key], before[key])


def test_published_weights_are_those_that_their_name_says(tmp_path):
    path = publish(tmp_path, drawn(resnet18(num_classes=2)))
    network = build_network("resnet18", (3, 32, 32), 3)
    found = load_start_weights(network, path, published=True)
    assert found == sha256(path)
    assert network.backbone.bn1.num_batches_tracked == 12
    path = path.rename(tmp_path / "resnet18-f37072fd.pth")
    with pytest.raises(InputError) as raised:
        load_start_weights(network, path, published=True)
    assert str(raised.value) == f"{path}: sha256 {found}, expected f37072fd…"
    # A file of the user's may have any name.
    load_start_weights(network, path, published=False)


class Runs:
    def __init__(self, proof: Path) -> None:
        self.proof = proof

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.proof,)


def without(key: str) -> dict[str, torch.Tensor]:
    weights = resnet18(num_classes=2).state_dict()
    del weights[key]
    return weights


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (lambda: resnet34(num_classes=2).state_dict(), "unexpected: layer1.2.conv1.weight and 9"),
        (lambda: resnet50(num_classes=2).state_dict(), "size mismatch for layer1.0.conv1.weight"),
        (lambda: build_network("cnn", (3, 16, 16), 2).state_dict(), "missing: conv1.weight and "),
        (lambda: without("layer4.1.bn2.weight"), r"missing: layer4.1.bn2.weight\)$"),
        (
            lambda: without("conv1.weight") | {"conv.weight": torch.zeros(2)},
            "missing: conv1.weight; un",
        ),
        (dict, "missing: conv1.weight and "),
        (lambda: [1, 2], ""),
        (lambda: torch.zeros(3), ""),
        (lambda: {"conv1.weight": torch.zeros(2)}, "size mismatch for conv1.weight"),
        (lambda: {"state_dict": resnet18(num_classes=2).state_dict()}, "unexpected: state_dict"),
        (lambda: b"<html>404</html>", ""),
        (lambda: b"", ""),
    ],
)
def test_weights_of_another_network_and_damaged_files_are_refused(content, reason, tmp_path):
    path = publish(tmp_path, content())
    network = build_network("resnet18", (3, 32, 32), 2)
    refused = rf"^{re.escape(str(path))}: does not hold the weights of this network \(.*{reason}"
    for published in (True, False):
        with pytest.raises(InputError, match=refused) as raised:
            load_start_weights(network, path, published=published)
        assert len(str(raised.value)) < 600


def test_a_damaged_or_absent_file_of_safetensors_is_refused(tmp_path):
    network = build_network("cnn", (3, 16, 16), 2)
    path = as_safetensors(tmp_path / "weights", network.state_dict())
    path.write_bytes(path.read_bytes()[:-10])
    with pytest.raises(InputError, match="cannot be read as safetensors"):
        load_start_weights(network, path, published=False)
    path.unlink()
    with pytest.raises(InputError, match=r"weights.safetensors"):
        load_start_weights(network, path, published=False)


def test_a_file_that_would_run_code_is_refused_and_does_not(tmp_path):
    proof = tmp_path / "proof"
    path = publish(tmp_path, {"fc.weight": Runs(proof)})
    with pytest.raises(InputError, match="does not hold the weights of this network"):
        load_start_weights(build_network("resnet18", (3, 8, 8), 2), path, published=True)
    assert not proof.exists()
    # It does hold the call.
    assert b"touch" in path.read_bytes()


def test_normalise_by_hand():
    # Two images of two channels of 2×2: a mean taken along any other axis would fit as well.
    images = torch.tensor(
        [
            [[[0, 255], [51, 102]], [[255, 0], [204, 153]]],
            [[[51, 51], [0, 0]], [[0, 255], [255, 255]]],
        ],
        dtype=torch.uint8,
    )
    expected = torch.tensor(
        [
            [[[-0.4, 1.6], [0.0, 0.4]], [[1.6, -2.4], [0.8, 0.0]]],
            [[[0.0, 0.0], [-0.4, -0.4]], [[-2.4, 1.6], [1.6, 1.6]]],
        ]
    )
    kept = images.float().contiguous(memory_format=torch.channels_last)
    for given_images in (images, images.float(), kept):
        before = given_images.clone()
        result = normalise(given_images, torch.tensor([0.2, 0.6]), torch.tensor([0.5, 0.25]))
        assert result.dtype == torch.float32
        assert result.is_contiguous(memory_format=torch.channels_last)
        torch.testing.assert_close(result, expected, rtol=0, atol=1e-6)
        assert torch.equal(given_images, before)
