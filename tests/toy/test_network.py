import math

import numpy as np
import pytest
import torch
from torch import nn

from feature_quality.toy.network import SHAPES, ToyNetwork
from plain_toy import PlainToy

LAYERS = {"first": (2, 100), "second": (100, 100), "third": (100, 1)}
SEEDS = range(50)


@pytest.fixture(scope="module")
def drawn() -> list[ToyNetwork]:
    return [ToyNetwork.initial(seed) for seed in SEEDS]


@pytest.mark.parametrize("suffix", ["", "_bias"])
@pytest.mark.parametrize("name", LAYERS)
def test_initial_weights_fill_pytorchs_bounds_as_pytorchs_do(name, suffix, drawn):
    inputs, outputs = LAYERS[name]
    ours = np.concatenate([each.layers[name + suffix].ravel() for each in drawn])
    layers = [nn.Linear(inputs, outputs) for _ in range(2 * len(SEEDS))]
    theirs = torch.cat([(layer.bias if suffix else layer.weight).flatten() for layer in layers])
    assert ours.shape == tuple(theirs.shape)
    bound = 1 / math.sqrt(inputs)
    assert 0.95 * bound < np.abs(ours).max() <= np.float32(bound)
    few = len(ours) < 1000
    assert ours.std() == pytest.approx(theirs.std().item(), rel=0.15 if few else 0.03)
    assert abs(ours.mean()) < 4 * bound / math.sqrt(3 * len(ours))


def test_networks_are_all_different_but_for_the_last_layer_of_ones(drawn):
    for each in drawn:
        np.testing.assert_array_equal(each.last, [1, 1])
        assert {array.dtype for array in each.arrays().values()} == {np.dtype("f4")}
    for name in SHAPES:
        # The two parts of a network and those of two seeds.
        firsts = [each.layers[name].reshape(2, -1)[:, 0] for each in drawn]
        assert len(np.unique(firsts)) == 100, name


@pytest.mark.parametrize("n", [1, 7])
@pytest.mark.parametrize(("seed", "last"), [(0, [1, 2]), (1, [-1, 0.5]), (2, [0, 3])])
def test_forward_is_that_of_a_plain_model(seed, last, n, tensors_of_plain, assert_bits):
    network, model = ToyNetwork.initial(seed), PlainToy(seed)
    network.last[:] = last
    x = torch.randn(2, n, 2)
    given = x.numpy().copy()
    phi = torch.from_numpy(network.forward(given))
    assert phi.shape == (2, n)
    np.testing.assert_array_equal(x, given)
    with torch.no_grad():
        model.last.copy_(torch.tensor(last))
        own = torch.cat([feature(x[j]).T for j, feature in enumerate(model.features)])
        torch.testing.assert_close(phi, own)
        torch.testing.assert_close(model.last @ phi, model(x), atol=1e-5, rtol=1e-5)
    assert_bits(network, ToyNetwork.of(tensors_of_plain(model)))
