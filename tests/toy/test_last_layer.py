import math
from dataclasses import replace
from functools import partial

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import softplus

from feature_quality.methods import METHODS
from feature_quality.toy.engine import Stack, take_step
from feature_quality.toy.last_layer import (
    Substitution,
    fixed,
    importance,
    last_layer_gradient,
    perturbed,
)
from feature_quality.toy.network import Networks
from feature_quality.toy.runs import Run
from feature_quality.training.sam import step
from plain_toy import PlainToy

KINDS = ("importance_weighting", "learning_rate", "both")
LR = 0.25

of_doubles = partial(torch.tensor, dtype=torch.float64)
assert_close = partial(torch.testing.assert_close, rtol=1e-10, atol=1e-12)


def random(*shape: int) -> Tensor:
    return torch.randn(shape, dtype=torch.float64)


def models(number: int, cpu: torch.device) -> Networks:
    """Return untrained models in float64 with weights w of all sizes and signs."""
    tensors = Networks.initial(range(number), cpu).tensors()
    networks = Networks.of({name: tensor.double() for name, tensor in tensors.items()})
    networks.last.copy_(2 * random(number, 2))
    return networks


def batch(number: int, n: int = 6) -> Stack:
    return Stack(random(number, 2, n, 2), torch.sign(random(number, n)))


def copied(networks: Networks) -> Networks:
    return Networks.of({name: tensor.clone() for name, tensor in networks.tensors().items()})


def moved_by(networks: Networks, points: Stack, runs: list[Run]) -> dict[str, Tensor]:
    """Return what a step subtracts, over the learning rate."""
    after = copied(networks)
    substitution = Substitution.of(runs, networks.last.device)
    substitution = replace(substitution, alpha=substitution.alpha.double())
    take_step(after, points, substitution, LR)
    before = networks.tensors()
    return {name: (before[name] - tensor) / LR for name, tensor in after.tensors().items()}


def put_for(run: Run, last: Tensor, phi: Tensor, y: Tensor) -> Tensor:
    """Return a run's phantom weights (2,) by autograd and equations 5 and 7."""
    if run.intervention is not None:
        kappa = last.norm() if run.kappa == "tracking" else math.sqrt(2)
        return kappa * of_doubles([1, run.alpha]) / math.sqrt(1 + run.alpha**2)
    leaf = last.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(softplus(-y * (leaf @ phi)).mean(), leaf)
    return last + run.rho * gradient / gradient.norm()


def surrogate(run: Run, last: Tensor, phi: Tensor, y: Tensor) -> Tensor:
    """Return what has the gradient of equation 6 or 8 to 10; λ and the rates are constants."""
    put = put_for(run, last.detach(), phi.detach(), y)
    in_importance = last if run.intervention == "learning_rate" else put
    in_rates = last if run.intervention == "importance_weighting" else put
    weights = torch.sigmoid(-y * (in_importance @ phi)).detach()
    return -(y * weights * (in_rates.detach() @ phi + last @ phi.detach())).mean()


# λ and the gradient of w


def test_importance_weights_by_hand():
    last = of_doubles([[math.log(3), 0], [1, math.log(3)], [0, 0]])
    signed = of_doubles([[[1, -1], [5, 5]], [[0, math.log(3)], [1, -1]], [[9, 9], [9, -9]]])
    expected = of_doubles([[1 / 4, 3 / 4], [1 / 4, 1 / 2], [1 / 2, 1 / 2]])
    assert_close(importance(last, signed), expected)


def test_importance_weights_of_large_margins_keep_their_digits():
    for dtype in (torch.float32, torch.float64):
        signed = torch.tensor([[[1e4, -1e4], [0, 0]]], dtype=dtype)
        assert importance(torch.ones(1, 2, dtype=dtype), signed).tolist() == [[0, 1]]
    found = importance(of_doubles([[1, 1]]), of_doubles([[[30, 300], [0, 0]]]))
    assert found[0].tolist() == pytest.approx([math.exp(-30), math.exp(-300)], rel=1e-12, abs=0)


def test_the_gradient_of_w_by_hand():
    signed = of_doubles([[[4, -8], [1, 3]]])
    found = last_layer_gradient(of_doubles([[0.5, 0.25]]), signed)
    assert found.tolist() == [[-(2 - 2) / 2, -(0.5 + 0.75) / 2]]


def test_the_step_of_sgd_is_the_gradient_of_the_loss(cpu, run):
    networks, points = models(3, cpu), batch(3)
    leaves = {name: each.clone().requires_grad_() for name, each in networks.tensors().items()}
    phi = Networks.of(leaves).forward(points.x).phi
    loss = softplus(-points.y * (leaves["last"][:, :, None] * phi).sum(1)).mean(1).sum()
    gradients = torch.autograd.grad(loss, list(leaves.values()))
    moved = moved_by(networks, points, [run()] * 3)
    for name, gradient in zip(leaves, gradients, strict=True):
        assert gradient.abs().max() > 1e-3
        assert_close(moved[name], gradient)


# LSAM's phantom weights


def test_the_phantom_weights_by_hand():
    # λ = 1/2, so the gradient is −(3, 4)/2 and its direction (−0.6, −0.8).
    signed = of_doubles([[[3], [4]]] * 2)
    found = perturbed(of_doubles([[0, 0], [4, -3]]), signed, of_doubles([0.5, 2]))
    assert_close(found, of_doubles([[-0.3, -0.4], [4 - 1.2, -3 - 1.6]]))
    assert importance(found, signed)[0].item() == pytest.approx(1 / (1 + math.exp(-2.5)))


@pytest.mark.parametrize("n", [1, 5])
def test_the_perturbation_has_norm_rho_along_the_gradient(n):
    last, signed = random(40, 2), 3 * random(40, 2, n)
    rho = torch.rand(40, dtype=torch.float64) + 0.01
    leaf = last.clone().requires_grad_()
    loss = softplus(-(leaf[:, :, None] * signed).sum(1)).mean(1).sum()
    (gradient,) = torch.autograd.grad(loss, leaf)
    moved = perturbed(last, signed, rho) - last
    assert_close(moved.norm(dim=1), rho)
    direction = gradient / gradient.norm(dim=1, keepdim=True)
    assert_close(moved / rho[:, None], direction, rtol=1e-8, atol=1e-10)


@pytest.mark.parametrize("size", [1e-44, 1e-30, 1e30])
def test_the_norm_neither_underflows_nor_overflows_in_float32(size):
    signed = torch.tensor([[[size], [0.0]]])
    last = torch.tensor([[0.0, 1.0]])
    assert perturbed(last, signed, of_doubles([0.5])).tolist() == [[-0.5, 1]]


def test_without_rho_or_gradient_nothing_is_perturbed():
    last = torch.randn(3, 2)
    last[2] = 1
    # No gradient: φ is 0, or λ rounds to 0.
    signed = torch.stack([torch.randn(2, 4), torch.zeros(2, 4), torch.full((2, 4), 1e4)])
    found = perturbed(last, signed, of_doubles([0, 0.5, 0.5]))
    assert torch.equal(found, last)


@pytest.mark.parametrize("rho", [0.0, 0.3, 2.0])
def test_the_step_is_that_of_lsam_on_image_networks(rho, cpu, run, tensors_of_plain):
    for seed in range(3):
        model = PlainToy(seed).double()
        with torch.no_grad():
            model.last.copy_(random(2))
        model.head = nn.ParameterList([model.last])
        networks = copied(Networks.of(tensors_of_plain(model)))
        points = batch(1)

        def classify(phi: Tensor, last: Tensor = model.last, y: Tensor = points.y[0]):
            output = phi @ last
            return softplus(-y * output).mean(), output

        optimizer = torch.optim.SGD(model.parameters(), lr=LR)
        step(partial(model.embed, points.x[0]), classify, model, optimizer, METHODS["lsam"], rho)
        take_step(networks, points, Substitution.of([run(rho=rho)], cpu), LR)
        for name, expected in tensors_of_plain(model).items():
            assert_close(networks.tensors()[name], expected)


# The interventions


def test_fixed_weights_by_hand():
    # ‖(3, 4)‖ = 5 and √(1 + 0.75²) = 1.25
    found = fixed(of_doubles([[3, 4]] * 2), of_doubles([0.75] * 2), torch.tensor([False, True]))
    assert_close(found, of_doubles([[math.sqrt(2) / 1.25, 0.75 * math.sqrt(2) / 1.25], [4, 3]]))


@pytest.mark.parametrize("tracking", [False, True])
def test_fixed_weights_have_their_ratio_and_norm(tracking):
    last, alpha = 3 * random(20, 2), torch.rand(20, dtype=torch.float64) * 4 + 0.1
    found = fixed(last, alpha, torch.full((20,), tracking))
    assert (found > 0).all()
    assert_close(found[:, 1] / found[:, 0], alpha)
    norm = last.norm(dim=1) if tracking else torch.full_like(alpha, math.sqrt(2))
    assert_close(found.norm(dim=1), norm)


def test_runs_of_all_kinds_step_together_each_by_the_gradient_of_its_surrogate(cpu, run):
    runs = [run(rho=rho) for rho in (0.0, 0.5, 1.0)]
    runs += [
        run(intervention=kind, kappa=kappa, alpha=alpha)
        for kind in KINDS
        for kappa in ("tracking", "constant")
        for alpha in (0.25, 1.0, 2.0, 4.0)
    ]
    runs.reverse()
    networks, points = models(len(runs), cpu), batch(len(runs))
    moved = Networks.of(moved_by(networks, points, runs))
    sgd = Networks.of(moved_by(networks, points, [Run(0, 270.0, 5, 1)] * len(runs)))
    for i, run in enumerate(runs):
        tensors = networks.chosen([i]).tensors()
        leaves = {name: each.clone().requires_grad_() for name, each in tensors.items()}
        phi = Networks.of(leaves).forward(points.x[i : i + 1]).phi[0]
        loss = surrogate(run, leaves["last"][0], phi, points.y[i])
        gradients = torch.autograd.grad(loss, list(leaves.values()))
        own, plain = (each.chosen([i]).tensors() for each in (moved, sgd))
        for name, gradient in zip(leaves, gradients, strict=True):
            assert_close(own[name], gradient)
        changed = run.rho > 0 or run.intervention is not None
        assert changed != torch.allclose(own["third"], plain["third"], rtol=1e-4)


@pytest.mark.parametrize("kind", KINDS)
def test_tracking_at_the_ratio_of_the_moment_is_sgd(kind, cpu, run):
    networks, points = models(2, cpu), batch(2)
    networks.last.copy_(of_doubles([[2, 1], [0.5, 2]]))
    runs = [run(intervention=kind, kappa="tracking", alpha=alpha) for alpha in (0.5, 4.0)]
    moved = moved_by(networks, points, runs)
    for name, expected in moved_by(networks, points, [run()] * 2).items():
        assert_close(moved[name], expected)
