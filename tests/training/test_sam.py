import copy
import math
from collections.abc import Callable

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from pytorch_optimizer import SAM
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from feature_quality.training.sam import (
    NonFiniteError,
    frozen_statistics,
    phantom_parameters,
    step,
)
from feature_quality.training.sgd import SGD

Forward = Callable[[], tuple[Tensor, Tensor]]


class Quadratic(nn.Module):
    """L = (3a² + 2b²) / 2 with gradient (3a, 2b), in two parameters so that a norm spans both."""

    def __init__(self, a: float = 1.0, b: float = 2.0) -> None:
        super().__init__()
        self.a = nn.Parameter(torch.tensor(a, dtype=torch.float64))
        self.b = nn.Parameter(torch.tensor(b, dtype=torch.float64))

    def forward(self) -> tuple[Tensor, Tensor]:
        return (3 * self.a**2 + 2 * self.b**2) / 2, torch.stack([self.a, self.b])


class Function(nn.Module):
    """A loss given as a function of two numbers."""

    def __init__(self, loss: Callable[[Tensor, Tensor], Tensor], first: float) -> None:
        super().__init__()
        # The non-finite gradient shall not be the first, nor alone in its tensor.
        self.second = nn.Parameter(torch.tensor([2.0, 3.0]))
        self.first = nn.Parameter(torch.tensor([5.0, first, 7.0]))
        self.loss = loss

    def forward(self) -> tuple[Tensor, Tensor]:
        rest = (self.second**2).sum() + (self.first[::2] ** 2).sum()
        return self.loss(self.first[1]) + rest, self.first


def convolutional(*, batch_norm: bool = True, dtype: torch.dtype = torch.float64) -> nn.Sequential:
    torch.manual_seed(1)
    return nn.Sequential(
        nn.Conv2d(2, 4, 3, padding=1),
        nn.BatchNorm2d(4) if batch_norm else nn.Identity(),
        nn.ReLU(),
        nn.Conv2d(4, 3, 3, stride=2),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(12, 3),
    ).to(dtype)


def perceptron(dtype: torch.dtype = torch.float64) -> nn.Sequential:
    torch.manual_seed(2)
    return nn.Sequential(nn.Flatten(), nn.Linear(72, 7), nn.Tanh(), nn.Linear(7, 3)).to(dtype)


def batch(number: int, dtype: torch.dtype = torch.float64) -> tuple[Tensor, Tensor]:
    source = torch.Generator().manual_seed(number)
    inputs = torch.randn((8, 2, 6, 6), generator=source, dtype=dtype)
    return inputs, torch.randint(3, (8,), generator=source)


def forward_of(model: nn.Module, number: int, dtype: torch.dtype = torch.float64) -> Forward:
    inputs, labels = batch(number, dtype)

    def forward() -> tuple[Tensor, Tensor]:
        logits = model(inputs)
        return cross_entropy(logits, labels), logits

    return forward


def values(model: nn.Module) -> list[Tensor]:
    return [parameter.detach().clone() for parameter in model.parameters()]


def plain(model: nn.Module, *, lr: float = 0.1) -> SGD:
    return SGD(model.parameters(), lr=lr, momentum=0.0, weight_decay=0.0)


def norm_of(tensors: list[Tensor]) -> float:
    return math.sqrt(sum((tensor.double() ** 2).sum().item() for tensor in tensors))


def assert_bits(model: nn.Module, expected: list[Tensor]) -> None:
    for actual, tensor in zip(model.parameters(), expected, strict=True):
        assert torch.equal(actual, tensor)


# The step


@pytest.mark.parametrize("build", [convolutional, perceptron])
@pytest.mark.parametrize(("momentum", "weight_decay"), [(0.9, 0.02), (0.0, 0.0)])
def test_many_steps_agree_with_pytorch_optimizer(build, momentum, weight_decay):
    rho, options = 0.3, {"lr": 0.05, "momentum": momentum, "weight_decay": weight_decay}
    ours, theirs = build(), build()
    descent = SGD(ours.parameters(), **options)
    sam = SAM(theirs.parameters(), torch.optim.SGD, rho=rho, perturb_eps=0.0, **options)
    for number in range(30):
        step(forward_of(ours, number), ours, descent, rho)
        reference = forward_of(theirs, number)

        def closure(forward: Forward = reference) -> Tensor:
            sam.zero_grad()
            loss, _ = forward()
            torch.autograd.backward(loss)
            return loss

        closure()
        sam.step(closure)
    for our, their in zip(ours.parameters(), theirs.parameters(), strict=True):
        # Theirs takes the norm in float32.
        torch.testing.assert_close(our, their, rtol=1e-5, atol=1e-7)


def test_two_steps_by_hand():
    model = Quadratic()
    descent = SGD(model.parameters(), lr=0.25, momentum=0.5, weight_decay=0.1)
    # g = (3, 4) with norm 5, so θ̃ = (1, 2) + 0.5 (0.6, 0.8) = (1.3, 2.4), where g = (3.9, 4.8);
    # buffer = g + 0.1 (1, 2) = (4, 5); θ = (1, 2) − 0.25 (4, 5)
    loss, logits = step(model, model, descent, 0.5)
    assert (loss.item(), logits.tolist()) == (5.5, [1, 2])
    assert (model.a.item(), model.b.item()) == pytest.approx((0, 0.75), abs=1e-15)
    # From exactly there: g = (0, 1.5), θ̃ = (0, 1.25), g = (0, 2.5), with decay (0, 2.575);
    # buffer = 0.5 (4, 5) + (0, 2.575) = (2, 5.075)
    with torch.no_grad():
        model.a.fill_(0)
        model.b.fill_(0.75)
    step(model, model, descent, 0.5)
    assert (model.a.item(), model.b.item()) == pytest.approx((-0.5, 0.75 - 0.25 * 5.075))


@pytest.mark.parametrize("collect", [list, iter])
def test_lsam_perturbs_the_last_layer_and_updates_all(collect):
    model = perceptron()
    inputs, labels = batch(0)
    rho, lr, weight_decay = 0.7, 0.1, 0.3

    names = [name for name, _ in model.named_parameters()]
    start = dict(zip(names, values(model), strict=True))

    def gradients(point: dict[str, Tensor]) -> dict[str, Tensor]:
        leaves = {name: tensor.clone().requires_grad_() for name, tensor in point.items()}
        loss = cross_entropy(torch.func.functional_call(model, leaves, inputs), labels)
        return dict(zip(leaves, torch.autograd.grad(loss, list(leaves.values())), strict=True))

    clean = gradients(start)
    norm = norm_of([clean["3.weight"], clean["3.bias"]])
    phantom = start | {
        name: start[name] + rho * clean[name] / norm for name in ("3.weight", "3.bias")
    }
    descents = gradients(phantom)

    descent = SGD(model.parameters(), lr=lr, momentum=0.0, weight_decay=weight_decay)
    step(forward_of(model, 0), model, descent, rho, collect(list(model[-1].parameters())))
    for name, parameter in model.named_parameters():
        expected = start[name] - lr * (descents[name] + weight_decay * start[name])
        torch.testing.assert_close(parameter.detach(), expected, rtol=1e-10, atol=1e-12)
        assert not torch.allclose(descents[name], clean[name], rtol=1e-3)


@pytest.mark.parametrize(("rho", "calls"), [(0.0, 1), (0.3, 2)])
def test_forward_is_called_once_for_sgd_and_twice_for_sam(rho, calls):
    model = Quadratic()
    seen: list[tuple[float, float]] = []

    def forward() -> tuple[Tensor, Tensor]:
        seen.append((model.a.item(), model.b.item()))
        return model()

    step(forward, model, plain(model), rho)
    expected = [(1, 2), (1 + 0.3 * 0.6, 2 + 0.3 * 0.8)]
    assert len(seen) == calls
    for actual, point in zip(seen, expected[:calls], strict=True):
        assert actual == pytest.approx(point, rel=1e-14)


def test_without_rho_the_step_is_torchs_sgd_bit_for_bit():
    ours, theirs = convolutional(dtype=torch.float32), convolutional(dtype=torch.float32)
    options = {"lr": 0.1, "momentum": 0.9, "weight_decay": 0.01}
    descent = SGD(ours.parameters(), **options)
    sgd = torch.optim.SGD(theirs.parameters(), **options)
    for number in range(10):
        step(forward_of(ours, number, torch.float32), ours, descent, 0.0)
        sgd.zero_grad()
        torch.autograd.backward(forward_of(theirs, number, torch.float32)()[0])
        sgd.step()
    for name, tensor in ours.state_dict().items():
        assert torch.equal(tensor, theirs.state_dict()[name]), name


@pytest.mark.parametrize("rho", [0.0, 0.5])
def test_loss_and_logits_are_those_before_the_step_without_a_graph(rho):
    model = perceptron()
    expected_loss, expected_logits = forward_of(model, 0)()
    loss, logits = step(forward_of(model, 0), model, plain(model, lr=1.0), rho)
    assert torch.equal(loss, expected_loss)
    assert torch.equal(logits, expected_logits)
    assert not loss.requires_grad
    assert not logits.requires_grad


def test_gradients_left_from_before_do_not_count():
    fresh, stale = perceptron(), perceptron()
    for parameter in stale.parameters():
        parameter.grad = torch.full_like(parameter, 100.0)
    for model in (fresh, stale):
        step(forward_of(model, 0), model, plain(model), 0.5)
    assert_bits(stale, values(fresh))


def test_a_zero_gradient_is_a_step_of_weight_decay():
    model = Quadratic(0.0, 0.0)
    other = nn.Parameter(torch.tensor(8.0, dtype=torch.float64))
    model.register_parameter("other", other)

    def forward() -> tuple[Tensor, Tensor]:
        loss, logits = model()
        return loss + 0 * other, logits

    descent = SGD(model.parameters(), lr=0.5, momentum=0.0, weight_decay=0.25)
    step(forward, model, descent, 0.3)
    assert [parameter.item() for parameter in model.parameters()] == [0, 0, 7]


# What is not finite

NON_FINITE: dict[str, tuple[Callable[[Tensor], Tensor], float, float]] = {
    "infinite loss": (lambda x: 0 * x + math.inf, 1.0, 0.0),
    "loss not a number": (lambda x: x + math.nan, 1.0, 0.0),
    "infinite gradient": (lambda x: x.sqrt(), 0.0, 0.0),
    "gradient not a number": (lambda x: (x * x).sqrt(), 0.0, 0.0),
    "infinite loss, SAM": (lambda x: 0 * x + math.inf, 1.0, 0.5),
    "gradient not a number, SAM": (lambda x: (x * x).sqrt(), 0.0, 0.5),
    # x goes from 1 to 1 + ρ·(share of the norm), beyond where the logarithm ends.
    "loss not a number at the phantom": (lambda x: -(1.01 - x).log(), 1.0, 0.5),
    # Beyond 1 the loss stays finite, but its gradient is 0 · ∞.
    "gradient not a number at the phantom": (
        lambda x: 100 * x if x <= 1 else (0 * x).sqrt(),
        1.0,
        0.5,
    ),
}


@pytest.mark.parametrize("case", NON_FINITE)
def test_a_loss_or_gradient_that_is_not_finite_leaves_the_parameters_unchanged(case):
    loss, first, rho = NON_FINITE[case]
    model = Function(loss, first)
    before = values(model)
    descent = SGD(model.parameters(), lr=0.1, momentum=0.9, weight_decay=0.1)
    with pytest.raises(NonFiniteError):
        step(model, model, descent, rho)
    assert_bits(model, before)
    assert descent.buffers == [None, None]


@pytest.mark.parametrize("case", [case for case in NON_FINITE if "phantom" in case])
def test_those_at_the_phantom_are_finite_where_sgd_looks(case):
    loss, first, _ = NON_FINITE[case]
    model = Function(loss, first)
    step(model, model, plain(model), 0.0)
    assert torch.isfinite(torch.cat(values(model))).all()


# The phantom parameters


def with_gradients(
    gradients: list[Tensor], parameters: list[Tensor] | None = None
) -> list[nn.Parameter]:
    start = parameters or [torch.zeros_like(gradient) for gradient in gradients]
    result = [nn.Parameter(tensor.clone()) for tensor in start]
    for parameter, gradient in zip(result, gradients, strict=True):
        parameter.grad = gradient.clone()
    return result


def test_the_norm_is_one_norm_over_all_parameters():
    gradients = [torch.tensor([[2.0, 0.0]]), torch.tensor([3.0]), torch.tensor([6.0, 0.0, 0.0])]
    parameters = with_gradients(gradients)
    with phantom_parameters(parameters, 0.7):
        moved = [parameter.flatten().tolist() for parameter in parameters]
    # √(2² + 3² + 6²) = 7
    assert moved[0] == pytest.approx([0.2, 0])
    assert moved[1] == pytest.approx([0.3])
    assert moved[2] == pytest.approx([0.6, 0, 0])


@given(
    exponent=st.floats(-37.0, 37.0),
    rho=st.sampled_from([0.01, 0.05, 0.2, 3.0]),
    seed=st.integers(0, 2**31),
)
@settings(max_examples=60)
def test_gradients_of_any_size_give_a_perturbation_of_norm_rho_along_them(exponent, rho, seed):
    source = torch.Generator().manual_seed(seed)
    directions = [
        torch.randn(shape, generator=source, dtype=torch.float64) for shape in ((4, 3), (5,), (1,))
    ]
    length = norm_of(directions)
    parameters = with_gradients([(10**exponent * d / length).float() for d in directions])
    with phantom_parameters(parameters, rho):
        perturbation = [parameter.detach().clone() for parameter in parameters]
    assert norm_of(perturbation) == pytest.approx(rho, rel=1e-5)
    for actual, direction in zip(perturbation, directions, strict=True):
        expected = (rho * direction / length).float()
        torch.testing.assert_close(actual, expected, rtol=1e-4, atol=1e-6 * rho)


@pytest.mark.parametrize("size", [1e-45, 1e-30, 1e-8, 1e8, 1e30, 3e38])
def test_tiny_and_huge_gradients_neither_vanish_nor_overflow(size):
    # Squared in float32, the outermost are 0 and infinite.
    parameters = with_gradients([torch.tensor([size, 0.0]), torch.tensor([-size])])
    with phantom_parameters(parameters, 0.2):
        first, second = (parameter.tolist() for parameter in parameters)
    assert first == pytest.approx([0.2 / math.sqrt(2), 0])
    assert second == pytest.approx([-0.2 / math.sqrt(2)])


def test_a_zero_gradient_perturbs_nothing():
    start = [torch.tensor([1.5, -2.5]), torch.tensor([0.1])]
    parameters = with_gradients([torch.zeros(2), torch.zeros(1)], start)
    with phantom_parameters(parameters, 0.5):
        assert all(torch.equal(p, tensor) for p, tensor in zip(parameters, start, strict=True))


def wide_range() -> tuple[list[nn.Parameter], list[Tensor]]:
    """Parameters that θ + ε − ε does not bring back, because most are tiny beside ε."""
    source = torch.Generator().manual_seed(7)
    start = [torch.randn(shape, generator=source) * 1e-4 for shape in ((20, 5), (30,))]
    gradients = [torch.randn(tensor.shape, generator=source) for tensor in start]
    return with_gradients(gradients, start), start


class Interruption(BaseException):
    """What is no ``Exception`` either, such as Ctrl-C."""


@pytest.mark.parametrize("interrupted", [False, True])
def test_the_parameters_come_back_bit_for_bit(interrupted):
    parameters, start = wide_range()
    try:
        with phantom_parameters(iter(parameters), 5.0):
            for parameter, tensor in zip(parameters, start, strict=True):
                moved = (parameter != tensor).double().mean()
                assert moved > 0.9
                # Without this the test could not tell a copy from a subtraction.
                perturbation = parameter.detach() - tensor
                assert not torch.equal(parameter.detach() - perturbation, tensor)
            if interrupted:
                raise Interruption
    except Interruption:
        assert interrupted
    for parameter, tensor in zip(parameters, start, strict=True):
        assert torch.equal(parameter, tensor)


def test_the_step_restores_when_the_second_pass_raises():
    model = convolutional(dtype=torch.float32)
    before, calls = values(model), 0
    forward = forward_of(model, 0, torch.float32)

    def failing() -> tuple[Tensor, Tensor]:
        nonlocal calls
        calls += 1
        if calls == 2:
            raise Interruption
        return forward()

    with pytest.raises(Interruption):
        step(failing, model, plain(model), 2.0)
    assert_bits(model, before)
    assert model[1].track_running_stats


def test_what_has_no_gradient_or_is_not_asked_for_stays():
    chosen, frozen, other = with_gradients([torch.tensor([float(g)]) for g in (4, 5, 3)])
    frozen.grad = None
    with phantom_parameters([chosen, frozen], 0.5):
        # The gradient of what is not perturbed is not in the norm.
        assert [p.item() for p in (chosen, frozen, other)] == [0.5, 0, 0]


# Batch norm


@pytest.mark.parametrize("momentum", [0.1, None])
def test_batch_statistics_are_those_of_one_clean_pass(momentum):
    model = convolutional()
    model[1].momentum = momentum
    once = copy.deepcopy(model)
    for number in range(2):
        forward_of(once, number)()
        step(forward_of(model, number), model, plain(model, lr=0.0), 0.5)
        for name, buffer in once.named_buffers():
            assert torch.equal(dict(model.named_buffers())[name], buffer), name
        assert model[1].track_running_stats
    assert model[1].num_batches_tracked == 2


@pytest.mark.parametrize("rho", [0.0, 0.5])
def test_phantom_statistics_are_those_of_both_passes(rho):
    model = convolutional()
    seen: list[Tensor] = []
    model[1].register_forward_pre_hook(lambda layer, inputs: seen.append(inputs[0].detach()))
    step(forward_of(model, 0), model, plain(model), rho, update_bn_on_second_pass=True)
    mean, var = torch.zeros(4, dtype=torch.float64), torch.ones(4, dtype=torch.float64)
    for inputs in seen:
        mean = 0.9 * mean + 0.1 * inputs.mean(dim=(0, 2, 3))
        var = 0.9 * var + 0.1 * inputs.var(dim=(0, 2, 3))
    assert model[1].num_batches_tracked == len(seen) == (2 if rho else 1)
    torch.testing.assert_close(model[1].running_mean, mean)
    torch.testing.assert_close(model[1].running_var, var)


def test_phantom_statistics_change_no_parameter():
    both, one = convolutional(), convolutional()
    for model, counted in ((both, True), (one, False)):
        step(forward_of(model, 0), model, plain(model), 0.5, update_bn_on_second_pass=counted)
    assert_bits(both, values(one))
    assert not torch.equal(both[1].running_mean, one[1].running_mean)


def test_both_passes_normalise_by_the_batch():
    model = convolutional()
    seen: list[Tensor] = []
    model[1].register_forward_hook(lambda layer, inputs, output: seen.append(output.detach()))
    step(forward_of(model, 0), model, plain(model), 0.01)
    for output in seen:
        mean = output.mean(dim=(0, 2, 3))
        torch.testing.assert_close(mean, torch.zeros_like(mean), atol=0.02, rtol=0)
    assert not torch.equal(seen[0], seen[1])


def test_every_kind_of_batch_norm_is_frozen_and_released():
    model = nn.ModuleList([nn.BatchNorm1d(2), nn.Sequential(nn.BatchNorm2d(2)), nn.BatchNorm3d(2)])
    inputs = [torch.rand(shape) for shape in ((3, 2), (3, 2, 2, 2), (3, 2, 2, 2, 2))]
    before = copy.deepcopy(model.state_dict())

    def forward() -> None:
        for layer, tensor in zip(model, inputs, strict=True):
            layer(tensor)

    with frozen_statistics(model):
        forward()
    for name, tensor in model.state_dict().items():
        assert torch.equal(tensor, before[name]), name
    forward()
    assert all(
        tensor == 1 for name, tensor in model.state_dict().items() if name.endswith("tracked")
    )


def test_a_layer_without_running_statistics_stays_so():
    model = nn.BatchNorm1d(2, track_running_stats=False)
    with frozen_statistics(model):
        pass
    assert model.track_running_stats is False


def test_gradients_whose_sum_overflows_are_finite():
    model = torch.nn.Linear(1, 1)
    torch.nn.init.zeros_(model.weight)
    torch.nn.init.zeros_(model.bias)

    def forward():
        loss = (model.weight.sum() + model.bias.sum()) * 2e38
        return loss, loss

    step(forward, model, torch.optim.SGD(model.parameters(), lr=1e-38), 0.0)
    assert model.weight.item() == model.bias.item() == pytest.approx(-2)


def test_perturbing_nothing_is_refused():
    model = torch.nn.Linear(2, 1)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)

    def forward():
        logits = model(torch.ones(1, 2))
        return logits.sum(), logits

    with pytest.raises(ValueError, match="none of the parameters to perturb has a gradient"):
        step(forward, model, optimizer, 0.1, perturbed=[])
