from random import Random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from feature_quality.reporting.lorenz import gini, lorenz

# Sums of these are exact, so that bounds can be.
weights_of_some = st.lists(st.integers(0, 1000), min_size=1, max_size=50).filter(any)


def only_one(n: int) -> np.ndarray:
    weights = np.zeros(n)
    weights[n // 2] = 0.3
    return weights


@pytest.mark.parametrize("n", [1, 2, 10])
def test_equal_weights_lie_on_the_diagonal(n: int) -> None:
    points, share = lorenz(np.full(n, 0.7))
    np.testing.assert_allclose(points, np.arange(n + 1) / n)
    np.testing.assert_allclose(share, points)
    assert gini(np.full(n, 0.7)) == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize("n", [1, 2, 10])
def test_one_point_with_all_the_weight_is_a_step(n: int) -> None:
    points, share = lorenz(only_one(n))
    np.testing.assert_allclose(points, np.arange(n + 1) / n)
    np.testing.assert_array_equal(share, [0] + [1] * n)
    assert gini(only_one(n)) == pytest.approx((n - 1) / n)


def test_top_points_come_first() -> None:
    np.testing.assert_allclose(lorenz([1, 4, 3, 2])[1], [0, 0.4, 0.7, 0.9, 1])
    # 2·(1·1 + 2·2 + 3·3 + 4·4)/(4·10) − 5/4
    assert gini([1, 4, 3, 2]) == pytest.approx(0.25)


@given(weights_of_some)
def test_a_curve_rises_concavely_to_1_above_the_diagonal(weights: list[int]) -> None:
    points, share = lorenz(weights)
    assert (points[0], share[0], points[-1], share[-1]) == (0, 0, 1, 1)
    assert (share >= points - 1e-12).all()
    assert (np.diff(share) >= 0).all()
    assert (np.diff(share, 2) <= 1e-12).all()


@given(weights_of_some, st.floats(1e-6, 1e6), st.randoms())
def test_order_and_scale_do_not_matter(weights: list[int], scale: float, random: Random) -> None:
    other = scale * np.array(weights, dtype=float)
    random.shuffle(other)
    np.testing.assert_allclose(lorenz(other), lorenz(weights), rtol=1e-9)
    assert gini(other) == pytest.approx(gini(weights), abs=1e-9)


@given(weights_of_some)
def test_gini_is_twice_the_area_between_curve_and_diagonal(weights: list[int]) -> None:
    """By the trapezium rule, exactly.

    The area below the curve is (Σ_k C_k − 1/2)/n, with C_k the share of the top k. The weight of
    ascending rank i is in C_k for i values of k, so Σ_k C_k = Σ_i i·λ_(i)/Σλ, and twice the area
    less 1 is 2Σ i·λ_(i)/(nΣλ) − 1/n − 1.
    """
    points, share = lorenz(weights)
    assert gini(weights) == pytest.approx(2 * (np.trapezoid(share, points) - 1 / 2), abs=1e-12)


def test_random_weights_have_the_gini_of_their_distribution() -> None:
    # Pairwise: G = Σ_ij |λ_i − λ_j|/(2n²·mean).
    weights = np.random.default_rng(0).exponential(size=400)
    pairs = np.abs(weights[:, None] - weights).mean() / (2 * weights.mean())
    assert gini(weights) == pytest.approx(pairs)
    assert pairs == pytest.approx(0.5, abs=0.05)


def test_no_weight_at_all_has_no_share() -> None:
    # A warning is an error here.
    points, share = lorenz(np.zeros(4))
    np.testing.assert_allclose(points, [0, 0.25, 0.5, 0.75, 1])
    assert np.isnan(share).all()
    assert np.isnan(gini(np.zeros(4)))
