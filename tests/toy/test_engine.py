from dataclasses import replace
from functools import partial
from itertools import combinations

import numpy as np
import pytest

from feature_quality.toy.engine import Trained, train, training_set
from feature_quality.toy.network import Networks
from feature_quality.toy.runs import Run
from plain_toy import train_plainly

LR = 0.01
VARIANTS = [
    {},
    {"rho": 0.5},
    {"rho": 1.0, "complexity": 540.0, "seed": 1},
    {"rho": 0.3, "noise": "label", "level": 0.1, "seed": 2},
    {"noise": "gaussian", "level": 1.0, "noisy": "hard"},
    {"rho": 0.1, "noise": "dropout", "level": 0.4, "seed": 1},
    {"intervention": "importance_weighting", "kappa": "constant", "alpha": 0.25},
    {"intervention": "learning_rate", "kappa": "tracking", "alpha": 4.0, "seed": 3},
    {"intervention": "both", "kappa": "tracking", "alpha": 2.0, "complexity": 180.0},
]


def assert_trained(actual: Trained, expected: Trained, assert_bits) -> None:
    assert_bits(actual.networks, expected.networks)
    np.testing.assert_array_equal(actual.real, expected.real)
    np.testing.assert_array_equal(actual.phantom, expected.phantom)


def one_of(trained: Trained, i: int) -> Trained:
    return Trained(
        trained.networks.chosen([i]), trained.real[:, i : i + 1], trained.phantom[:, i : i + 1], {}
    )


def test_batches_keep_the_partial_one(run, distribution):
    points = training_set([run(seed=seed) for seed in (0, 1)], distribution)
    found = list(points.batches(7))
    assert [part.y.shape[1] for part in found] == [7] * 42 + [6]
    np.testing.assert_array_equal(np.concatenate([part.x for part in found], axis=2), points.x)
    np.testing.assert_array_equal(np.concatenate([part.y for part in found], axis=1), points.y)


@pytest.mark.parametrize("batch_size", [1, 2, 5, 7, 50, 300])
def test_a_run_alone_has_the_same_bits_as_among_others(batch_size, run, distribution, assert_bits):
    runs = [run(batch_size=batch_size, steps=20, **variant) for variant in VARIANTS]
    together = train(runs, distribution, 0.1)
    reversed_order = train(runs[::-1], distribution, 0.1)
    for i, each in enumerate(runs):
        alone = train([each], distribution, 0.1)
        assert_trained(one_of(together, i), alone, assert_bits)
        assert_trained(one_of(reversed_order, len(runs) - 1 - i), alone, assert_bits)


def test_the_variants_differ_and_are_the_same_twice_with_snapshots_or_without(
    run, distribution, assert_bits
):
    runs = [run(steps=70, **variant) for variant in VARIANTS]
    first = train(runs, distribution, LR)
    second = train(runs, distribution, LR, kept=[1])
    assert_trained(first, second, assert_bits)
    ends = first.networks.layers["second"].reshape(len(runs), -1)
    for one, other in combinations(ends, 2):
        assert not np.allclose(one, other, atol=1e-4)


@pytest.mark.parametrize("rho", [0.0, 0.5])
@pytest.mark.parametrize(
    ("batch_size", "steps", "atol"),
    [(1, 300, 1e-5), (5, 300, 1e-5), (7, 300, 1e-5), (300, 60, 1e-5)],
)
def test_training_agrees_with_a_plain_loop(
    batch_size, steps, atol, rho, run, distribution, tensors_of_plain
):
    each = run(
        seed=1, batch_size=batch_size, steps=steps, rho=rho, noise="label", level=0.1, noisy="hard"
    )
    initial = Networks.initial([1]).arrays()
    arrays = train([each], distribution, LR).networks.arrays()
    for name, expected in tensors_of_plain(train_plainly(each, distribution, LR)).items():
        np.testing.assert_allclose(arrays[name], expected, rtol=0, atol=atol)
        # The bias of a third layer hardly moves: the gradients of the two labels cancel.
        assert name == "third_bias" or np.abs(expected.numpy() - initial[name]).max() > 1e-3


@pytest.mark.parametrize("batch_size", [50, 70])
@pytest.mark.parametrize("steps", [1, 4, 6, 13])
def test_the_trace_holds_w_before_every_step(steps, batch_size, run, distribution):
    longer, shorter = (
        train(
            [run(batch_size=batch_size, steps=number, rho=rho) for rho in (0.0, 0.5)],
            distribution,
            LR,
        )
        for number in (20, steps)
    )
    assert longer.real[0].tolist() == [[1, 1], [1, 1]]
    assert shorter.real.shape == shorter.phantom.shape == (steps, 2, 2)
    np.testing.assert_array_equal(shorter.real, longer.real[:steps])
    np.testing.assert_array_equal(shorter.phantom, longer.phantom[:steps])
    np.testing.assert_array_equal(shorter.networks.last, longer.real[steps])
    assert (longer.real[1:] != longer.real[:-1]).any(axis=2).all()


def test_the_phantom_trace_is_at_rho_or_fixed(run, distribution):
    runs = [run(rho=0.5), run(rho=1.0)]
    runs += [
        run(intervention="both", kappa=kappa, alpha=2.0, seed=1)
        for kappa in ("constant", "tracking")
    ]
    trained = train(runs, distribution, LR)
    moved = np.linalg.norm((trained.phantom - trained.real)[:, :2], axis=2)
    assert_close = partial(np.testing.assert_allclose, rtol=1e-5)
    assert_close(moved, np.tile([0.5, 1.0], (60, 1)))
    constant, tracking = trained.phantom[:, 2], trained.phantom[:, 3]
    ratio = np.array([1, 2]) / 5**0.5
    assert_close(constant, np.tile(2**0.5 * ratio, (60, 1)))
    assert_close(tracking, np.linalg.norm(trained.real[:, 3], axis=1)[:, None] * ratio)


@pytest.mark.parametrize(("batch_size", "epoch_steps"), [(100, 3), (70, 5)])
def test_snapshots_are_of_the_ends_of_their_epochs(
    batch_size, epoch_steps, run, distribution, assert_bits
):
    runs = [run(seed=seed, batch_size=batch_size, steps=4 * epoch_steps) for seed in (0, 1)]
    trained = train(runs, distribution, LR, kept=[1, 3, 4, 9])
    assert list(trained.snapshots) == [1, 3, 4]
    for epoch in (1, 3):
        last = trained.snapshots[epoch].last
        np.testing.assert_array_equal(last, trained.real[epoch * epoch_steps])
    shorter = train([replace(runs[0], steps=epoch_steps)], distribution, LR)
    assert_bits(trained.snapshots[1].chosen([0]), shorter.networks)
    assert_bits(trained.snapshots[4], trained.networks)


def test_an_epoch_shows_every_point_once_in_a_new_order(run, distribution, monkeypatch):
    seen = []
    monkeypatch.setattr(
        "feature_quality.toy.engine.train_epoch",
        lambda order, x, y, *rest: seen.append((order.tolist(), len(rest[-1]))),
    )
    few = replace(distribution, train_points=10)
    train([run(seed=seed, batch_size=4, steps=8) for seed in (0, 0, 1)], few, LR)
    orders, steps = zip(*seen, strict=True)
    assert steps == (3, 3, 2) * 3
    assert orders[:3] == orders[3:6] != orders[6:]
    assert all(sorted(order) == list(range(10)) for order in orders)
    assert len({*map(tuple, orders[:3])}) == 3


@pytest.mark.parametrize("width", [50, 200])
def test_other_widths_train_too(width, run, distribution):
    each = run(width=width, initial=0.5, rho=0.5)
    trained = train([each], distribution, LR)
    assert trained.networks.layers["second"].shape == (2, width, width)
    assert trained.real[0].tolist() == [[0.5, 0.5]]
    assert (
        trained.networks.layers["second"] != Networks.initial([0], width).layers["second"]
    ).any()


def test_the_learning_rate_scales_the_first_step(run, distribution):
    ends = [
        train([run(steps=1)], distribution, lr).networks.last.astype("f8") - 1
        for lr in (0.01, 0.02)
    ]
    np.testing.assert_allclose(2 * ends[0], ends[1], rtol=1e-3, atol=1e-6)


def test_runs_of_one_seed_share_their_initial_weights(distribution):
    runs = [Run(4, 270.0, 5, 1, rho=rho) for rho in (0.0, 0.5)]
    trained = train(runs, distribution, 0.0)
    initial = Networks.initial([4])
    for name, array in trained.networks.arrays().items():
        np.testing.assert_array_equal(array, np.concatenate([initial.arrays()[name]] * 2))
