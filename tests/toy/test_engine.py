from dataclasses import replace
from itertools import combinations

import pytest
import torch

from feature_quality.seeds import generator
from feature_quality.toy.distribution import train_points
from feature_quality.toy.engine import CHUNK, Stack, Trained, chunks, train
from feature_quality.toy.last_layer import importance, last_layer_gradient
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
    assert torch.equal(actual.real, expected.real)
    assert torch.equal(actual.phantom, expected.phantom)


def one_of(trained: Trained, i: int) -> Trained:
    return Trained(
        trained.networks.chosen([i]), trained.real[:, i : i + 1], trained.phantom[:, i : i + 1]
    )


# Chunks


def test_chunks_hold_runs_of_one_shape_and_lose_none(run, cpu, monkeypatch):
    monkeypatch.setitem(CHUNK, "cpu", 3)
    shapes = [(5, 60), (1, 60), (5, 90), (5, 60), (5, 60), (1, 60), (5, 60), (5, 60)]
    runs = [
        run(seed=seed, batch_size=size, steps=steps) for seed, (size, steps) in enumerate(shapes)
    ]
    found = [[each.seed for each in chunk] for chunk in chunks(runs, cpu)]
    assert found == [[0, 3, 4], [6, 7], [1, 5], [2]]


@pytest.mark.parametrize("device", CHUNK)
def test_a_chunk_is_as_large_as_its_device_likes(device, run):
    size = CHUNK[device]
    runs = [run(seed=seed) for seed in range(2 * size + 1)]
    found = list(chunks(runs, torch.device(device)))
    assert [len(chunk) for chunk in found] == [size, size, 1]
    assert [each for chunk in found for each in chunk] == runs


# Stacks


def test_a_stack_is_reordered_by_each_runs_own_order():
    x = torch.arange(12.0).view(1, 2, 3, 2)
    points = Stack(torch.cat([x, 100 + x]), torch.tensor([[1.0, 2, 3], [4, 5, 6]]))
    found = points.reordered(torch.tensor([[2, 0, 1], [0, 2, 1]]))
    assert found.y.tolist() == [[3, 1, 2], [4, 6, 5]]
    assert found.x[0].tolist() == [[[4, 5], [0, 1], [2, 3]], [[10, 11], [6, 7], [8, 9]]]
    assert found.x[1, 1].tolist() == [[106, 107], [110, 111], [108, 109]]


def test_batches_keep_the_partial_one(run, distribution, cpu):
    points = Stack.of([train_points(run(seed=seed), distribution) for seed in (0, 1)], cpu)
    found = list(points.batches(7))
    assert [part.y.shape[1] for part in found] == [7] * 42 + [6]
    assert torch.equal(torch.cat([part.x for part in found], dim=2), points.x)
    assert torch.equal(torch.cat([part.y for part in found], dim=1), points.y)


# Training


@pytest.mark.parametrize("batch_size", [1, 2, 5, 7, 50, 300])
def test_a_run_alone_has_the_same_bits_as_among_others(
    batch_size, run, distribution, cpu, assert_bits
):
    runs = [run(batch_size=batch_size, steps=20, **variant) for variant in VARIANTS]
    together = train(runs, distribution, 0.1, cpu)
    reversed_order = train(runs[::-1], distribution, 0.1, cpu)
    for i, each in enumerate(runs):
        alone = train([each], distribution, 0.1, cpu)
        assert_trained(one_of(together, i), alone, assert_bits)
        assert_trained(one_of(reversed_order, len(runs) - 1 - i), alone, assert_bits)


def test_the_variants_differ_and_are_the_same_twice_whether_they_are_observed_or_not(
    run, distribution, cpu, assert_bits
):
    runs = [run(steps=70, **variant) for variant in VARIANTS]
    first = train(runs, distribution, LR, cpu)
    second = train(runs, distribution, LR, cpu, lambda epoch, networks: None)
    assert_trained(first, second, assert_bits)
    ends = first.networks.layers["second"].view(len(runs), -1)
    for one, other in combinations(ends, 2):
        assert not torch.allclose(one, other, atol=1e-4)


@pytest.mark.parametrize("rho", [0.0, 0.5])
@pytest.mark.parametrize(
    ("batch_size", "steps", "atol"),
    [(1, 300, 1e-5), (5, 300, 1e-5), (7, 300, 1e-5), (300, 60, 1e-5)],
)
def test_training_agrees_with_a_plain_loop(
    batch_size, steps, atol, rho, run, distribution, cpu, tensors_of_plain
):
    each = run(
        seed=1, batch_size=batch_size, steps=steps, rho=rho, noise="label", level=0.1, noisy="hard"
    )
    initial = Networks.initial([1], cpu).tensors()
    tensors = train([each], distribution, LR, cpu).networks.tensors()
    for name, expected in tensors_of_plain(train_plainly(each, distribution, LR)).items():
        torch.testing.assert_close(tensors[name], expected, rtol=0, atol=atol)
        # The bias of a third layer hardly moves: the gradients of the two labels cancel.
        assert name == "third_bias" or (expected - initial[name]).abs().max() > 1e-3


@pytest.mark.parametrize("batch_size", [5, 7, 300])
def test_without_rho_it_is_sgd_bit_for_bit(batch_size, run, distribution, cpu, assert_bits):
    runs = [run(seed=seed, batch_size=batch_size, steps=50) for seed in (0, 1)]
    trained = train(runs, distribution, LR, cpu)
    assert torch.equal(trained.phantom, trained.real)

    for i, each in enumerate(runs):
        networks = Networks.initial([each.seed], cpu)
        points = Stack.of([train_points(each, distribution)], cpu)
        order = generator("toy", "order", each.seed)
        taken = 0
        while taken < each.steps:
            epoch = points.reordered(torch.from_numpy(order.permutation(300))[None])
            for batch in list(epoch.batches(batch_size))[: each.steps - taken]:
                activations = networks.forward(batch.x)
                signed = activations.phi * batch.y[:, None]
                weights = importance(networks.last, signed)
                share = LR / batch.y.shape[1]
                slope = -(weights * batch.y)[:, None] * networks.last[:, :, None] * share
                networks.descend(activations, slope)
                networks.last.sub_(last_layer_gradient(weights, signed), alpha=LR)
                taken += 1
        assert_bits(trained.networks.chosen([i]), networks)


@pytest.mark.parametrize("batch_size", [50, 70])
@pytest.mark.parametrize("steps", [1, 4, 6, 13])
def test_the_trace_holds_w_before_every_step(steps, batch_size, run, distribution, cpu):
    longer, shorter = (
        train(
            [run(batch_size=batch_size, steps=number, rho=rho) for rho in (0.0, 0.5)],
            distribution,
            LR,
            cpu,
        )
        for number in (20, steps)
    )
    assert longer.real[0].tolist() == [[1, 1], [1, 1]]
    assert shorter.real.shape == shorter.phantom.shape == (steps, 2, 2)
    assert torch.equal(shorter.real, longer.real[:steps])
    assert torch.equal(shorter.phantom, longer.phantom[:steps])
    assert torch.equal(shorter.networks.last, longer.real[steps])
    assert (longer.real[1:] != longer.real[:-1]).any(dim=2).all()


def test_the_phantom_trace_is_at_rho_or_fixed(run, distribution, cpu):
    runs = [run(rho=0.5), run(rho=1.0)]
    runs += [
        run(intervention="both", kappa=kappa, alpha=2.0, seed=1)
        for kappa in ("constant", "tracking")
    ]
    trained = train(runs, distribution, LR, cpu)
    moved = (trained.phantom - trained.real)[:, :2].norm(dim=2)
    torch.testing.assert_close(moved, torch.tensor([[0.5, 1.0]]).expand(60, 2))
    constant, tracking = trained.phantom[:, 2:].unbind(1)
    ratio = torch.tensor([1, 2]) / 5**0.5
    torch.testing.assert_close(constant, (2**0.5 * ratio).expand(60, 2))
    torch.testing.assert_close(tracking, trained.real[:, 3].norm(dim=1)[:, None] * ratio)


@pytest.mark.parametrize(("batch_size", "epoch_steps"), [(100, 3), (70, 5)])
def test_every_epoch_is_observed_once_at_its_end(batch_size, epoch_steps, run, distribution, cpu):
    seen = []
    runs = [run(seed=seed, batch_size=batch_size, steps=4 * epoch_steps) for seed in (0, 1)]
    trained = train(
        runs,
        distribution,
        LR,
        cpu,
        lambda epoch, networks: seen.append((epoch, networks.last.tolist())),
    )
    ends = [*trained.real[epoch_steps::epoch_steps], trained.networks.last]
    assert seen == list(enumerate((end.tolist() for end in ends), start=1))


def test_an_epoch_shows_every_point_once_in_an_order_of_its_own(
    run, distribution, cpu, monkeypatch
):
    seen = []
    monkeypatch.setattr(
        "feature_quality.toy.engine.take_step",
        lambda networks, batch, substitution, lr: seen.append(batch.x) or networks.last,
    )
    few = replace(distribution, train_points=10)
    runs = [run(seed=seed, batch_size=4, steps=6) for seed in (0, 0, 1)]
    train(runs, few, LR, cpu)
    assert [part.shape[2] for part in seen] == [4, 4, 2] * 2
    first, second = (torch.cat(seen[place : place + 3], dim=2)[:, 0, :, 0] for place in (0, 3))
    assert torch.equal(first[0], first[1])
    for shown in (first, second):
        for i, each in enumerate(runs):
            expected = torch.from_numpy(train_points(each, few).x[0, :, 0])
            assert torch.equal(shown[i].sort().values, expected.sort().values)
    assert (first != second).any(dim=1).all()
    ranks = first.argsort(dim=1)
    assert not torch.equal(ranks[0], ranks[2])


def test_the_learning_rate_scales_the_first_step(run, distribution, cpu):
    ends = [
        train([run(steps=1)], distribution, lr, cpu).networks.last.double() - 1
        for lr in (0.01, 0.02)
    ]
    torch.testing.assert_close(2 * ends[0], ends[1], rtol=1e-3, atol=1e-6)


def test_runs_of_one_seed_share_their_initial_weights(distribution, cpu):
    runs = [Run(4, 270.0, 5, 1, rho=rho) for rho in (0.0, 0.5)]
    trained = train(runs, distribution, 0.0, cpu)
    initial = Networks.initial([4], cpu)
    for name, tensor in trained.networks.tensors().items():
        assert torch.equal(tensor, initial.tensors()[name].repeat(2, *[1] * (tensor.dim() - 1)))
