import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from feature_quality.training.sgd import SGD, cosine

SHAPES = ((3, 2), (4,), (1,))


@given(
    lr=st.floats(1e-5, 10.0),
    momentum=st.one_of(st.just(0.0), st.floats(1e-3, 0.999)),
    weight_decay=st.one_of(st.just(0.0), st.floats(1e-6, 1.0)),
    seed=st.integers(0, 2**31),
)
@settings(max_examples=40)
def test_an_update_has_the_bits_of_torch_sgd(lr, momentum, weight_decay, seed):
    source = torch.Generator().manual_seed(seed)
    start = [torch.randn(shape, generator=source) for shape in SHAPES]
    ours = [nn.Parameter(tensor.clone()) for tensor in start]
    theirs = [nn.Parameter(tensor.clone()) for tensor in start]
    sgd = SGD(ours, lr=lr, momentum=momentum, weight_decay=weight_decay)
    reference = torch.optim.SGD(theirs, lr=lr, momentum=momentum, weight_decay=weight_decay)
    for step in range(4):
        # The learning rate moves under a schedule.
        sgd.lr = reference.param_groups[0]["lr"] = lr / (step + 1)
        for our, their in zip(ours, theirs, strict=True):
            gradient = torch.randn(our.shape, generator=source)
            our.grad, their.grad = gradient.clone(), gradient.clone()
        sgd.step()
        reference.step()
        for our, their in zip(ours, theirs, strict=True):
            assert torch.equal(our, their)


def test_an_iterator_is_updated_in_place_and_zero_grad_drops_its_gradients():
    model = nn.Linear(2, 2)
    weight, before = model.weight, model.weight.detach().clone()
    sgd = SGD(model.parameters(), lr=1.0, momentum=0.0, weight_decay=0.0)
    for _ in range(2):
        # Backward adds to a gradient that is there.
        sgd.zero_grad()
        torch.autograd.backward(model(torch.ones(1, 2)).sum())
        sgd.step()
    assert model.weight is weight
    assert torch.equal(weight, before - 1 - 1)
    sgd.zero_grad()
    assert all(parameter.grad is None for parameter in model.parameters())


def test_a_parameter_without_gradient_is_refused():
    first, second = nn.Parameter(torch.zeros(2)), nn.Parameter(torch.zeros(2))
    sgd = SGD([first, second], lr=1.0, momentum=0.0, weight_decay=0.0)
    first.grad = torch.ones(2)
    with pytest.raises(IndexError):
        sgd.step()


def test_cosine_is_torchs_cosine_annealing():
    steps, lr = 37, 0.3
    parameter = nn.Parameter(torch.zeros(1))
    parameter.grad = torch.zeros(1)
    optimizer = torch.optim.SGD([parameter], lr=lr)
    scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=steps)
    for step in range(steps + 1):
        assert lr * cosine(step, steps) == pytest.approx(scheduler.get_last_lr()[0], abs=1e-12)
        optimizer.step()
        scheduler.step()
