"""The compiled step against autograd, in float64: every layer, LSAM, and every intervention."""

import math
from functools import partial

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import softplus

from feature_quality.methods import METHODS
from feature_quality.toy.distribution import Points
from feature_quality.toy.engine import rule_of
from feature_quality.toy.kernel import (
    importance,
    last_layer_gradient,
    substitute,
    train_epoch,
)
from feature_quality.toy.network import SHAPES, ToyNetwork
from feature_quality.toy.runs import Run
from feature_quality.training.sam import step
from plain_toy import PlainToy

TERMS = ("importance_weighting", "learning_rate", "both")
LR = 0.25
VARIANTS = [
    *({"rho": rho} for rho in (0.0, 0.5, 3.0)),
    *(
        {"intervention": term, "kappa": kappa, "alpha": alpha}
        for term in TERMS
        for kappa in ("tracking", "constant")
        for alpha in (0.25, 2.0)
    ),
    *(
        {"rho": 0.7, "intervention": term, "last_follows": follows}
        for term in (*TERMS, "direction", "norm")
        for follows in ("intervention", "sgd")
    ),
]

assert_close = partial(torch.testing.assert_close, rtol=1e-9, atol=1e-11)


def random(*shape: int) -> Tensor:
    return torch.randn(shape, dtype=torch.float64)


def model(seed: int) -> ToyNetwork:
    """Return an untrained model in float64 with weights w of any size and sign."""
    arrays = ToyNetwork.initial(seed).arrays()
    tensors = {name: torch.from_numpy(each).double() for name, each in arrays.items()}
    return ToyNetwork.of(tensors | {"last": 2 * random(2)})


def batch(n: int = 6) -> Points:
    return Points(random(2, n, 2), torch.sign(random(n)))


def moved_by(network: ToyNetwork, points: Points, run: Run) -> dict[str, Tensor]:
    """Return what one step of the kernel subtracts, over the learning rate."""
    after = {name: tensor.clone() for name, tensor in network.arrays().items()}
    layers = tuple(after[name].numpy() for name in SHAPES)
    n, trace = len(points.y), np.empty((1, 2))
    train_epoch(
        *(np.arange(n), points.x.numpy(), points.y.numpy(), n, LR, rule_of(run)),
        *(layers, after["last"].numpy(), trace, trace),
    )
    return {name: (each - after[name]) / LR for name, each in network.arrays().items()}


def put_for(run: Run, last: Tensor, phi: Tensor, y: Tensor) -> Tensor:
    """Return what a run puts for w, (2,), by autograd and equations 5 and 7."""
    if run.alpha is not None:
        kappa = last.norm() if run.kappa == "tracking" else math.sqrt(2)
        fixed = torch.tensor([1, run.alpha], dtype=torch.float64)
        return kappa * fixed / math.sqrt(1 + run.alpha**2)
    leaf = last.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(softplus(-y * (leaf @ phi)).mean(), leaf)
    phantom = last + run.rho * gradient / gradient.norm()
    if run.intervention == "direction":
        return phantom / phantom.norm() * last.norm()
    return last / last.norm() * phantom.norm() if run.intervention == "norm" else phantom


def surrogate(run: Run, last: Tensor, phi: Tensor, y: Tensor) -> Tensor:
    """Return what has the gradient of equation 6 or 8 to 10; λ and the rates are constants."""
    put = put_for(run, last.detach(), phi.detach(), y)
    in_importance = last if run.intervention == "learning_rate" else put
    in_rates = last if run.intervention == "importance_weighting" else put
    weights = torch.sigmoid(-y * (in_importance @ phi)).detach()
    of_last = torch.sigmoid(-y * (last @ phi)).detach() if run.last_follows == "sgd" else weights
    return -(y * (weights * (in_rates.detach() @ phi) + of_last * (last @ phi.detach()))).mean()


# One function at a time


def test_importance_weights_by_hand():
    assert importance((math.log(3), 0.0), 1.0, 5.0) == pytest.approx(1 / 4)
    assert importance((1.0, math.log(3)), 0.0, -1.0) == pytest.approx(3 / 4)
    assert importance((1.0, 1.0), 300.0, 0.0) == pytest.approx(math.exp(-300), rel=1e-12)
    assert [importance((1.0, 1.0), size, 0.0) for size in (1e4, -1e4)] == [0, 1]


def test_the_gradient_of_w_by_hand():
    # λ = 1/4 and 1/2.
    signed = np.array([[math.log(3), 0.0], [2.0, 6.0]])
    found = last_layer_gradient((1.0, 0.0), signed)
    assert found == pytest.approx((-math.log(3) / 8, -(0.5 + 3) / 2))


def test_what_is_put_for_w_by_hand(run):
    gradient = (-3.0, -4.0)
    put = partial(substitute, gradient=gradient)
    assert put(rule_of(run(rho=2)), (4.0, -3.0)) == pytest.approx((4 - 1.2, -3 - 1.6))
    # w̃ = (3, 4) + 5·(−0.6, −0.8) is 0 at ρ = 5, and (6, 8) for the gradient reversed.
    for kind, expected in (("direction", (3, 4)), ("norm", (6, 8)), ("both", (6, 8))):
        rule = rule_of(run(rho=5, intervention=kind))
        assert substitute(rule, (3.0, 4.0), (3.0, 4.0)) == pytest.approx(expected)
    # ‖(3, 4)‖ = 5 and √(1 + 0.75²) = 1.25.
    for kappa, expected in (("tracking", (4, 3)), ("constant", (1.131371, 0.848528))):
        rule = rule_of(run(intervention="both", kappa=kappa, alpha=0.75))
        assert put(rule, (3.0, 4.0)) == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("size", [1e-300, 1e-30, 1e200])
def test_the_norm_neither_underflows_nor_overflows(size, run):
    assert substitute(rule_of(run(rho=0.5)), (0.0, 1.0), (-size, 0.0)) == (-0.5, 1)


@pytest.mark.parametrize(("rho", "gradient"), [(0.0, (1.0, 2.0)), (0.5, (0.0, 0.0))])
def test_without_rho_or_gradient_nothing_is_perturbed(rho, gradient, run):
    last = (0.1, 0.3)
    assert substitute(rule_of(run(rho=rho)), last, gradient) == last


# A step


@pytest.mark.parametrize("n", [1, 2, 5, 6, 23])
@pytest.mark.parametrize("variant", VARIANTS, ids=lambda each: ",".join(map(str, each.values())))
def test_a_step_is_the_gradient_of_its_surrogate(variant, n, run):
    network, points, each = model(n), batch(n), run(**variant)
    leaves = {name: each.clone().requires_grad_() for name, each in network.arrays().items()}
    phi = ToyNetwork.of(leaves).forward(points.x)
    loss = surrogate(each, leaves["last"], phi, points.y)
    gradients = torch.autograd.grad(loss, list(leaves.values()))
    moved, plain = moved_by(network, points, each), moved_by(network, points, run())
    for name, gradient in zip(leaves, gradients, strict=True):
        assert_close(moved[name], gradient)
    assert (each == run()) == torch.allclose(moved["third"], plain["third"], rtol=1e-4)


@pytest.mark.parametrize("rho", [0.0, 0.3, 2.0])
def test_a_step_is_that_of_lsam_on_image_networks(rho, run, tensors_of_plain):
    for seed in range(3):
        plain = PlainToy(seed).double()
        with torch.no_grad():
            plain.last.copy_(random(2))
        plain.head = nn.ParameterList([plain.last])
        before = {name: each.clone() for name, each in tensors_of_plain(plain).items()}
        points = batch()

        def classify(phi: Tensor, last: Tensor = plain.last, y: Tensor = points.y):
            output = phi @ last
            return softplus(-y * output).mean(), output

        optimizer = torch.optim.SGD(plain.parameters(), lr=LR)
        step(partial(plain.embed, points.x), classify, plain, optimizer, METHODS["lsam"], rho)
        moved = moved_by(ToyNetwork.of(before), points, run(rho=rho))
        for name, expected in tensors_of_plain(plain).items():
            assert_close(before[name] - LR * moved[name], expected)


def test_where_the_relu_is_shut_or_at_zero_nothing_below_moves(linear, run):
    arrays = linear([1, 1], [1, 1]).arrays()
    network = ToyNetwork.of({name: torch.from_numpy(each) for name, each in arrays.items()})
    points = Points(torch.zeros(2, 1, 2), torch.ones(1))
    for name, moved in moved_by(network, points, run()).items():
        assert (moved != 0).any() == (name == "third_bias"), name


@pytest.mark.parametrize("name", SHAPES)
def test_a_large_batch_is_summed_before_it_is_subtracted(name, run):
    arrays = ToyNetwork.initial(0).arrays()
    singles = ToyNetwork.of({key: torch.from_numpy(each) for key, each in arrays.items()})
    doubles = ToyNetwork.of({key: each.double() for key, each in singles.arrays().items()})
    points = Points(torch.randn(2, 300, 2), torch.sign(torch.randn(300)))
    of_doubles = Points(points.x.double(), points.y.double())
    moved, expected = (
        moved_by(*each, run())[name].double() for each in ((singles, points), (doubles, of_doubles))
    )
    # The weights are below 1, so that rounding the difference errs by 2⁻²⁵ at most.
    assert ((moved - expected) * LR).abs().max() < 2**-23
