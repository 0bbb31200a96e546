import numpy as np
import pytest
import torch

from feature_quality.seeds import generator
from feature_quality.toy.distribution import Points
from feature_quality.toy.engine import Trained
from feature_quality.toy.measures import (
    SLICE,
    contours,
    divergence,
    errors,
    importance_weights,
    margin,
    ratios,
)
from feature_quality.toy.network import SHAPES, ToyNetwork


def at(easy, hard, y) -> Points:
    """Return n points by their first coordinates; the second ones shall not matter."""
    first = np.stack([easy, hard]).astype(np.float32)
    return Points(np.stack([first, 7 - first], axis=2), np.array(y, np.float32))


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


# Errors


def test_errors_by_hand_where_0_is_wrong(linear):
    y = [1, 1, -1, -1]
    # y·w_j f_j: easy 1 0 2 −1, hard −2 2 −2 −2, label −1 2 0 −3.
    found = errors(linear([1, 1], [1, 2]), at([1, 0, -2, 1], [-1, 1, 1, 1], y))
    assert found == {"easy": 2 / 4, "hard": 3 / 4, "label": 3 / 4}
    # Easy 2 2 2 −2, hard 0, label as easy.
    found = errors(linear([2, -1], [-1, 0]), at([-1, -1, 1, -1], [5, 5, 5, 5], y))
    assert found == {"easy": 1 / 4, "hard": 1, "label": 1 / 4}


@pytest.mark.parametrize("n", [SLICE - 1, SLICE, 2 * SLICE + 3])
def test_errors_of_many_points_are_those_of_numpy(n, linear):
    rng = np.random.default_rng(n)
    easy, hard = rng.standard_normal((2, n)).astype("f4")
    y = rng.choice([-1, 1], n)
    found = errors(linear([1, 1], [1.5, -0.5]), at(easy, hard, y))
    signed = y * easy * 1.5, y * hard * -0.5
    assert found["easy"] == (signed[0] <= 0).mean()
    assert found["hard"] == (signed[1] <= 0).mean()
    assert found["label"] == (signed[0] + signed[1] <= 0).mean()


# Divergence


@pytest.fixture
def trained(linear) -> Trained:
    return Trained(linear([1, 1], [1, 1]), np.ones((5, 2)), np.ones((5, 2)))


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("feature", [0, 1])
@pytest.mark.parametrize("trace", ["real", "phantom"])
def test_a_run_diverges_at_the_first_step_that_is_not_finite(trace, feature, value, trained):
    assert divergence(trained) is None
    trained.phantom[4] = value
    assert divergence(trained) == 5
    getattr(trained, trace)[2, feature] = value
    trained.real[3:] = np.nan
    assert divergence(trained) == 3
    getattr(trained, trace)[:] = np.nan
    assert divergence(trained) == 1


@pytest.mark.parametrize("name", [*SHAPES, "last"])
@pytest.mark.parametrize("value", [np.nan, np.inf])
@pytest.mark.parametrize("feature", [0, 1])
def test_a_network_that_is_not_finite_diverged_at_the_last_step(feature, value, name, trained):
    trained.network.arrays()[name].reshape(2, -1)[feature, -1] = value
    assert divergence(trained) == 5


# The last layer over training


def test_ratios_by_hand():
    real = np.array([[1, 2], [2, 2], [4, 2.0]])
    phantom = np.array([[-1, 3], [2, 4], [8, 4.0]])
    assert ratios(real, phantom) == pytest.approx(
        {
            "real_ratio_mean": (2 + 1 + 0.5) / 3,
            "real_ratio_median": 1,
            "real_ratio_of_means": 6 / 7,
            "phantom_ratio_mean": (-3 + 2 + 0.5) / 3,
            "phantom_ratio_median": 0.5,
            "phantom_ratio_of_means": 11 / 9,
            "phantom_easy_nonpositive": 1 / 3,
            "easy_scaling": (-1 + 1 + 2) / 3,
            "hard_scaling": (1.5 + 2 + 2) / 3,
            "easy_relative_scaling": (-((5 / 10) ** 0.5) + (8 / 20) ** 0.5 + 1) / 3,
            "hard_relative_scaling": (1.5 * (5 / 10) ** 0.5 + 2 * (8 / 20) ** 0.5 + 1) / 3,
        }
    )
    other = ratios(np.ones((3, 2)), np.ones((3, 2)))
    assert other == dict.fromkeys(other, 1.0) | {"phantom_easy_nonpositive": 0.0}


def test_a_phantom_weight_of_0_counts_as_nonpositive_and_warns_of_nothing():
    found = ratios(np.ones((4, 2)), np.array([[0, 1], [2, 1], [-2, 1], [4, 1.0]]))
    assert found["phantom_easy_nonpositive"] == 0.5
    assert found["phantom_ratio_mean"] == np.inf
    assert found["phantom_ratio_median"] == (0.25 + 0.5) / 2


def test_ratios_are_means_in_float64():
    real = np.full((3000, 2), 0.1, np.float32)
    real[0, 1] = 1e7
    found = ratios(real, real)
    expected = (float(np.float32(1e7)) / float(np.float32(0.1)) + 2999) / 3000
    assert found["real_ratio_mean"] == pytest.approx(expected, rel=1e-14)


# Importance weights


@pytest.mark.parametrize(("batch_size", "rho"), [(1, 0.5), (3, 0.5), (3, 0.0), (7, 2.0)])
def test_importance_weights_are_those_of_each_points_own_batch(batch_size, rho, run, linear):
    rng = np.random.default_rng(0)
    # Powers of two, so that φ is exact in float32.
    for seed, slopes, last in ((4, [0.5, 2], [1.5, -0.5]), (2, [-1, 4], [0.25, 2])):
        each, w = run(seed=seed, batch_size=batch_size), np.array(last)
        easy, hard = 2 * rng.standard_normal((2, 7)).astype("f4")
        y = rng.choice([-1, 1], 7)
        found = importance_weights(linear(slopes, last), at(easy, hard, y), each, rho)
        signed = y * np.stack([slopes[0] * easy, slopes[1] * hard]).astype("f8")
        phantom_weight, random_weight = np.full((2, 7), np.nan)
        source = generator("toy", "random direction", each.seed)
        order = generator("toy", "importance", each.seed).permutation(7)
        for start in range(0, 7, batch_size):
            batch = order[start : start + batch_size]
            weights = sigmoid(-w @ signed[:, batch])
            gradient = -(weights * signed[:, batch]).mean(1)
            phantom = w + rho * gradient / np.sqrt((gradient**2).sum())
            phantom_weight[batch] = sigmoid(-phantom @ signed[:, batch])
            direction = source.standard_normal(2)
            moved = w + rho * direction / np.hypot(*direction)
            random_weight[batch] = sigmoid(-moved @ signed[:, batch])
        expected = {
            "easy_contribution": w[0] * signed[0],
            "hard_contribution": w[1] * signed[1],
            "weight": sigmoid(-w @ signed),
            "phantom_weight": phantom_weight,
            "random_weight": random_weight,
        }
        assert list(found) == list(expected)
        for name, values in expected.items():
            np.testing.assert_allclose(found[name], values, rtol=1e-12, err_msg=name)


def test_importance_weights_of_fitted_points_do_not_underflow(run, linear):
    points = at([60.0, -300.0], [0.0, 0.0], [1, -1])
    found = importance_weights(linear([1, 1], [1, 1]), points, run(), 0.5)
    np.testing.assert_allclose(found["weight"], np.exp([-60.0, -300.0]), rtol=1e-12)
    # The gradient is all of the easy feature's.
    np.testing.assert_allclose(found["phantom_weight"], np.exp([-30.0, -150.0]), rtol=1e-12)


# Contours and margins


def test_contours_of_many_places_are_the_networks_own():
    network = ToyNetwork.initial(0)
    places, values = contours(network, [1.0, 3.0], 31)
    assert places.shape == (2, 2, 961)
    assert values.shape == (2, 961)
    for place in (0, SLICE - 1, SLICE, 960):
        expected = network.forward(places[:, None, :, place])[:, 0]
        np.testing.assert_allclose(values[:, place], expected, atol=1e-6)


def test_a_margin_is_that_of_the_label_and_autograd_follows_it(linear):
    arrays = linear([2, 3], [1, -1]).arrays()
    network = ToyNetwork.of({name: torch.from_numpy(each) for name, each in arrays.items()})
    network.last.requires_grad_()
    point = at([1.0], [4.0], [-1])
    found = margin(network, Points(torch.from_numpy(point.x), torch.from_numpy(point.y)))
    assert found.shape == ()
    assert found.item() == -(2 - 12)
    (gradient,) = torch.autograd.grad(found, network.last)
    assert gradient.tolist() == [-2, -12]
