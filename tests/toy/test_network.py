import math

import pytest
import torch
from torch import nn

from feature_quality.toy.network import SHAPES, Networks
from plain_toy import PlainToy

LAYERS = {"first": (2, 100), "second": (100, 100), "third": (100, 1)}
SEEDS = range(50)


@pytest.fixture(scope="module")
def drawn(cpu) -> Networks:
    return Networks.initial(SEEDS, cpu)


@pytest.mark.parametrize("suffix", ["", "_bias"])
@pytest.mark.parametrize("name", LAYERS)
def test_initial_weights_fill_pytorchs_bounds_as_pytorchs_do(name, suffix, drawn):
    inputs, outputs = LAYERS[name]
    ours = drawn.layers[name + suffix].flatten()
    layers = [nn.Linear(inputs, outputs) for _ in range(2 * len(SEEDS))]
    theirs = torch.cat([(layer.bias if suffix else layer.weight).flatten() for layer in layers])
    assert ours.shape == theirs.shape
    bound = 1 / math.sqrt(inputs)
    assert 0.95 * bound < ours.abs().max() <= bound
    few = len(ours) < 1000
    assert ours.std().item() == pytest.approx(theirs.std().item(), rel=0.15 if few else 0.03)
    assert abs(ours.mean()) < 4 * bound / math.sqrt(3 * len(ours))


def test_models_of_one_set_are_all_different_but_for_the_last_layer_of_ones(drawn):
    assert torch.equal(drawn.last, torch.ones(50, 2))
    assert {tensor.dtype for tensor in drawn.tensors().values()} == {torch.float32}
    for name in SHAPES:
        # The two networks of a model and those of two seeds.
        assert len(torch.unique(drawn.layers[name].flatten(1)[:, 0])) == 100, name


@pytest.mark.parametrize("seeds", [[4], [4, 4], [3, 4, 5], [5, 4, 0, 4]])
def test_a_seeds_weights_do_not_depend_on_the_others(seeds, drawn, cpu, assert_bits):
    assert_bits(Networks.initial(seeds, cpu), drawn.chosen(seeds))


@pytest.mark.parametrize("n", [1, 7])
def test_forward_is_that_of_a_plain_model(n, cpu, tensors_of_plain, assert_bits):
    networks = Networks.initial([0, 1, 2], cpu)
    networks.last.copy_(torch.tensor([[1.0, 2.0], [-1.0, 0.5], [0.0, 3.0]]))
    x, before = torch.randn(3, 2, n, 2), networks.chosen([0, 1, 2])
    given = x.clone()
    phi = networks.forward(x).phi
    assert phi.shape == (3, 2, n)
    # Neither points nor weights have changed.
    assert torch.equal(x, given)
    assert_bits(networks, before)
    for i, model in enumerate(map(PlainToy, range(3))):
        with torch.no_grad():
            model.last.copy_(networks.last[i])
            own = torch.cat([feature(x[i, j]).T for j, feature in enumerate(model.features)])
            torch.testing.assert_close(phi[i], own)
            torch.testing.assert_close(networks.last[i] @ phi[i], model(x[i]), atol=1e-5, rtol=1e-5)
        assert_bits(networks.chosen([i]), Networks.of(tensors_of_plain(model)))


@pytest.mark.parametrize("n", [1, 6])
def test_descend_is_autograds_step_in_every_layer(n, cpu):
    start = {
        name: tensor.double() for name, tensor in Networks.initial([0, 1, 2], cpu).tensors().items()
    }
    x = torch.randn(3, 2, n, 2, dtype=torch.float64)
    slope = torch.randn(3, 2, n, dtype=torch.float64)
    leaves = {name: tensor.clone().requires_grad_() for name, tensor in start.items()}
    loss = (Networks.of(leaves).forward(x).phi * slope).sum()
    gradients = torch.autograd.grad(loss, [leaves[name] for name in SHAPES])

    networks = Networks.of({name: tensor.clone() for name, tensor in start.items()})
    networks.descend(networks.forward(x), slope)
    for name, gradient in zip(SHAPES, gradients, strict=True):
        assert gradient.abs().max() > 1e-3
        torch.testing.assert_close(
            networks.layers[name], start[name] - gradient, rtol=1e-12, atol=1e-13
        )
    assert torch.equal(networks.last, start["last"])


@pytest.mark.parametrize("name", SHAPES)
def test_a_large_batch_is_summed_before_it_is_subtracted(name, cpu):
    networks = Networks.initial([0, 1], cpu)
    doubles = Networks.of({key: tensor.double() for key, tensor in networks.tensors().items()})
    x, slope = torch.randn(2, 2, 300, 2), 1e-5 * torch.rand(2, 2, 300)
    networks.descend(networks.forward(x), slope)
    doubles.descend(doubles.forward(x.double()), slope.double())
    # The weights are below 1, so that rounding the difference errs by 2⁻²⁵ at most.
    error = networks.layers[name].double() - doubles.layers[name]
    assert error.abs().max() < 2**-23


def test_a_slope_of_one_feature_moves_that_feature_of_that_model_alone(cpu):
    networks = Networks.initial([0, 1], cpu)
    before = networks.chosen([0, 1])
    slope = torch.zeros(2, 2, 4)
    slope[1, 0] = 0.1
    networks.descend(networks.forward(torch.randn(2, 2, 4, 2)), slope)
    for name in SHAPES:
        moved = (networks.layers[name] != before.layers[name]).flatten(1).any(1)
        assert moved.tolist() == [False, False, True, False], name


def test_where_the_relu_is_shut_or_at_zero_nothing_below_moves(linear):
    networks = linear([[1, 1]], [[1, 1]])
    before = networks.chosen([0])
    networks.descend(networks.forward(torch.zeros(1, 2, 1, 2)), torch.ones(1, 2, 1))
    for name in SHAPES:
        same = torch.equal(networks.layers[name], before.layers[name])
        assert same == (name != "third_bias"), name


def test_chosen_takes_copies_of_both_networks_of_the_right_models(linear, assert_bits):
    networks = linear([[1, 2], [3, 4], [5, 6]], [[7, 8], [9, 10], [11, 12]])
    chosen = networks.chosen([2, 0])
    assert chosen.last.tolist() == [[11, 12], [7, 8]]
    assert chosen.layers["third"][:, 0, 0].tolist() == [5, 6, 1, 2]
    assert list(chosen.tensors()) == [*SHAPES, "last"]
    assert_bits(Networks.of(chosen.tensors()), chosen)
    for name, tensor in chosen.tensors().items():
        assert tensor.shape[1:] == networks.tensors()[name].shape[1:], name
        tensor.fill_(100.0)
    assert networks.last.max() == 12
    assert networks.layers["third"].max() == 6
