"""The base optimizer: SGD with momentum and weight decay, and its schedule."""

import math
from collections.abc import Iterable, Mapping

import torch
from torch import Tensor, nn
from torch.optim.sgd import sgd


class SGD:
    """PyTorch's own SGD update, with nothing around it.

    ``torch.optim.SGD`` computes the same bits, but loads PyTorch's compiler when it is constructed,
    which costs four seconds a job; its state is the momentum buffers and nothing else.
    """

    def __init__(
        self, parameters: Iterable[nn.Parameter], *, lr: float, momentum: float, weight_decay: float
    ) -> None:
        self.parameters: list[Tensor] = list(parameters)
        self.buffers: list[Tensor | None] = [None] * len(self.parameters)
        self.lr = lr
        self.momentum = momentum
        self.weight_decay = weight_decay

    def zero_grad(self) -> None:
        """Drop all gradients."""
        for parameter in self.parameters:
            parameter.grad = None

    def momentum_buffers(self) -> dict[int, Tensor]:
        """Return the momentum of each parameter that has one, by the parameter's number."""
        return {i: buffer for i, buffer in enumerate(self.buffers) if buffer is not None}

    def restore(self, momentum: Mapping[int, Tensor]) -> None:
        """Take up the momentum that ``momentum_buffers`` returned."""
        for number, buffer in momentum.items():
            self.buffers[number] = torch.empty_like(self.parameters[number]).copy_(buffer)

    @torch.no_grad()
    def step(self) -> None:
        """Update the parameters by their gradients; every one of them must have one."""
        gradients = [parameter.grad for parameter in self.parameters if parameter.grad is not None]
        sgd(
            self.parameters,
            gradients,
            self.buffers,
            lr=self.lr,
            momentum=self.momentum,
            weight_decay=self.weight_decay,
            dampening=0.0,
            nesterov=False,
            maximize=False,
        )


def cosine(step: int, steps: int) -> float:
    """Return the share of the initial learning rate at ``step`` of ``steps``: from 1 towards 0."""
    return 0.5 * (1 + math.cos(math.pi * step / steps))
