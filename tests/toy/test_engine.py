from dataclasses import replace
from functools import partial
from itertools import combinations

import numpy as np
import pytest

from feature_quality.toy.engine import train
from feature_quality.toy.network import ToyNetwork
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


def test_the_variants_differ_and_are_the_same_twice_with_snapshots_or_without(
    run, distribution, assert_bits
):
    runs = [run(steps=70, **variant) for variant in VARIANTS]
    first = [train(each, distribution, LR) for each in runs]
    second = [train(each, distribution, LR, kept=[1]) for each in reversed(runs)][::-1]
    for one, other in zip(first, second, strict=True):
        assert_bits(one.network, other.network)
        np.testing.assert_array_equal(one.real, other.real)
        np.testing.assert_array_equal(one.phantom, other.phantom)
    for one, other in combinations([each.network.layers["second"] for each in first], 2):
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
    initial = ToyNetwork.initial(1).arrays()
    arrays = train(each, distribution, LR).network.arrays()
    for name, expected in tensors_of_plain(train_plainly(each, distribution, LR)).items():
        np.testing.assert_allclose(arrays[name], expected, rtol=0, atol=atol)
        # The bias of a third layer hardly moves: the gradients of the two labels cancel.
        assert name == "third_bias" or np.abs(expected.numpy() - initial[name]).max() > 1e-3


@pytest.mark.parametrize("rho", [0.0, 0.5])
@pytest.mark.parametrize("batch_size", [50, 70])
@pytest.mark.parametrize("steps", [1, 4, 6, 13])
def test_the_trace_holds_w_before_every_step(steps, batch_size, rho, run, distribution):
    longer, shorter = (
        train(run(batch_size=batch_size, steps=number, rho=rho), distribution, LR)
        for number in (20, steps)
    )
    assert longer.real[0].tolist() == [1, 1]
    assert shorter.real.shape == shorter.phantom.shape == (steps, 2)
    np.testing.assert_array_equal(shorter.real, longer.real[:steps])
    np.testing.assert_array_equal(shorter.phantom, longer.phantom[:steps])
    np.testing.assert_array_equal(shorter.network.last, longer.real[steps])
    assert (longer.real[1:] != longer.real[:-1]).any(axis=1).all()


def test_the_phantom_trace_is_at_rho_or_fixed(run, distribution):
    assert_close = partial(np.testing.assert_allclose, rtol=1e-5)
    for rho in (0.5, 1.0):
        trained = train(run(rho=rho), distribution, LR)
        assert_close(np.linalg.norm(trained.phantom - trained.real, axis=1), [rho] * 60)
    ratio = np.array([1, 2]) / 5**0.5
    constant, tracking = (
        train(run(intervention="both", kappa=kappa, alpha=2.0, seed=1), distribution, LR)
        for kappa in ("constant", "tracking")
    )
    assert_close(constant.phantom, np.tile(2**0.5 * ratio, (60, 1)))
    assert_close(tracking.phantom, np.linalg.norm(tracking.real, axis=1)[:, None] * ratio)


@pytest.mark.parametrize(("batch_size", "epoch_steps"), [(100, 3), (70, 5)])
def test_snapshots_are_of_the_ends_of_their_epochs(
    batch_size, epoch_steps, run, distribution, assert_bits
):
    each = run(seed=1, batch_size=batch_size, steps=4 * epoch_steps)
    trained = train(each, distribution, LR, kept=[1, 3, 4, 9])
    assert list(trained.snapshots) == [1, 3, 4]
    for epoch in (1, 3):
        last = trained.snapshots[epoch].last
        np.testing.assert_array_equal(last, trained.real[epoch * epoch_steps])
    shorter = train(replace(each, steps=epoch_steps), distribution, LR)
    assert_bits(trained.snapshots[1], shorter.network)
    assert_bits(trained.snapshots[4], trained.network)


def test_an_epoch_shows_every_point_once_in_a_new_order(run, distribution, monkeypatch):
    seen = []
    monkeypatch.setattr(
        "feature_quality.toy.engine.train_epoch",
        lambda order, x, y, *rest: seen.append((order.tolist(), len(rest[-1]))),
    )
    few = replace(distribution, train_points=10)
    for seed in (0, 0, 1):
        train(run(seed=seed, batch_size=4, steps=8), few, LR)
    orders, steps = zip(*seen, strict=True)
    assert steps == (3, 3, 2) * 3
    assert orders[:3] == orders[3:6] != orders[6:]
    assert all(sorted(order) == list(range(10)) for order in orders)
    assert len({*map(tuple, orders[:3])}) == 3


@pytest.mark.parametrize("width", [50, 200])
def test_other_widths_train_too(width, run, distribution):
    each = run(width=width, initial=0.5, rho=0.5)
    trained = train(each, distribution, LR)
    second = trained.network.layers["second"]
    assert second.shape == (2, width, width)
    assert trained.real[0].tolist() == [0.5, 0.5]
    assert (second != ToyNetwork.initial(0, width).layers["second"]).any()


def test_runs_of_one_seed_share_their_initial_weights(distribution, assert_bits):
    for rho in (0.0, 0.5):
        trained = train(Run(4, 270.0, 5, 1, rho=rho), distribution, 0.0)
        assert_bits(trained.network, ToyNetwork.initial(4))
