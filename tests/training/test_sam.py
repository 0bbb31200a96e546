import copy
import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from pytorch_optimizer import SAM
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from feature_quality.methods import METHODS
from feature_quality.training import sam
from feature_quality.training.models import Network
from feature_quality.training.sam import (
    frozen_statistics,
    perturbed_parameters,
    phantom_parameters,
    step,
)
from feature_quality.training.sgd import SGD

Forward = Callable[[], tuple[Tensor, Tensor]]


class Quadratic(nn.Module):
    """L = (3w² + 2b²) / 2 with gradient (3w, 2b), in two parameters so that a norm spans both."""

    def __init__(self, weight: float = 1.0, bias: float = 2.0) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.tensor(weight, dtype=torch.float64))
        self.bias = nn.Parameter(torch.tensor(bias, dtype=torch.float64))

    def forward(self) -> tuple[Tensor, Tensor]:
        loss = (3 * self.weight**2 + 2 * self.bias**2) / 2
        return loss, torch.stack([self.weight, self.bias])

    def values(self) -> list[float]:
        return [self.weight.item(), self.bias.item()]


class Function(nn.Module):
    """A loss given as a function of one number."""

    def __init__(self, loss: Callable[[Tensor], Tensor], first: float) -> None:
        super().__init__()
        # The non-finite gradient shall not be the first, nor alone in its tensor.
        self.second = nn.Parameter(torch.tensor([2.0, 3.0]))
        self.first = nn.Parameter(torch.tensor([5.0, first, 7.0]))
        self.loss = loss

    def forward(self) -> tuple[Tensor, Tensor]:
        rest = (self.second**2).sum() + (self.first[::2] ** 2).sum()
        return self.loss(self.first[1]) + rest, self.first


def convolutional(*, bias: bool = True, dtype: torch.dtype = torch.float64) -> Network:
    """Return a network with batch norm, or, without any bias, without."""
    torch.manual_seed(1)
    backbone = nn.Sequential(
        nn.Conv2d(2, 4, 3, padding=1, bias=bias),
        nn.BatchNorm2d(4) if bias else nn.Identity(),
        nn.ReLU(),
        nn.Conv2d(4, 3, 3, stride=2, bias=bias),
        nn.ReLU(),
        nn.Flatten(),
    )
    return Network(backbone, nn.Linear(12, 3, bias=bias)).to(dtype)


def perceptron(*, bias: bool = True, dtype: torch.dtype = torch.float64) -> Network:
    torch.manual_seed(2)
    backbone = nn.Sequential(nn.Flatten(), nn.Linear(72, 7, bias=bias), nn.Tanh())
    return Network(backbone, nn.Linear(7, 3, bias=bias)).to(dtype)


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


def take(
    model: Any, optimizer: Any, rho: float, method: str = "sam", number: int = 0, **options: Any
) -> tuple[Tensor, Tensor, Tensor]:
    """Take a step of a network on a batch, or of a model that is a loss of its own."""
    if not isinstance(model, Network):
        embed, classify = lambda: torch.empty(0), lambda _: model()
    else:
        inputs, labels = batch(number, model.head.weight.dtype)

        def embed() -> Tensor:
            return model.backbone(inputs)

        def classify(features: Tensor) -> tuple[Tensor, Tensor]:
            logits = model.head(features)
            return cross_entropy(logits, labels), logits

    return step(embed, classify, model, optimizer, METHODS[method], rho, **options)


def values(model: nn.Module) -> list[Tensor]:
    return [parameter.detach().clone() for parameter in model.parameters()]


def plain(model: nn.Module, *, lr: float = 0.1) -> SGD:
    return SGD(model.parameters(), lr=lr, momentum=0.0, weight_decay=0.0)


def norm_of(tensors: list[Tensor]) -> float:
    return math.sqrt(sum((tensor.double() ** 2).sum().item() for tensor in tensors))


def assert_bits(model: nn.Module, expected: list[Tensor]) -> None:
    for actual, tensor in zip(model.parameters(), expected, strict=True):
        assert torch.equal(actual, tensor)


def assert_same_state(model: nn.Module, other: nn.Module) -> None:
    for name, tensor in model.state_dict().items():
        assert torch.equal(tensor, other.state_dict()[name]), name


# The step


@pytest.mark.parametrize("build", [convolutional, perceptron])
@pytest.mark.parametrize(("momentum", "weight_decay"), [(0.9, 0.02), (0.0, 0.0)])
@pytest.mark.parametrize("method", ["sam", "asam"])
def test_many_steps_agree_with_pytorch_optimizer(
    build, momentum, weight_decay, method, monkeypatch
):
    rho, options = 0.3, {"lr": 0.05, "momentum": momentum, "weight_decay": weight_decay}
    # Theirs has no η, and scales biases too.
    monkeypatch.setattr(sam, "ETA", 0.0)
    adaptive = method == "asam"
    ours, theirs = build(bias=not adaptive), build(bias=not adaptive)
    sgd = SGD(ours.parameters(), **options)
    reference = SAM(theirs.parameters(), torch.optim.SGD, rho, adaptive, perturb_eps=0.0, **options)
    for number in range(30):
        take(ours, sgd, rho, method, number)
        forward = forward_of(theirs, number)

        def closure(forward: Forward = forward) -> Tensor:
            reference.zero_grad()
            loss, _ = forward()
            torch.autograd.backward(loss)
            return loss

        closure()
        reference.step(closure)
    for our, their in zip(ours.parameters(), theirs.parameters(), strict=True):
        # Theirs takes the norm in float32.
        torch.testing.assert_close(our, their, rtol=1e-5, atol=1e-7)


def test_two_steps_by_hand():
    model = Quadratic()
    sgd = SGD(model.parameters(), lr=0.25, momentum=0.5, weight_decay=0.1)
    # g = (3, 4) with norm 5, so θ̃ = (1, 2) + 0.5 (0.6, 0.8) = (1.3, 2.4), where g = (3.9, 4.8);
    # buffer = g + 0.1 (1, 2) = (4, 5); θ = (1, 2) − 0.25 (4, 5)
    loss, logits, finite = take(model, sgd, 0.5)
    assert finite.item() is True
    assert (loss.item(), logits.tolist()) == (5.5, [1, 2])
    assert model.values() == pytest.approx([0, 0.75], abs=1e-15)
    # From exactly there: g = (0, 1.5), θ̃ = (0, 1.25), g = (0, 2.5), with decay (0, 2.575);
    # buffer = 0.5 (4, 5) + (0, 2.575) = (2, 5.075)
    with torch.no_grad():
        model.weight.fill_(0)
        model.bias.fill_(0.75)
    take(model, sgd, 0.5)
    assert model.values() == pytest.approx([-0.5, 0.75 - 0.25 * 5.075])


def test_a_step_of_asam_by_hand():
    model = Quadratic(-1.0, 2.0)
    # g = (−3, 4); T = (1 + 0.01, 1), so that Tg = (−3.03, 4) and T²g = (−3.0603, 4).
    norm = math.hypot(3.03, 4)
    phantom = [-1 - 0.5 * 3.0603 / norm, 2 + 0.5 * 4 / norm]
    take(model, plain(model, lr=0.1), 0.5, "asam")
    assert model.values() == pytest.approx([-1 - 0.3 * phantom[0], 2 - 0.2 * phantom[1]])


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("build", [convolutional, perceptron])
def test_lsam_has_the_bits_of_two_whole_passes(build, dtype):
    """Its second evaluation starts from φ of the first, which is the same at the phantom."""
    ours, theirs = build(dtype=dtype), build(dtype=dtype)
    options = {"lr": 0.1, "momentum": 0.9, "weight_decay": 0.01}
    sgd, reference = (SGD(each.parameters(), **options) for each in (ours, theirs))
    for number in range(10):
        take(ours, sgd, 0.5, "lsam", number)
        forward = forward_of(theirs, number, dtype)
        reference.zero_grad()
        torch.autograd.backward(forward()[0])
        head = dict(theirs.head.named_parameters())
        with phantom_parameters(head, 0.5), frozen_statistics(theirs):
            reference.zero_grad()
            torch.autograd.backward(forward()[0])
        reference.step()
        assert_same_state(ours, theirs)


@pytest.mark.parametrize(
    ("method", "rho", "passes"),
    [
        ("sgd", 0.0, (1, 1, 1, 1)),
        ("sam", 0.3, (2, 2, 2, 2)),
        ("asam", 0.3, (2, 2, 2, 2)),
        ("lsam", 0.3, (1, 1, 2, 2)),
    ],
)
def test_passes_forward_and_backward_of_backbone_and_head(method, rho, passes):
    model = convolutional()
    counts = dict.fromkeys(("forward", "backward", "head forward", "head backward"), 0)

    def count(name: str) -> Callable[..., None]:
        def hook(*_: Any) -> None:
            counts[name] += 1

        return hook

    for part, prefix in ((model.backbone[3], ""), (model.head, "head ")):
        part.register_forward_hook(count(f"{prefix}forward"))
        part.weight.register_post_accumulate_grad_hook(count(f"{prefix}backward"))
    take(model, plain(model), rho, method, update_bn_on_second_pass=True)
    assert tuple(counts.values()) == passes
    # φ is computed once: there is no second batch to count.
    assert model.backbone[1].num_batches_tracked == passes[0]


@pytest.mark.parametrize(("method", "points"), [("sgd", 1), ("sam", 2), ("lsam", 2)])
def test_the_loss_is_taken_at_the_parameters_and_then_at_the_phantom(method, points):
    model = Quadratic()
    model.head = nn.ParameterList([model.weight, model.bias])
    seen: list[list[float]] = []
    model.register_forward_pre_hook(lambda *_: seen.append(model.values()))
    take(model, plain(model), 0.3, method)
    assert len(seen) == points
    for actual, expected in zip(seen, [[1, 2], [1 + 0.3 * 0.6, 2 + 0.3 * 0.8]], strict=False):
        assert actual == pytest.approx(expected, rel=1e-14)


@pytest.mark.parametrize(("method", "rho"), [("sgd", 0.0), ("sgd", 0.3), ("sam", 0.0)])
def test_without_a_perturbation_the_step_is_torchs_sgd_bit_for_bit(method, rho):
    ours, theirs = convolutional(dtype=torch.float32), convolutional(dtype=torch.float32)
    options = {"lr": 0.1, "momentum": 0.9, "weight_decay": 0.01}
    sgd, reference = (
        SGD(ours.parameters(), **options),
        torch.optim.SGD(theirs.parameters(), **options),
    )
    for number in range(10):
        take(ours, sgd, rho, method, number)
        reference.zero_grad()
        torch.autograd.backward(forward_of(theirs, number, torch.float32)()[0])
        reference.step()
    assert_same_state(ours, theirs)


@pytest.mark.parametrize("method", METHODS)
def test_what_is_returned_is_of_before_the_step_and_old_gradients_do_not_count(method):
    fresh, stale = perceptron(), perceptron()
    for parameter in stale.parameters():
        parameter.grad = torch.full_like(parameter, 100.0)
    expected = forward_of(fresh, 0)()
    for model in (fresh, stale):
        *returned, _ = take(model, plain(model), 0.5, method)
        for found, tensor in zip(returned, expected, strict=True):
            assert torch.equal(found, tensor)
            assert not found.requires_grad
    assert_bits(stale, values(fresh))


@pytest.mark.parametrize("method", ["sam", "asam"])
def test_a_zero_gradient_perturbs_nothing_and_is_a_step_of_weight_decay(method):
    model = Quadratic(0.0, 0.0)
    model.register_parameter("other", nn.Parameter(torch.tensor(8.0, dtype=torch.float64)))
    loss, seen = model.forward, []
    model.forward = lambda: (loss()[0] + 0 * model.other, model.other)
    model.register_forward_pre_hook(lambda *_: seen.append([p.item() for p in model.parameters()]))
    sgd = SGD(model.parameters(), lr=0.5, momentum=0.0, weight_decay=0.25)
    take(model, sgd, 0.3, method)
    assert seen == [[0, 0, 8]] * 2
    assert [parameter.item() for parameter in model.parameters()] == [0, 0, 7]


def test_gradients_whose_sum_overflows_are_finite():
    model = nn.Linear(1, 1)
    nn.init.zeros_(model.weight)
    nn.init.zeros_(model.bias)
    model.forward = lambda: ((model.weight.sum() + model.bias.sum()) * 2e38, model.weight)
    take(model, torch.optim.SGD(model.parameters(), lr=1e-38), 0.0, "sgd")
    assert model.weight.item() == model.bias.item() == pytest.approx(-2)


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
def test_a_loss_or_gradient_that_is_not_finite_is_told(case):
    loss, first, rho = NON_FINITE[case]
    for radius in {rho, 0.0} if "phantom" in case else {rho}:
        model = Function(loss, first)
        sgd = SGD(model.parameters(), lr=0.1, momentum=0.9, weight_decay=0.1)
        *_, finite = take(model, sgd, radius)
        assert finite.item() == (radius != rho)


# The phantom parameters


def with_gradients(
    gradients: list[Tensor], parameters: list[Tensor] | None = None
) -> dict[str, nn.Parameter]:
    start = parameters or [torch.zeros_like(gradient) for gradient in gradients]
    result = {}
    for number, (tensor, gradient) in enumerate(zip(start, gradients, strict=True)):
        result[f"layer {number}"] = nn.Parameter(tensor.clone())
        result[f"layer {number}"].grad = gradient.clone()
    return result


def test_a_method_perturbs_its_parameters():
    model = convolutional()
    everything = dict(model.named_parameters())
    for method, expected in (
        ("sam", everything),
        ("asam", everything),
        ("lsam", {"weight": model.head.weight, "bias": model.head.bias}),
    ):
        found = perturbed_parameters(model, METHODS[method])
        assert found.keys() == expected.keys()
        assert all(found[name] is expected[name] for name in expected)


def test_the_norm_is_one_norm_over_all_parameters():
    gradients = [torch.tensor([[2.0, 0.0]]), torch.tensor([3.0]), torch.tensor([6.0, 0.0, 0.0])]
    parameters = with_gradients(gradients)
    with phantom_parameters(parameters, 0.7):
        moved = [parameter.flatten().tolist() for parameter in parameters.values()]
    # √(2² + 3² + 6²) = 7
    assert moved[0] == pytest.approx([0.2, 0])
    assert moved[1] == pytest.approx([0.3])
    assert moved[2] == pytest.approx([0.6, 0, 0])


def test_asam_scales_weights_and_those_of_norms_but_no_biases():
    model = convolutional()
    torch.autograd.backward(forward_of(model, 0)()[0])
    parameters = dict(model.named_parameters())
    sizes = {
        name: each.detach().abs() + 0.01 if name.endswith("weight") else torch.ones_like(each)
        for name, each in parameters.items()
    }
    norm = norm_of([sizes[name] * each.grad for name, each in parameters.items()])
    before = {name: each.detach().clone() for name, each in parameters.items()}
    with phantom_parameters(parameters, 0.5, adaptive=True):
        for name, each in parameters.items():
            expected = 0.5 / norm * sizes[name] ** 2 * each.grad
            torch.testing.assert_close(each.detach() - before[name], expected)


@given(
    exponent=st.floats(-37.0, 37.0),
    rho=st.sampled_from([0.01, 0.05, 0.2, 3.0]),
    seed=st.integers(0, 2**31),
)
@settings(max_examples=40)
def test_gradients_of_any_size_give_a_perturbation_of_norm_rho_along_them(exponent, rho, seed):
    source = torch.Generator().manual_seed(seed)
    directions = [
        torch.randn(shape, generator=source, dtype=torch.float64) for shape in ((4, 3), (5,), (1,))
    ]
    length = norm_of(directions)
    parameters = with_gradients([(10**exponent * d / length).float() for d in directions])
    with phantom_parameters(parameters, rho):
        perturbation = [parameter.detach().clone() for parameter in parameters.values()]
    assert norm_of(perturbation) == pytest.approx(rho, rel=1e-5)
    for actual, direction in zip(perturbation, directions, strict=True):
        expected = (rho * direction / length).float()
        torch.testing.assert_close(actual, expected, rtol=1e-4, atol=1e-6 * rho)


@pytest.mark.parametrize("size", [1e-45, 1e-30, 1e-8, 1e8, 1e30, 3e38])
def test_tiny_and_huge_gradients_neither_vanish_nor_overflow(size):
    # Squared in float32, the outermost are 0 and infinite.
    parameters = with_gradients([torch.tensor([size, 0.0]), torch.tensor([-size])])
    with phantom_parameters(parameters, 0.2):
        first, second = (parameter.tolist() for parameter in parameters.values())
    assert first == pytest.approx([0.2 / math.sqrt(2), 0])
    assert second == pytest.approx([-0.2 / math.sqrt(2)])


class Interruption(BaseException):
    """What is no ``Exception`` either, such as Ctrl-C."""


@pytest.mark.parametrize("adaptive", [False, True])
@pytest.mark.parametrize("interrupted", [False, True])
def test_the_parameters_come_back_bit_for_bit(interrupted, adaptive):
    # θ + ε − ε does not bring them back, because most are tiny beside ε.
    source = torch.Generator().manual_seed(7)
    start = [torch.randn(shape, generator=source) * 1e-4 for shape in ((20, 5), (30,))]
    gradients = [torch.randn(tensor.shape, generator=source) for tensor in start]
    parameters = with_gradients(gradients, start)
    try:
        with phantom_parameters(parameters, 5.0, adaptive):
            for parameter, tensor in zip(parameters.values(), start, strict=True):
                assert (parameter != tensor).double().mean() > 0.9
                # Without this the test could not tell a copy from a subtraction.
                perturbation = parameter.detach() - tensor
                assert not torch.equal(parameter.detach() - perturbation, tensor)
            if interrupted:
                raise Interruption
    except Interruption:
        assert interrupted
    for parameter, tensor in zip(parameters.values(), start, strict=True):
        assert torch.equal(parameter, tensor)


@pytest.mark.parametrize("method", ["sam", "lsam", "asam"])
def test_the_step_restores_when_the_second_pass_raises(method):
    model = convolutional(dtype=torch.float32)
    before, calls = values(model), []

    def fail(*_: Any) -> None:
        calls.append(0)
        if len(calls) == 2:
            raise Interruption

    model.head.register_forward_hook(fail)
    with pytest.raises(Interruption):
        take(model, plain(model), 2.0, method)
    assert_bits(model, before)
    assert model.backbone[1].track_running_stats


def test_what_has_no_gradient_or_is_not_asked_for_stays_and_nothing_is_refused():
    parameters = with_gradients([torch.tensor([float(g)]) for g in (4, 5, 3)])
    chosen, frozen, other = parameters.values()
    frozen.grad = None
    with phantom_parameters({"chosen": chosen, "frozen": frozen}, 0.5):
        # The gradient of what is not perturbed is not in the norm.
        assert [p.item() for p in (chosen, frozen, other)] == [0.5, 0, 0]
    for nothing in ({}, {"frozen": frozen}):
        refused = pytest.raises(ValueError, match="none of the parameters to perturb has a gradi")
        with refused, phantom_parameters(nothing, 0.1):
            pass


# Batch norm


@pytest.mark.parametrize("momentum", [0.1, None])
@pytest.mark.parametrize("method", METHODS)
def test_batch_statistics_are_those_of_one_clean_pass(method, momentum):
    model = convolutional()
    model.backbone[1].momentum = momentum
    once = copy.deepcopy(model)
    for number in range(2):
        forward_of(once, number)()
        take(model, plain(model, lr=0.0), 0.5, method, number)
        assert_same_state(model, once)
        assert model.backbone[1].track_running_stats
    assert model.backbone[1].num_batches_tracked == 2


@pytest.mark.parametrize("rho", [0.0, 0.5])
def test_statistics_of_the_second_pass_count_where_they_are_asked_to(rho):
    models, passes = [], []
    for asked in (True, False):
        model, seen = convolutional(), []
        model.backbone[1].register_forward_hook(
            lambda _, inputs, output, seen=seen: seen.append((inputs[0].detach(), output.detach()))
        )
        take(model, plain(model), rho, update_bn_on_second_pass=asked)
        models.append(model)
        passes.append(seen)
    mean, var = torch.zeros(4, dtype=torch.float64), torch.ones(4, dtype=torch.float64)
    for inputs, _ in passes[0]:
        mean = 0.9 * mean + 0.1 * inputs.mean(dim=(0, 2, 3))
        var = 0.9 * var + 0.1 * inputs.var(dim=(0, 2, 3))
    both, once = (model.backbone[1] for model in models)
    assert both.num_batches_tracked == len(passes[0]) == (2 if rho else 1)
    torch.testing.assert_close(both.running_mean, mean)
    torch.testing.assert_close(both.running_var, var)
    assert torch.equal(both.running_mean, once.running_mean) == (rho == 0)
    # Either way a pass is normalised by its batch, and the step is the same.
    torch.testing.assert_close(passes[0], passes[1], rtol=0, atol=0)
    assert_bits(models[0], values(models[1]))


def test_every_kind_of_batch_norm_is_frozen_and_released():
    without = nn.BatchNorm1d(2, track_running_stats=False)
    model = nn.ModuleList(
        [nn.BatchNorm1d(2), nn.Sequential(nn.BatchNorm2d(2)), nn.BatchNorm3d(2), without]
    )
    shapes = ((3, 2), (3, 2, 2, 2), (3, 2, 2, 2, 2), (3, 2))
    before = copy.deepcopy(model.state_dict())

    def forward() -> None:
        for layer, shape in zip(model, shapes, strict=True):
            layer(torch.rand(shape))

    with frozen_statistics(model):
        forward()
    for name, tensor in model.state_dict().items():
        assert torch.equal(tensor, before[name]), name
    forward()
    tracked = [each for name, each in model.state_dict().items() if name.endswith("tracked")]
    assert tracked == [1, 1, 1]
    assert without.track_running_stats is False
