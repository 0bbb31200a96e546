"""Sharpness-aware minimisation: SAM (equation 3), its last-layer form LSAM (equation 5), and ASAM.

All take the gradient of the loss at the phantom parameter θ̃ = θ + ε and use it at θ. SAM perturbs
all parameters by ε = ρ g/‖g‖, LSAM those of the last layer; the norm is one norm over what is
perturbed. ASAM (Kwon et al., 2021) measures the radius in units of the weights: ε = ρ T²g/‖Tg‖.
Weight decay and momentum stay with the base optimizer, at θ.
"""

import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from typing import Literal, Protocol

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.utils import get_total_norm

# Added by ASAM to the size of each weight; its paper's and its published code's value.
ETA = 0.01


class Optimizer(Protocol):
    """What SAM asks of its base optimizer; those of ``torch.optim`` have it."""

    def zero_grad(self) -> None:
        """Drop the gradients of all parameters."""

    def step(self) -> object:
        """Update all parameters by their gradients."""


@dataclass(frozen=True)
class Perturbation:
    """What a method moves by ρ, and how.

    Attributes:
        perturbed: none of the parameters (SGD), all (SAM), or those of the last layer (LSAM).
        adaptive: whether the radius is in units of the weights (ASAM).
    """

    perturbed: Literal["none", "all", "last_layer"]
    adaptive: bool = False


def step(
    embed: Callable[[], Tensor],
    classify: Callable[[Tensor], tuple[Tensor, Tensor]],
    model: nn.Module,
    optimizer: Optimizer,
    perturbation: Perturbation,
    rho: float,
    *,
    update_bn_on_second_pass: bool = False,
) -> tuple[Tensor, Tensor, Tensor]:
    """Take one step of a method; with ``rho`` = 0 all are SGD. Nothing here waits for the device.

    Args:
        embed: computes φ of the batch, the input of the last layer; called once, or twice where the
            method perturbs more than the last layer, so it must see the same augmented batch.
        classify: computes (loss, logits) from φ; called once for SGD, else twice.
        model: the network; its last layer is ``model.head``.
        optimizer: the base optimizer of all parameters.
        perturbation: what is perturbed, and how.
        rho: radius of the perturbation, ≥ 0.
        update_bn_on_second_pass: let the second call of ``embed`` update batch norm's running
            statistics too; else the first one alone does.

    Returns:
        loss and logits at the real parameters, before the step; and a bool (), whether the losses,
        and the parameters and buffers after the step, are finite. A gradient that is not finite
        shows in the parameters.
    """
    two_passes = rho > 0 and perturbation.perturbed != "none"
    head_only = two_passes and perturbation.perturbed == "last_layer"
    perturbed = perturbed_parameters(model, perturbation)
    optimizer.zero_grad()
    features = embed()
    loss, logits = classify(features)
    # φ does not depend on the last layer: LSAM needs no gradient but the last layer's yet, and the
    # second evaluation goes on from the same φ, whose graph is still whole.
    torch.autograd.backward(loss, inputs=list(perturbed.values()) if head_only else None)
    losses = [loss.detach()]
    if two_passes:
        statistics = nullcontext() if update_bn_on_second_pass else frozen_statistics(model)
        with phantom_parameters(perturbed, rho, perturbation.adaptive), statistics:
            optimizer.zero_grad()
            phantom_loss, _ = classify(features if head_only else embed())
            torch.autograd.backward(phantom_loss)
        losses.append(phantom_loss.detach())
    optimizer.step()
    state = [tensor for tensor in model.state_dict().values() if tensor.is_floating_point()]
    largest = get_total_norm([*losses, *state], math.inf)
    return losses[0], logits.detach(), largest.isfinite()


def perturbed_parameters(model: nn.Module, perturbation: Perturbation) -> dict[str, nn.Parameter]:
    """Return the parameters that a method perturbs, by name; of SGD, all of them."""
    part = model.get_submodule("head") if perturbation.perturbed == "last_layer" else model
    return dict(part.named_parameters())


@contextmanager
def phantom_parameters(
    parameters: Mapping[str, nn.Parameter], rho: float, adaptive: bool = False
) -> Iterator[None]:
    """Hold ``parameters`` at θ + ρ T²g/‖Tg‖ inside the block, g being their ``.grad``.

    T is 1, or, where ``adaptive``, |w| + η for parameters with "weight" in their name, those of
    norms among them, as in ASAM's published code. The norm is taken and applied in float64, so that
    it neither underflows nor needs an additive constant; a zero gradient perturbs nothing. θ comes
    back from a copy, bit for bit.

    Raises:
        ValueError: no parameter has a gradient.
    """
    moved, directions, norms = [], [], []
    for name, parameter in parameters.items():
        if parameter.grad is None:
            continue
        direction = parameter.grad.double()
        scale = parameter.detach().abs().double() + ETA if adaptive and "weight" in name else None
        scaled = direction if scale is None else scale * direction
        moved.append(parameter)
        norms.append(torch.linalg.vector_norm(scaled))
        directions.append(scaled if scale is None else scale * scaled)
    if not moved:
        raise ValueError("none of the parameters to perturb has a gradient")
    norm = torch.linalg.vector_norm(torch.stack(norms))
    radius = torch.where(norm > 0, rho / norm, 0.0)
    saved = [parameter.detach().clone() for parameter in moved]
    with torch.no_grad():
        for parameter, direction in zip(moved, directions, strict=True):
            parameter.add_((radius * direction).to(parameter.dtype))
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
