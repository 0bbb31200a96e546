import hashlib
import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torchvision.models import resnet18, resnet34, resnet50

from feature_quality.artifacts.prepared import Description, Prepared
from feature_quality.artifacts.weights import write_weights
from feature_quality.errors import InputError
from feature_quality.training.models import (
    convolutional_network,
    load_pretrained,
    network_for,
    normalise,
    residual_network,
    trained_network,
)

CPU = torch.device("cpu")


def prepared(dataset: str = "some", *, shape=(3, 16, 8), classes: int = 2) -> Prepared:
    names = tuple(f"class {number}" for number in range(classes))
    description = Description(
        dataset,
        "Some dataset",
        True,
        ("a", "b"),
        (names, ("one", "two", "three")),
        (0.5,) * 3,
        (1.0,) * 3,
    )
    return Prepared(description, np.zeros((1, *shape), dtype=np.uint8), pd.DataFrame())


def weights(network: nn.Module) -> torch.Tensor:
    return torch.cat([parameter.detach().reshape(-1) for parameter in network.parameters()])


@pytest.mark.parametrize(
    ("shape", "classes", "features"), [((3, 64, 32), 2, 4096), ((1, 56, 28), 5, 3584)]
)
def test_layers_are_those_of_appendix_b(shape, classes, features):
    network = convolutional_network(shape, classes)
    # The representations show every setting that is not a default.
    assert [repr(layer) for layer in network] == [
        f"Conv2d({shape[0]}, 32, kernel_size=(5, 5), stride=(2, 2), padding=(2, 2))",
        "ReLU(inplace=True)",
        "Conv2d(32, 64, kernel_size=(3, 3), stride=(2, 2), padding=(1, 1))",
        "ReLU(inplace=True)",
        "Conv2d(64, 128, kernel_size=(3, 3), stride=(2, 2), padding=(1, 1))",
        "Flatten(start_dim=1, end_dim=-1)",
        "ReLU(inplace=True)",
        f"Linear(in_features={features}, out_features={classes}, bias=True)",
    ]


@given(
    channels=st.integers(1, 4),
    height=st.integers(1, 41),
    width=st.integers(1, 41),
    classes=st.integers(1, 4),
)
@settings(max_examples=30)
def test_the_linear_layer_fits_the_features_of_any_image_size(channels, height, width, classes):
    network = convolutional_network((channels, height, width), classes)
    features = network[:-1](torch.zeros(2, channels, height, width))
    assert features.shape == (2, network[-1].in_features)
    assert network[-1](features).shape == (2, classes)


def test_initial_weights_are_torchs_default_from_the_callers_seed():
    torch.manual_seed(5)
    network = convolutional_network((2, 8, 8), 3)
    torch.manual_seed(5)
    layers = [
        nn.Conv2d(2, 32, 5),
        nn.Conv2d(32, 64, 3),
        nn.Conv2d(64, 128, 3),
        nn.Linear(128, 3),
    ]
    expected = torch.cat([weights(layer) for layer in layers])
    assert torch.equal(weights(network), expected)


@pytest.mark.parametrize(("kind", "published"), [("resnet18", resnet18), ("resnet50", resnet50)])
def test_the_residual_network_is_torchvisions(kind, published):
    torch.manual_seed(5)
    ours = residual_network(kind, 3)
    torch.manual_seed(5)
    theirs = published(num_classes=3)
    assert list(ours.state_dict()) == list(theirs.state_dict())
    # By seed and by name.
    assert torch.equal(weights(ours), weights(theirs))
    images = torch.rand(2, 3, 40, 33)
    for mode in (True, False):
        assert torch.equal(ours.train(mode)(images), theirs.train(mode)(images))


@pytest.mark.parametrize(("kind", "width"), [("resnet18", 512), ("resnet50", 2048)])
def test_the_residual_networks_features_are_the_input_of_its_last_layer(kind, width):
    network = residual_network(kind, 3).eval()
    images = torch.rand(2, 3, 40, 33)
    features = network[:-1](images)
    assert features.shape == (2, width)
    assert isinstance(network[-1], nn.Linear)
    assert torch.equal(network[-1](features), network(images))


@pytest.mark.parametrize(
    ("kind", "shape"),
    [
        ("cnn", (1, 20, 9)),
        ("cnn", (3, 8, 8)),
        ("resnet18", (3, 20, 9)),
        ("resnet50", (3, 20, 9)),
    ],
)
def test_network_for_takes_its_shape_from_the_data(kind, shape):
    network = network_for(prepared(shape=shape, classes=4), kind, 0, CPU)
    first = next(each for each in network.modules() if isinstance(each, nn.Conv2d))
    assert (first.in_channels, first.out_channels) == (shape[0], 32 if kind == "cnn" else 64)
    assert first.weight.is_contiguous(memory_format=torch.channels_last)
    assert network(torch.zeros(2, *shape)).shape == (2, 4)
    assert network[-1].in_features == {"resnet18": 512, "resnet50": 2048}.get(
        kind, 128 * -(-shape[1] // 8) * -(-shape[2] // 8)
    )


@pytest.mark.parametrize("kind", ["cnn", "resnet18"])
def test_equal_seeds_give_equal_weights_and_others_do_not(kind):
    network = network_for(prepared(), kind, 3, CPU)[-1].weight
    torch.manual_seed(99)
    before = torch.get_rng_state()
    assert torch.equal(network_for(prepared(), kind, 3, CPU)[-1].weight, network)
    assert torch.equal(torch.get_rng_state(), before)
    for data, seed in ((prepared(), 4), (prepared("other"), 3)):
        assert not (network_for(data, kind, seed, CPU)[-1].weight == network).any()


@pytest.mark.parametrize("kind", ["cnn", "resnet18"])
def test_a_trained_network_is_that_of_its_run_with_the_stored_weights(kind, tmp_path):
    network = network_for(prepared(classes=3), kind, 1, CPU)
    with torch.no_grad():
        for tensor in network.state_dict().values():
            tensor.add_(1)
    write_weights(tmp_path / "model.safetensors", network.state_dict(), {})
    run = {"settings": {"network": kind}, "seed": 1}
    read = trained_network(prepared(classes=3), run, tmp_path / "model.safetensors", CPU)
    for name, tensor in read.state_dict().items():
        assert torch.equal(tensor, network.state_dict()[name]), name


# Published weights


def publish(folder: Path, content: Any) -> Path:
    """Save as torchvision does, under a name that ends in the file's hash."""
    path = folder / "unnamed.pth"
    torch.save(content, path)
    return named_by_hash(path)


def named_by_hash(path: Path) -> Path:
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    return path.rename(path.with_name(f"resnet18-{digest[:8]}.pth"))


def test_published_weights_fill_all_layers_but_the_last(tmp_path):
    torch.manual_seed(1)
    published = resnet18(num_classes=7).state_dict()
    for name, tensor in published.items():
        if "running" in name:
            tensor.uniform_(0.5, 2)
        if "num_batches" in name:
            tensor.fill_(12)
    torch.manual_seed(2)
    network = residual_network("resnet18", 3)
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    load_pretrained(network, publish(tmp_path, published))
    for name, tensor in network.state_dict().items():
        expected = before[name] if name.startswith("fc.") else published[name]
        assert torch.equal(tensor, expected), name


def test_a_file_that_its_name_does_not_fit_is_refused(tmp_path):
    path = publish(tmp_path, resnet18(num_classes=2).state_dict())
    found = hashlib.sha256(path.read_bytes()).hexdigest()
    path = path.rename(tmp_path / "resnet18-f37072fd.pth")
    with pytest.raises(InputError) as raised:
        load_pretrained(residual_network("resnet18", 2), path)
    assert str(raised.value) == f"{path}: sha256 {found}, expected f37072fd…"


class Runs:
    def __init__(self, proof: Path) -> None:
        self.proof = proof

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.proof,)


@pytest.mark.parametrize(
    "content",
    [
        lambda: resnet34(num_classes=2).state_dict(),
        lambda: resnet50(num_classes=2).state_dict(),
        lambda: convolutional_network((3, 16, 16), 2).state_dict(),
        dict,
        lambda: [1, 2],
        lambda: torch.zeros(3),
        lambda: {"conv1.weight": torch.zeros(2)},
    ],
    ids=[
        "ResNet-34",
        "ResNet-50",
        "another network",
        "nothing",
        "a list",
        "a tensor",
        "another shape",
    ],
)
def test_weights_of_another_network_are_refused(content, tmp_path):
    path = publish(tmp_path, content())
    network = residual_network("resnet18", 2)
    refused = f"^{re.escape(str(path))}: does not hold the weights of this network "
    with pytest.raises(InputError, match=refused):
        load_pretrained(network, path)


def test_a_file_that_is_no_network_is_refused(tmp_path):
    (tmp_path / "text.pth").write_text("<html>404</html>")
    path = named_by_hash(tmp_path / "text.pth")
    with pytest.raises(InputError, match="does not hold the weights of this network"):
        load_pretrained(residual_network("resnet18", 2), path)


def test_a_file_that_would_run_code_is_refused_and_does_not(tmp_path):
    proof = tmp_path / "proof"
    path = publish(tmp_path, {"fc.weight": Runs(proof)})
    with pytest.raises(InputError, match="does not hold the weights of this network"):
        load_pretrained(residual_network("resnet18", 2), path)
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
