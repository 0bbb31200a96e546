import math

import numpy as np
import pytest
import torch
from torch import nn

from feature_quality.toy.network import SHAPES, Networks
from plain_toy import PlainToy

LAYERS = {"first": (2, 100), "second": (100, 100), "third": (100, 1)}
SEEDS = range(50)


@pytest.fixture(scope="module")
def drawn() -> Networks:
    return Networks.initial(SEEDS)


@pytest.mark.parametrize("suffix", ["", "_bias"])
@pytest.mark.parametrize("name", LAYERS)
def test_initial_weights_fill_pytorchs_bounds_as_pytorchs_do(name, suffix, drawn):
    inputs, outputs = LAYERS[name]
    ours = drawn.layers[name + suffix].ravel()
    layers = [nn.Linear(inputs, outputs) for _ in range(2 * len(SEEDS))]
    theirs = torch.cat([(layer.bias if suffix else layer.weight).flatten() for layer in layers])
    assert ours.shape == tuple(theirs.shape)
    bound = 1 / math.sqrt(inputs)
    assert 0.95 * bound < np.abs(ours).max() <= np.float32(bound)
    few = len(ours) < 1000
    assert ours.std() == pytest.approx(theirs.std().item(), rel=0.15 if few else 0.03)
    assert abs(ours.mean()) < 4 * bound / math.sqrt(3 * len(ours))


def test_models_of_one_set_are_all_different_but_for_the_last_layer_of_ones(drawn):
    np.testing.assert_array_equal(drawn.last, np.ones((50, 2)))
    assert {array.dtype for array in drawn.arrays().values()} == {np.dtype("f4")}
    for name in SHAPES:
        # The two networks of a model and those of two seeds.
        assert len(np.unique(drawn.layers[name].reshape(100, -1)[:, 0])) == 100, name


@pytest.mark.parametrize("seeds", [[4], [4, 4], [3, 4, 5], [5, 4, 0, 4]])
def test_a_seeds_weights_do_not_depend_on_the_others(seeds, drawn, assert_bits):
    assert_bits(Networks.initial(seeds), drawn.chosen(seeds))


@pytest.mark.parametrize("n", [1, 7])
def test_forward_is_that_of_a_plain_model(n, tensors_of_plain, assert_bits):
    networks = Networks.initial([0, 1, 2])
    networks.last[:] = [[1, 2], [-1, 0.5], [0, 3]]
    x, before = torch.randn(3, 2, n, 2), networks.chosen([0, 1, 2])
    given = x.numpy().copy()
    phi = torch.from_numpy(networks.forward(given))
    assert phi.shape == (3, 2, n)
    # Neither points nor weights have changed.
    np.testing.assert_array_equal(x, given)
    assert_bits(networks, before)
    for i, model in enumerate(map(PlainToy, range(3))):
        with torch.no_grad():
            last = torch.from_numpy(networks.last[i])
            model.last.copy_(last)
            own = torch.cat([feature(x[i, j]).T for j, feature in enumerate(model.features)])
            torch.testing.assert_close(phi[i], own)
            torch.testing.assert_close(last @ phi[i], model(x[i]), atol=1e-5, rtol=1e-5)
        assert_bits(networks.chosen([i]), Networks.of(tensors_of_plain(model)))


def test_chosen_takes_copies_of_both_networks_of_the_right_models(linear, assert_bits):
    networks = linear([[1, 2], [3, 4], [5, 6]], [[7, 8], [9, 10], [11, 12]])
    chosen = networks.chosen([2, 0])
    assert chosen.last.tolist() == [[11, 12], [7, 8]]
    assert chosen.layers["third"][:, 0, 0].tolist() == [5, 6, 1, 2]
    assert list(chosen.arrays()) == [*SHAPES, "last"]
    assert_bits(Networks.of(chosen.arrays()), chosen)
    for name, array in chosen.arrays().items():
        assert array.shape[1:] == networks.arrays()[name].shape[1:], name
        array.fill(100.0)
    assert networks.last.max() == 12
    assert networks.layers["third"].max() == 6
