"""The base optimizer: SGD with momentum and weight decay, and its schedule."""

import math
from collections.abc import Iterable

import torch
from torch import Tensor, nn
from torch.optim.sgd import sgd


class Descent:
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
