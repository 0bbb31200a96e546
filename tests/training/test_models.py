import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from feature_quality.artifacts.prepared import Description, Prepared
from feature_quality.training.models import convolutional_network, network_for, normalise

CPU = torch.device("cpu")


def prepared(dataset: str = "some", *, shape=(3, 16, 8), classes: int = 2) -> Prepared:
    names = tuple(f"class {number}" for number in range(classes))
    description = Description(
        dataset, "Some dataset", True, ("a", "b"), (names, ("one", "two", "three")), (0.5,) * 3
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
        "ReLU()",
        "Conv2d(32, 64, kernel_size=(3, 3), stride=(2, 2), padding=(1, 1))",
        "ReLU()",
        "Conv2d(64, 128, kernel_size=(3, 3), stride=(2, 2), padding=(1, 1))",
        "ReLU()",
        "Flatten(start_dim=1, end_dim=-1)",
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


def test_network_for_takes_its_shape_from_the_data():
    data = prepared(shape=(1, 20, 9), classes=4)
    network = network_for(data, 0, CPU)
    assert network[0].in_channels == 1
    assert network(torch.zeros(2, 1, 20, 9)).shape == (2, 4)


def test_equal_seeds_give_equal_weights_and_others_do_not():
    network = weights(network_for(prepared(), 3, CPU))
    torch.manual_seed(99)
    assert torch.equal(weights(network_for(prepared(), 3, CPU)), network)
    for other in (network_for(prepared(), 4, CPU), network_for(prepared("other"), 3, CPU)):
        assert not (weights(other) == network).any()


def test_network_for_leaves_the_global_generator_alone():
    before = torch.get_rng_state()
    network_for(prepared(), 0, CPU)
    assert torch.equal(torch.get_rng_state(), before)


def test_normalise_by_hand():
    # Two images of two channels of 2×2: a mean taken along any other axis would fit as well.
    images = torch.tensor(
        [
            [[[0, 255], [51, 102]], [[255, 0], [204, 153]]],
            [[[51, 51], [0, 0]], [[0, 255], [255, 255]]],
        ],
        dtype=torch.uint8,
    )
    result = normalise(images, torch.tensor([0.2, 0.6]))
    expected = torch.tensor(
        [
            [[[-0.2, 0.8], [0.0, 0.2]], [[0.4, -0.6], [0.2, 0.0]]],
            [[[0.0, 0.0], [-0.2, -0.2]], [[-0.6, 0.4], [0.4, 0.4]]],
        ]
    )
    assert result.dtype == torch.float32
    torch.testing.assert_close(result, expected, rtol=0, atol=1e-7)
