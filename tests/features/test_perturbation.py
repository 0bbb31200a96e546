from collections.abc import Callable
from functools import partial

import pandas as pd
import pytest
import torch
from torch import Tensor, nn

from feature_quality.features.perturbation import (
    class_margin,
    perturb,
    perturb_examples,
)
from feature_quality.training.models import Network

RHO = 0.3


def drawn(*shape: int, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(shape, generator=generator, dtype=torch.float64)


def relu_network(classes: int = 1) -> Network:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        backbone = nn.Sequential(nn.Flatten(), nn.Linear(12, 8), nn.ReLU())
        return Network(backbone, nn.Linear(8, classes)).double()


@pytest.fixture
def network() -> Network:
    return relu_network()


@pytest.fixture
def margin(network: Network) -> Callable[[], Tensor]:
    image = drawn(1, 3, 2, 2)
    return lambda: -network(image).squeeze()


def fall(example: dict[str, float]) -> float:
    return example["margin"] - example["phantom_margin"]


@pytest.mark.parametrize("label", [-1, 1])
@pytest.mark.parametrize("rho", [1e-3, RHO, 10])
def test_the_last_layer_alone_loses_rho_times_the_length_of_the_features(
    label: int, rho: float
) -> None:
    last, features = nn.Parameter(drawn(5)), drawn(5, seed=1)
    found = perturb(lambda: label * last @ features, {"w": last}, rho)
    length = features.norm().item()
    assert found["margin"] == pytest.approx((label * last @ features).item())
    assert found["gradient_norm"] == pytest.approx(length, rel=1e-12)
    assert fall(found) == pytest.approx(rho * length, rel=1e-9)


def test_two_linear_layers_have_the_norm_of_the_appendix() -> None:
    first, last, x = nn.Parameter(drawn(4, 3)), nn.Parameter(drawn(4, seed=1)), drawn(3, seed=2)
    found = perturb(lambda: last @ (first @ x), {"V": first, "w": last}, RHO)
    expected = ((first @ x).norm() ** 2 + last.norm() ** 2 * x.norm() ** 2).sqrt()
    assert found["gradient_norm"] == pytest.approx(expected.item(), rel=1e-12)


def test_the_first_order_value_is_approached_as_rho_falls(
    network: Network, margin: Callable[[], Tensor]
) -> None:
    errors = []
    for rho in (0.1, 0.01, 0.001):
        found = perturb(margin, dict(network.named_parameters()), rho)
        errors.append(abs(fall(found) - rho * found["gradient_norm"]))
    # What is left is of second order.
    assert errors[0] > 1e-4
    assert errors[1] < errors[0] / 50
    assert errors[2] < errors[1] / 50


@pytest.mark.parametrize("label", [-1, 1])
@pytest.mark.parametrize("part", ["", "head"], ids=["all", "last layer"])
def test_the_margin_falls_and_parameters_come_back_bit_for_bit(
    network: Network, label: int, part: str
) -> None:
    image = drawn(1, 3, 2, 2)
    before = [parameter.detach().clone() for parameter in network.parameters()]
    perturbed = dict(network.get_submodule(part).named_parameters())
    found = perturb(lambda: label * network(image).squeeze(), perturbed, RHO)
    assert found["margin"] == label * network(image).item()
    assert found["phantom_margin"] < found["margin"]
    for parameter, original in zip(network.parameters(), before, strict=True):
        assert torch.equal(parameter, original)


def test_old_gradients_and_parameters_that_the_margin_does_not_use_change_nothing(
    network: Network, margin: Callable[[], Tensor]
) -> None:
    parameters = dict(network.named_parameters())
    first = perturb(margin, parameters, RHO)
    perturb(lambda: network(drawn(1, 3, 2, 2, seed=9)).squeeze(), parameters, RHO)
    idle = {"idle": nn.Parameter(drawn(3))}
    assert perturb(margin, idle | parameters, RHO) == first


def test_there_is_a_row_an_example_and_set_of_parameters() -> None:
    network = relu_network(2)
    margins = [
        partial(class_margin, network, image, label)
        for image, label in zip(drawn(3, 3, 2, 2), (0, 1, 1), strict=True)
    ]
    parts = {"last layer": network.head, "all": network}
    perturbed = {name: dict(part.named_parameters()) for name, part in parts.items()}
    table = perturb_examples(iter(margins), perturbed, RHO)
    expected = [
        {
            "perturbed": name,
            "rho": RHO,
            "example": example,
            **perturb(margins[example], perturbed[name], RHO),
        }
        for example in range(3)
        for name in ("last layer", "all")
    ]
    pd.testing.assert_frame_equal(table, pd.DataFrame(expected))
    # A set that holds the other has the longer gradient.
    norms = table.pivot_table(index="example", columns="perturbed", values="gradient_norm")
    assert (norms["all"] > norms["last layer"]).all()


@pytest.mark.parametrize("label", [0, 1, 2])
def test_the_margin_of_a_class_is_that_of_its_logits(label: int) -> None:
    model, image = relu_network(3), drawn(3, 2, 2)
    found = class_margin(model, image, label)
    assert found.shape == ()
    probability = torch.softmax(model(image[None])[0], 0)[label]
    assert found.item() == pytest.approx(-torch.log(1 / probability - 1).item())
