from dataclasses import replace
from functools import partial
from itertools import pairwise

import numpy as np
import pytest
from scipy.spatial import KDTree

from feature_quality.toy.distribution import EASY, HARD, draw_points, spiral

train_points, fresh_points = (partial(draw_points, split=split) for split in ("train", "test"))

COMPLEXITIES = (180.0, 270.0, 360.0, 450.0, 540.0)
KINDS = ("label", "gaussian", "dropout")
MANY = 20_000


@pytest.fixture(scope="module")
def many(distribution):
    return replace(distribution, train_points=MANY)


def arm(complexity: float, number: int) -> np.ndarray:
    """Return the arm of label 1 by complex numbers, scaled, on a dense grid."""
    t = np.linspace(0, 1, number)
    z = 3 * (0.1 + 0.9 * t) * np.exp(2j * np.pi * complexity / 360 * t)
    return np.column_stack([z.real, z.imag])


def nearest_arm(places: np.ndarray, complexity: float) -> np.ndarray:
    points = arm(complexity, 5000)
    own, other = (KDTree(each).query(places)[0] for each in (points, -points))
    return np.where(own < other, 1, -1)


def struck(kind, level, run, many, noisy="both") -> np.ndarray:
    """Say which features (2, n) differ from those without noise."""
    noisy_points = train_points(run(noise=kind, level=level, noisy=noisy), many)
    return (noisy_points.x != train_points(run(), many).x).any(axis=2)


def assert_share(found: np.ndarray, probability: float) -> None:
    bound = 4 * np.sqrt(probability * (1 - probability) / found.size)
    assert abs(found.mean() - probability) < bound


# Without noise


def test_the_points_are_as_many_as_asked_balanced_and_in_float32(run, distribution, many):
    for points, n in (
        (train_points(run(), distribution), 300),
        (fresh_points(run(), distribution), 2000),
    ):
        assert (points.x.shape, points.y.shape) == ((2, n, 2), (n,))
        assert (points.x.dtype, points.y.dtype) == (np.float32, np.float32)
        assert set(points.y) == {-1, 1}
    assert_share(train_points(run(), many).y > 0, 0.5)


def test_features_are_uniform_along_the_line_and_along_the_spirals_radius(run, many):
    points = train_points(run(), replace(many, easy_scale=2.0, jitter=0.0))
    assert (points.x[EASY, :, 1] == 0).all()
    for u in (points.y * points.x[EASY, :, 0] / 2, np.linalg.norm(points.x[HARD], axis=1) / 3):
        assert 0.1 - 1e-6 <= u.min() < 0.101
        assert 0.999 < u.max() <= 1 + 1e-6
        quartiles = np.quantile(u, [0.25, 0.5, 0.75])
        np.testing.assert_allclose(quartiles, [0.325, 0.55, 0.775], atol=0.02)


def test_the_jitter_is_uniform_after_the_scale_and_on_the_spiral_alone(run, many):
    jittered, plain = (train_points(run(), each) for each in (many, replace(many, jitter=0.0)))
    assert jittered.x[EASY].tobytes() == plain.x[EASY].tobytes()
    moved = jittered.x[HARD] - plain.x[HARD]
    for coordinate in moved.T:
        np.testing.assert_allclose(
            np.quantile(coordinate, [0, 0.25, 0.5, 0.75, 1]),
            [-0.06, -0.03, 0, 0.03, 0.06],
            atol=0.002,
        )
    assert np.abs(moved).max() < 0.06 + 1e-6
    assert abs(np.corrcoef(moved.T)[0, 1]) < 0.03


def test_the_arm_turns_a_quarter_by_hand():
    np.testing.assert_allclose(
        spiral([0, 0.5, 1], 180.0, 0.2), [[0.2, 0], [0, 0.6], [-1, 0]], atol=1e-15
    )


@pytest.mark.parametrize("complexity", COMPLEXITIES)
def test_both_features_predict_the_label_and_the_arms_never_touch(complexity, run, distribution):
    points = fresh_points(run(complexity=complexity), distribution)
    assert (np.sign(points.x[EASY, :, 0]) == points.y).all()
    assert (nearest_arm(points.x[HARD], complexity) == points.y).all()
    dense = 3 * spiral(np.linspace(0, 1, 5000), complexity, distribution.inner_radius)
    np.testing.assert_allclose(dense, arm(complexity, 5000), atol=1e-12)
    nearest = KDTree(dense).query(-dense)[0].min()
    assert nearest > 2 * np.sqrt(2) * distribution.jitter


def test_the_features_are_independent_given_the_label(run, many):
    points = train_points(run(), replace(many, jitter=0.0))
    for label in (-1, 1):
        of_label = points.y == label
        u = points.x[EASY, of_label, 0]
        hard = points.x[HARD, of_label]
        position = np.linalg.norm(hard, axis=1)
        for other in (position, np.abs(position - np.median(position)), *hard.T):
            assert abs(np.corrcoef(u, other)[0, 1]) < 0.04


def test_a_seed_at_another_complexity_shares_all_but_the_angle(run, distribution):
    plain = replace(distribution, jitter=0.0)
    for draw in (train_points, fresh_points):
        low, high = (draw(run(complexity=value), plain) for value in (180.0, 540.0))
        assert low.y.tobytes() == high.y.tobytes()
        assert low.x[EASY].tobytes() == high.x[EASY].tobytes()
        radii = [np.linalg.norm(each.x[HARD], axis=1) for each in (low, high)]
        np.testing.assert_allclose(*radii, rtol=1e-6)
        assert not np.allclose(low.x[HARD], high.x[HARD])


def test_training_points_are_neither_test_points_nor_those_of_another_seed(run, distribution):
    points = train_points(run(), distribution).x[EASY, :, 0]
    others = (
        fresh_points(run(), distribution).x[EASY, :, 0],
        train_points(run(seed=1), distribution).x[EASY, :, 0],
    )
    for other in others:
        assert np.isin(points, other).mean() < 0.01


@pytest.mark.parametrize(
    "change", [{"batch_size": 1}, {"steps": 1}, {"rho": 1.0}, {"intervention": "both"}]
)
def test_how_a_run_is_trained_does_not_change_its_points(change, run, distribution):
    changed, plain = (train_points(each, distribution) for each in (run(**change), run()))
    assert changed.x.tobytes() == plain.x.tobytes()


# Noise


@pytest.mark.parametrize("noisy", ["both", "hard"])
@pytest.mark.parametrize("kind", KINDS)
def test_noise_of_level_0_changes_no_bit_and_none_the_label_or_test_points(
    kind, noisy, run, distribution
):
    for draw, level in ((train_points, 0.0), (train_points, 0.4), (fresh_points, 0.4)):
        clean = draw(run(), distribution)
        points = draw(run(noise=kind, level=level, noisy=noisy), distribution)
        assert points.y.tobytes() == clean.y.tobytes()
        changed = draw is train_points and level > 0
        assert (points.x.tobytes() != clean.x.tobytes()) == changed


@pytest.mark.parametrize("kind", KINDS)
def test_noise_on_the_hard_feature_leaves_the_easy_one_and_is_that_of_both(kind, run, many):
    clean = train_points(run(), many)
    both, hard = (
        train_points(run(noise=kind, level=0.3, noisy=noisy), many) for noisy in ("both", "hard")
    )
    assert hard.x[EASY].tobytes() == clean.x[EASY].tobytes()
    assert hard.x[HARD].tobytes() == both.x[HARD].tobytes()
    assert both.x[EASY].tobytes() != clean.x[EASY].tobytes()


@pytest.mark.parametrize(("kind", "level"), [("label", 0.02), ("label", 0.1), ("dropout", 0.4)])
def test_noise_strikes_its_share_of_each_feature_independently(kind, level, run, many):
    easy, hard = found = struck(kind, level, run, many)
    for feature in found:
        assert_share(feature, level)
    assert_share(easy & hard, level**2)


@pytest.mark.parametrize("kind", ["label", "dropout"])
def test_noise_is_independent_of_label_and_place(kind, run, many):
    clean = train_points(run(), many)
    for feature in struck(kind, 0.3, run, many):
        for other in (clean.y, np.abs(clean.x[EASY, :, 0]), np.linalg.norm(clean.x[HARD], axis=1)):
            assert abs(np.corrcoef(feature, other)[0, 1]) < 0.03


@pytest.mark.parametrize("kind", ["label", "dropout"])
def test_what_a_level_strikes_a_higher_one_strikes_too(kind, run, many):
    levels = [struck(kind, level, run, many) for level in (0.02, 0.06, 0.1)]
    for lower, higher in pairwise(levels):
        assert not (lower & ~higher).any()
        assert (higher & ~lower).any(axis=1).all()


@pytest.mark.parametrize("complexity", [180.0, 540.0])
def test_label_noise_gives_a_feature_the_value_of_the_other_label(complexity, run, distribution):
    clean, noisy = (
        train_points(run(complexity=complexity, noise="label", level=level), distribution)
        for level in (0.0, 0.3)
    )
    flipped = noisy.x[EASY, :, 0] != clean.x[EASY, :, 0]
    assert 0 < flipped.sum() < 300
    assert (noisy.x[EASY, flipped, 0] == -clean.x[EASY, flipped, 0]).all()
    moved = (noisy.x[HARD] != clean.x[HARD]).any(axis=1)
    other = nearest_arm(noisy.x[HARD], complexity) != noisy.y
    np.testing.assert_array_equal(moved, other)
    # The point is mirrored but for its jitter, which stays.
    mirrored = noisy.x[HARD, moved] + clean.x[HARD, moved]
    assert 0.1 < np.abs(mirrored).max() <= 0.12 + 1e-6


def test_gaussian_noise_is_the_level_times_a_fixed_normal(run, many):
    clean = train_points(run(), many).x.astype("f8")
    normals = [
        (train_points(run(noise="gaussian", level=level), many).x - clean) / level
        for level in (0.2, 1.0)
    ]
    np.testing.assert_allclose(*normals, atol=1e-5)
    coordinates = normals[1].transpose(0, 2, 1).reshape(4, MANY)
    np.testing.assert_allclose(np.cov(coordinates), np.eye(4), atol=0.05)
    np.testing.assert_allclose(coordinates.mean(1), 0, atol=0.03)
    assert (np.abs(coordinates) > 3).mean() == pytest.approx(0.0027, abs=0.001)
    other_seed = train_points(run(seed=1, noise="gaussian", level=1.0), many).x
    other_normal = other_seed - train_points(run(seed=1), many).x
    assert abs(np.corrcoef(other_normal.ravel(), normals[1].ravel())[0, 1]) < 0.02


def test_dropout_zeroes_both_coordinates_and_moves_no_other_point(run, distribution):
    clean = train_points(run(), distribution).x
    dropped = train_points(run(noise="dropout", level=0.4), distribution).x
    for feature, original in zip(dropped, clean, strict=True):
        zero = (feature == 0).all(axis=1)
        assert 60 < zero.sum() < 180
        np.testing.assert_array_equal(feature[~zero], original[~zero])


def test_batches_keep_the_partial_one(run, distribution):
    points = train_points(run(), distribution)
    found = list(points.batches(7))
    assert [len(part.y) for part in found] == [7] * 42 + [6]
    np.testing.assert_array_equal(np.concatenate([part.x for part in found], axis=1), points.x)
    np.testing.assert_array_equal(np.concatenate([part.y for part in found]), points.y)
