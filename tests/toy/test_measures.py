from dataclasses import replace

import numpy as np
import pytest
import torch

from feature_quality.seeds import generator
from feature_quality.toy.distribution import test_points as fresh_points
from feature_quality.toy.engine import Stack, Trained
from feature_quality.toy.measures import (
    SLICE,
    contours,
    divergence,
    errors,
    importance_weights,
    margin,
    ratios,
)
from feature_quality.toy.network import SHAPES, Networks


def stack(easy, hard, y) -> Stack:
    """Return points (R, n) by their first coordinates; the second ones shall not matter."""
    first = np.stack([easy, hard], axis=1).astype(np.float32)
    return Stack(np.stack([first, 7 - first], axis=3), np.array(y, np.float32))


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


# Errors


def test_errors_by_hand_where_0_is_wrong(linear):
    networks = linear([[1, 1], [2, -1]], [[1, 2], [-1, 0]])
    points = stack(
        [[1, 0, -2, 1], [-1, -1, 1, -1]],
        [[-1, 1, 1, 1], [5, 5, 5, 5]],
        [[1, 1, -1, -1], [1, 1, -1, -1]],
    )
    # y·w_j f_j, model 0: easy 1 0 2 −1, hard −2 2 −2 −2, label −1 2 0 −3;
    # model 1: easy 2 2 2 −2, hard 0, label as easy.
    found = errors(networks, points)
    assert {name: values.tolist() for name, values in found.items()} == {
        "easy": [2 / 4, 1 / 4],
        "hard": [3 / 4, 1],
        "label": [3 / 4, 1 / 4],
    }


@pytest.mark.parametrize("n", [SLICE - 1, SLICE, 2 * SLICE + 3])
def test_errors_of_many_points_are_those_of_numpy(n, linear):
    rng = np.random.default_rng(n)
    easy, hard = rng.standard_normal((2, 2, n)).astype("f4")
    y = rng.choice([-1, 1], (2, n))
    last = [[1.5, -0.5], [0.25, 2]]
    found = errors(linear([[1, 1]] * 2, last), stack(easy, hard, y))
    for i, (w_e, w_h) in enumerate(last):
        signed = y[i] * easy[i] * w_e, y[i] * hard[i] * w_h
        assert found["easy"][i] == (signed[0] <= 0).mean()
        assert found["hard"][i] == (signed[1] <= 0).mean()
        assert found["label"][i] == (signed[0] + signed[1] <= 0).mean()


def test_a_network_of_the_linear_feature_knows_it_and_guesses_the_spiral(run, distribution, linear):
    points = Stack.of([fresh_points(run(), distribution)])
    found = errors(linear([[1, 1e-3]], [[1, 1]]), points)
    assert found["easy"] == found["label"] == 0
    assert 0.2 < found["hard"] < 0.8


# Divergence


@pytest.fixture
def trained(linear) -> Trained:
    return Trained(linear([[1, 1]] * 3, [[1, 1]] * 3), np.ones((5, 3, 2)), np.ones((5, 3, 2)))


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("feature", [0, 1])
@pytest.mark.parametrize("trace", ["real", "phantom"])
def test_a_run_diverges_at_the_first_step_that_is_not_finite(trace, feature, value, trained):
    assert divergence(trained) == [None, None, None]
    getattr(trained, trace)[2, 1, feature] = value
    trained.real[3:, 1] = np.nan
    trained.phantom[4, 2] = value
    assert divergence(trained) == [None, 3, 5]
    # From the first step on.
    getattr(trained, trace)[:, 0] = np.nan
    assert divergence(trained) == [1, 3, 5]


@pytest.mark.parametrize("name", [*SHAPES, "last"])
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_networks_that_are_not_finite_diverged_at_the_last_step(value, name, trained):
    # The easy network of model 1, and the hard one of model 2.
    for model, feature in ((1, 0), (2, 1)):
        trained.networks.arrays()[name].reshape(3, 2, -1)[model, feature, -1] = value
    assert divergence(trained) == [None, 5, 5]


# The last layer over training


def test_ratios_by_hand():
    real = np.array([[1, 2], [2, 2], [4, 2.0]])
    phantom = np.array([[-1, 3], [2, 4], [8, 4.0]])
    other = np.ones((3, 2))
    found = ratios(np.stack([other, real], axis=1), np.stack([other, phantom], axis=1))
    assert found[1] == pytest.approx(
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
    assert found[0] == dict.fromkeys(found[0], 1.0) | {"phantom_easy_nonpositive": 0.0}


def test_a_phantom_weight_of_0_counts_as_nonpositive_and_warns_of_nothing():
    real = np.ones((4, 1, 2))
    phantom = np.array([[0, 1], [2, 1], [-2, 1], [4, 1.0]])[:, None]
    (found,) = ratios(real, phantom)
    assert found["phantom_easy_nonpositive"] == 0.5
    assert found["phantom_ratio_mean"] == np.inf
    assert found["phantom_ratio_median"] == (0.25 + 0.5) / 2


def test_ratios_are_means_in_float64():
    real = np.full((3000, 1, 2), 0.1, np.float32)
    real[0, 0, 1] = 1e7
    (found,) = ratios(real, real)
    expected = (float(np.float32(1e7)) / float(np.float32(0.1)) + 2999) / 3000
    assert found["real_ratio_mean"] == pytest.approx(expected, rel=1e-14)


# Importance weights


@pytest.mark.parametrize(("batch_size", "rho"), [(1, 0.5), (3, 0.5), (3, 0.0), (7, 2.0)])
def test_importance_weights_are_those_of_each_points_own_batch(batch_size, rho, run, linear):
    rng = np.random.default_rng(0)
    runs = [run(seed=seed, batch_size=batch_size) for seed in (4, 2)]
    easy, hard = 2 * rng.standard_normal((2, 2, 7)).astype("f4")
    y = rng.choice([-1, 1], (2, 7))
    # Powers of two, so that φ is exact in float32.
    slopes, last = [[0.5, 2], [-1, 4]], [[1.5, -0.5], [0.25, 2]]
    found = importance_weights(linear(slopes, last), stack(easy, hard, y), runs, rho)
    for i, each in enumerate(runs):
        w = np.array(last[i])
        signed = y[i] * np.stack([slopes[i][0] * easy[i], slopes[i][1] * hard[i]]).astype("f8")
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
            np.testing.assert_allclose(found[name][i], values, rtol=1e-12, err_msg=name)


def test_importance_weights_of_fitted_points_do_not_underflow(run, linear):
    points = stack([[60.0, -300.0]], [[0.0, 0.0]], [[1, -1]])
    found = importance_weights(linear([[1, 1]], [[1, 1]]), points, [run()], 0.5)
    np.testing.assert_allclose(found["weight"], np.exp([[-60.0, -300.0]]), rtol=1e-12)
    # The gradient is all of the easy feature's.
    np.testing.assert_allclose(found["phantom_weight"], np.exp([[-30.0, -150.0]]), rtol=1e-12)


# Contours and margins


def test_contours_at_known_places(linear):
    places, values = contours(linear([[1, 10], [2, 20]], [[5, 5]] * 2), [1.5, 3.0], 3)
    unit = [[-1, 0, 1] * 3, [-1] * 3 + [0] * 3 + [1] * 3]
    np.testing.assert_allclose(places, [1.5 * np.array(unit), 3 * np.array(unit)])
    # f_j is slope · x1, without w_j.
    easy, hard = values
    np.testing.assert_allclose(easy, [1.5 * np.array(unit[0]), 3 * np.array(unit[0])])
    np.testing.assert_allclose(hard, [30 * np.array(unit[0]), 60 * np.array(unit[0])])


def test_contours_of_many_places_are_the_networks_own():
    networks = Networks.initial([0, 1])
    places, values = contours(networks, [1.0, 3.0], 31)
    assert places.shape == (2, 2, 961)
    assert values.shape == (2, 2, 961)
    for place in (0, SLICE - 1, SLICE, 960):
        x = np.stack([places[:, :, place]] * 2)[:, :, None]
        expected = networks.forward(x)[:, :, 0].T
        np.testing.assert_allclose(values[:, :, place], expected, atol=1e-6)


def test_a_margin_is_that_of_the_label_and_autograd_follows_it(linear):
    arrays = linear([[2, 3]], [[1, -1]]).arrays()
    networks = Networks.of({name: torch.from_numpy(each) for name, each in arrays.items()})
    networks = replace(networks, last=networks.last.requires_grad_())
    points = stack([[1.0]], [[4.0]], [[-1]])
    found = margin(networks, Stack(torch.from_numpy(points.x), torch.from_numpy(points.y)))
    assert found.shape == ()
    assert found.item() == -(2 - 12)
    (gradient,) = torch.autograd.grad(found, networks.last)
    assert gradient.tolist() == [[-2, -12]]
