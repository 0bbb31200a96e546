"""Sharpness-aware minimisation (equation 3) and its last-layer form LSAM (equation 5).

Both take the gradient of the loss at the phantom parameter θ̃ = θ + ρ g/‖g‖ and use it at θ. SAM
perturbs all parameters, LSAM those of the last layer; the norm is one norm over what is perturbed.
Weight decay and momentum stay with the base optimizer, at θ.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, nullcontext
from typing import Protocol

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm


class Optimizer(Protocol):
    """What SAM asks of its base optimizer; those of ``torch.optim`` have it."""

    def zero_grad(self) -> None:
        """Drop the gradients of all parameters."""

    def step(self) -> object:
        """Update all parameters by their gradients."""


class NonFiniteError(ArithmeticError):
    """The loss or its gradient is infinite or not a number."""


def step(
    forward: Callable[[], tuple[Tensor, Tensor]],
    model: nn.Module,
    optimizer: Optimizer,
    rho: float,
    perturbed: Iterable[nn.Parameter] | None = None,
    update_bn_on_second_pass: bool = False,
) -> tuple[Tensor, Tensor]:
    """Take one step: of SGD for ``rho`` = 0, of SAM or LSAM otherwise.

    Args:
        forward: computes (loss, logits) of the batch; called once for SGD, twice for SAM, so it
            must see the same augmented batch each time.
        model: the network.
        optimizer: the base optimizer of all parameters.
        rho: radius of the perturbation, ≥ 0.
        perturbed: the parameters to perturb: all of the model's for SAM (the default), the last
            layer's for LSAM.
        update_bn_on_second_pass: let the second call update batch norm's running statistics too; else the
            first one alone does.

    Returns:
        loss and logits at the real parameters, before the step.

    Raises:
        NonFiniteError: the loss or its gradient is not finite; the parameters are unchanged.
    """
    optimizer.zero_grad()
    loss, logits = forward()
    torch.autograd.backward(loss)
    require_finite([loss, *_gradients(model)])
    if rho > 0:
        moved = model.parameters() if perturbed is None else perturbed
        statistics = nullcontext() if update_bn_on_second_pass else frozen_statistics(model)
        with phantom_parameters(moved, rho), statistics:
            optimizer.zero_grad()
            phantom_loss, _ = forward()
            torch.autograd.backward(phantom_loss)
        require_finite([phantom_loss, *_gradients(model)])
    optimizer.step()
    return loss.detach(), logits.detach()


@contextmanager
def phantom_parameters(parameters: Iterable[nn.Parameter], rho: float) -> Iterator[None]:
    """Hold ``parameters`` at θ + ρ g/‖g‖ inside the block, g being their ``.grad``.

    The norm is taken and applied in float64, so that it neither underflows nor needs an additive
    constant; a zero gradient perturbs nothing. θ comes back from a copy, bit for bit.

    Raises:
        ValueError: no parameter has a gradient.
    """
    moved, gradients = [], []
    for parameter in parameters:
        if parameter.grad is not None:
            moved.append(parameter)
            gradients.append(parameter.grad.double())
    if not moved:
        raise ValueError("none of the parameters to perturb has a gradient")
    norm = torch.linalg.vector_norm(torch.stack([torch.linalg.vector_norm(g) for g in gradients]))
    scale = torch.where(norm > 0, rho / norm, 0.0)
    saved = [parameter.detach().clone() for parameter in moved]
    with torch.no_grad():
        for parameter, gradient in zip(moved, gradients, strict=True):
            parameter.add_((scale * gradient).to(parameter.dtype))
    try:
        yield
    finally:
        with torch.no_grad():
            for parameter, original in zip(moved, saved, strict=True):
                parameter.copy_(original)


@contextmanager
def frozen_statistics(model: nn.Module) -> Iterator[None]:
    """Normalise by the batch inside the block, but leave batch norm's running statistics alone."""
    layers = [
        module
        for module in model.modules()
        if isinstance(module, _BatchNorm) and module.track_running_stats
    ]
    for layer in layers:
        layer.track_running_stats = False
    try:
        yield
    finally:
        for layer in layers:
            layer.track_running_stats = True


def require_finite(tensors: Iterable[Tensor]) -> None:
    """Raise NonFiniteError if any element of any tensor is infinite or not a number."""
    if not torch.stack([torch.isfinite(tensor).all() for tensor in tensors]).all():
        raise NonFiniteError


def _gradients(model: nn.Module) -> list[Tensor]:
    return [parameter.grad for parameter in model.parameters() if parameter.grad is not None]
