import subprocess
import sys
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torchvision.models import resnet18, resnet50

import feature_quality
from feature_quality.data.sources import SOURCES
from feature_quality.errors import InputError
from feature_quality.training.models import (
    NetworkSize,
    activation_bytes,
    build_network,
    network_size,
)
from feature_quality.training.network_list import NETWORKS, find_network
from feature_quality.training.networks.resnet18 import IMAGENET


def weights(network: nn.Module) -> torch.Tensor:
    return torch.cat([parameter.detach().reshape(-1) for parameter in network.parameters()])


def test_the_list_is_read_without_the_libraries():
    code = (
        "import sys; from feature_quality.training.network_list import find_network as find;"
        "find('resnet18'); find('timm:some');"
        "assert not {'torch', 'torchvision', 'timm'} & set(sys.modules)"
    )
    package = Path(feature_quality.__file__).parent.parent
    subprocess.run([sys.executable, "-c", code], env={"PYTHONPATH": str(package)}, check=True)


@pytest.mark.parametrize("name", ["vgg", "timm", "timm:", "", "CNN"])
def test_a_network_that_is_not_in_the_list_is_refused_with_what_is(name):
    with pytest.raises(InputError) as raised:
        find_network(name)
    allowed = "cnn, resnet18, resnet50 or timm:<model>"
    assert str(raised.value) == f"network {name!r} should be {allowed}"


def test_what_is_known_before_a_network_is_built():
    assert (find_network("cnn").channels, find_network("cnn").published) == (None, None)
    assert (find_network("timm:some").channels, find_network("timm:some").published) == (3, None)
    for name in ("resnet18", "resnet50"):
        spec = find_network(name)
        assert spec is NETWORKS[name]
        assert spec.channels == 3
        assert spec.published in SOURCES
        assert spec.published.startswith(f"{name}-")


# The CNN


@pytest.mark.parametrize(
    ("shape", "classes", "features"), [((3, 64, 32), 2, 4096), ((1, 56, 28), 5, 3584)]
)
def test_layers_are_those_of_appendix_b(shape, classes, features):
    network = build_network("cnn", shape, classes)
    # The representations show every setting that is not a default.
    assert [repr(layer) for layer in (*network.backbone, network.head)] == [
        f"Conv2d({shape[0]}, 32, kernel_size=(5, 5), stride=(2, 2), padding=(2, 2))",
        "ReLU(inplace=True)",
        "Conv2d(32, 64, kernel_size=(3, 3), stride=(2, 2), padding=(1, 1))",
        "ReLU(inplace=True)",
        "Conv2d(64, 128, kernel_size=(3, 3), stride=(2, 2), padding=(1, 1))",
        "Flatten(start_dim=1, end_dim=-1)",
        "ReLU(inplace=True)",
        f"Linear(in_features={features}, out_features={classes}, bias=True)",
    ]
    assert network.normalisation is None


@given(
    channels=st.integers(1, 4),
    height=st.integers(1, 41),
    width=st.integers(1, 41),
    classes=st.integers(1, 4),
)
@settings(max_examples=20)
def test_the_linear_layer_fits_the_features_of_any_image_size(channels, height, width, classes):
    network = build_network("cnn", (channels, height, width), classes)
    images = torch.zeros(2, channels, height, width)
    assert network.backbone(images).shape == (2, network.head.in_features)
    assert network(images).shape == (2, classes)


def test_initial_weights_are_torchs_default_from_the_callers_seed():
    torch.manual_seed(5)
    network = build_network("cnn", (2, 8, 8), 3)
    torch.manual_seed(5)
    layers = [nn.Conv2d(2, 32, 5), nn.Conv2d(32, 64, 3), nn.Conv2d(64, 128, 3), nn.Linear(128, 3)]
    assert torch.equal(weights(network), torch.cat([weights(layer) for layer in layers]))


# Networks of libraries


def timm_resnet(num_classes: int) -> nn.Module:
    import timm

    model = timm.create_model("resnet18", num_classes=num_classes)
    model.fc.reset_parameters()
    return model


@pytest.mark.parametrize(
    ("name", "published", "width"),
    [
        ("resnet18", resnet18, 512),
        ("resnet50", resnet50, 2048),
        ("timm:resnet18", timm_resnet, 512),
    ],
)
def test_a_librarys_network_is_parted_and_otherwise_the_same(name, published, width):
    torch.manual_seed(5)
    ours = build_network(name, (3, 40, 33), 3)
    torch.manual_seed(5)
    theirs = published(num_classes=3)
    names = [*(f"backbone.{key}" for key in theirs.state_dict())]
    assert list(ours.state_dict()) == [each.replace("backbone.fc.", "head.") for each in names]
    # By seed and by name.
    assert torch.equal(weights(ours), weights(theirs))
    assert (ours.head_name, ours.normalisation) == ("fc", IMAGENET)
    images = torch.rand(2, 3, 40, 33)
    for mode in (True, False):
        assert torch.equal(ours.train(mode)(images), theirs.train(mode)(images))
    features = ours.backbone(images)
    assert features.shape == (2, width)
    assert torch.equal(ours.head(features), ours(images))


# Layers of dropout, its function, and stochastic depth.
@pytest.mark.parametrize("name", ["rexnet_100", "ghostnet_050", "nest_tiny"])
def test_a_model_of_timm_drops_nothing_in_training(name):
    network = build_network(f"timm:{name}", (3, 64, 64), 2).train()
    images = torch.randn(4, 3, 64, 64)
    assert torch.equal(network(images), network(images))


@pytest.mark.parametrize(
    ("name", "head", "mean"),
    [
        ("timm:tf_efficientnet_lite0", "classifier", 0.5),
        # A transformer, which is told the size of its images.
        ("timm:vit_tiny_patch16_224", "head", 0.5),
        # One whose head has more to it than the linear layer.
        ("timm:convnext_atto", "head.fc", 0.485),
    ],
)
def test_any_model_of_timm_is_a_backbone_and_a_linear_head(name, head, mean):
    network = build_network(name, (3, 64, 64), 4).eval()
    images = torch.rand(2, 3, 64, 64)
    features = network.backbone(images)
    assert features.shape == (2, network.head.in_features)
    assert torch.equal(network.head(features), network(images))
    assert network.head.out_features == 4
    assert network.head_name == head
    assert network.normalisation[0][0] == mean
    # The initialisation of PyTorch's linear layers.
    assert network.head.weight.abs().max() <= network.head.in_features**-0.5


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("timm:efficientnet_lite", "timm has no model 'efficientnet_lite', but efficientnet_lite0"),
        ("timm:hf-hub:some/where", r"timm has no model 'hf-hub:some/where'$"),
        ("timm:resnet18.none", r"Invalid pretrained tag \(none\) for resnet18"),
        ("timm:deit_tiny_distilled_patch16_224", r"ends in a tuple, not in a linear layer"),
        ("timm:efficientvit_m0", r"has more in its head than a linear layer: head\.bn\.bias$"),
        ("timm:inception_v4", "inception_v4 does not take images of 64 × 64 pixels: [A-Z]"),
        ("resnet18", "resnet18 takes images of 3 channels, not of 1$"),
        ("timm:resnet18", "timm:resnet18 takes images of 3 channels, not of 1$"),
    ],
)
def test_a_network_that_cannot_be_had_is_refused(name, said):
    with pytest.raises(InputError, match=said):
        build_network(name, (1 if "channels" in said else 3, 64, 64), 2)


def test_sizes_by_hand_and_as_published():
    # 8×8 become 4×4, 2×2 and 1×1 places.
    places = 16 * 25 * 2 * 32 + 4 * 9 * 32 * 64 + 1 * 9 * 64 * 128 + 128 * 3
    numbers = (25 * 2 + 1) * 32 + (9 * 32 + 1) * 64 + (9 * 64 + 1) * 128 + (128 + 1) * 3
    assert network_size("cnn", (2, 8, 8), 3) == NetworkSize(numbers, 128, places)
    parameters, features, multiply_adds = network_size("resnet18", (3, 224, 224), 1000)
    assert (parameters, features) == (11_689_512, 512)
    assert multiply_adds == pytest.approx(1.81e9, rel=0.01)
    _, features, multiply_adds = network_size("timm:tf_efficientnet_lite0", (3, 224, 224), 1000)
    assert features == 1280
    assert multiply_adds == pytest.approx(0.385e9, rel=0.02)


@pytest.mark.parametrize("name", ["cnn", "resnet18"])
def test_what_a_backward_pass_needs_is_what_is_kept_for_it(name):
    network = build_network(name, (3, 32, 32), 2).train()
    kept = {}

    def keep(tensor):
        storage = tensor.untyped_storage()
        kept[storage.data_ptr()] = storage.nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        logits = network(torch.rand(5, 3, 32, 32))
    assert activation_bytes(network, (3, 32, 32), 5) == sum(kept.values())
    assert logits.requires_grad
    assert next(network.parameters()).device.type == "cpu"
