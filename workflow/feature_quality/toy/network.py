"""Many toy networks side by side, as batched matrices (Section 5.1).

Each model is f(x) = w_e f_e(x_e) + w_h f_h(x_h) with two separate three-layer networks f_e and f_h.
The networks of R models lie along one leading axis of length 2R, easy and hard in turn, and every
number belongs to one model: what a model computes does not depend on its neighbours.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from feature_quality.seeds import generator

WIDTH = 100
# PyTorch's default: weights and biases uniform within 1/√(inputs of the layer).
SHAPES = {
    "first": ((2, WIDTH), 2),
    "first_bias": ((1, WIDTH), 2),
    "second": ((WIDTH, WIDTH), WIDTH),
    "second_bias": ((1, WIDTH), WIDTH),
    "third": ((1, WIDTH), WIDTH),
    "third_bias": ((1, 1), WIDTH),
}


@dataclass
class Networks:
    """The parameters of R models, float32; training changes them in place.

    Attributes:
        layers: the weights of f_e and f_h, each (2R, inputs, outputs), and their biases
            (2R, 1, outputs); the third layer's weights are (2R, 1, inputs).
        last: w = (w_e, w_h), (R, 2).
    """

    layers: dict[str, Tensor]
    last: Tensor

    @classmethod
    def initial(cls, seeds: Sequence[int], device: torch.device) -> "Networks":
        """Return untrained models, one per seed; w starts at (1, 1)."""
        drawn = {seed: _draw(seed) for seed in set(seeds)}
        layers = {
            name: torch.from_numpy(np.concatenate([drawn[seed][name] for seed in seeds])).to(device)
            for name in SHAPES
        }
        return cls(layers, torch.ones(len(seeds), 2, device=device))

    @classmethod
    def of(cls, tensors: Mapping[str, Tensor]) -> "Networks":
        """Return the models whose ``tensors`` these are."""
        return cls({name: tensors[name] for name in SHAPES}, tensors["last"])

    def chosen(self, models: Sequence[int]) -> "Networks":
        """Return copies of some models, by their places."""
        layers = {
            name: each.view(-1, 2, *each.shape[1:])[list(models)].flatten(0, 1)
            for name, each in self.layers.items()
        }
        return Networks(layers, self.last[list(models)])

    def tensors(self) -> dict[str, Tensor]:
        """Return all parameters by name."""
        return self.layers | {"last": self.last}

    def forward(self, x: Tensor) -> "Activations":
        """Compute φ = (f_e, f_h) for points (R, 2, n, 2), every model's own."""
        layers, (models, _, n, _) = self.layers, x.shape
        first = torch.baddbmm(layers["first_bias"], x.reshape(2 * models, n, 2), layers["first"])
        first.relu_()
        second = torch.baddbmm(layers["second_bias"], first, layers["second"]).relu_()
        third = (second * layers["third"]).sum(2) + layers["third_bias"][:, :, 0]
        return Activations(x, first, second, third.view(models, 2, n))

    def descend(self, activations: "Activations", slope: Tensor) -> None:
        """Subtract from f_e and f_h their gradients, given ``slope`` = η ∂L/∂φ (R, 2, n)."""
        layers, (models, _, n) = self.layers, slope.shape
        x = activations.x.reshape(2 * models, n, 2)
        first, second = activations.first, activations.second
        third_slope = slope.reshape(2 * models, n, 1)
        second_slope = _relu_backward(third_slope * layers["third"], second)
        first_slope = torch.bmm(second_slope, layers["second"].transpose(1, 2))
        first_slope = _relu_backward(first_slope, first)
        layers["third"].sub_((second * third_slope).sum(1, keepdim=True))
        layers["third_bias"].sub_(third_slope.sum(1, keepdim=True))
        layers["second"].baddbmm_(first.transpose(1, 2), second_slope, alpha=-1)
        layers["second_bias"].sub_(second_slope.sum(1, keepdim=True))
        # baddbmm would add this one point by point, and lose what is small beside the weights.
        layers["first"].sub_(torch.bmm(x.transpose(1, 2), first_slope))
        layers["first_bias"].sub_(first_slope.sum(1, keepdim=True))


@dataclass(frozen=True)
class Activations:
    """What one forward pass leaves for the backward pass.

    Attributes:
        x: the points (R, 2, n, 2).
        first, second: hidden layers after their ReLU, (2R, n, WIDTH).
        phi: (f_e, f_h) of every point, (R, 2, n).
    """

    x: Tensor
    first: Tensor
    second: Tensor
    phi: Tensor


def _draw(seed: int) -> dict[str, np.ndarray]:
    rng = generator("toy", "weights", seed)
    return {
        name: rng.uniform(-1 / math.sqrt(inputs), 1 / math.sqrt(inputs), (2, *shape)).astype("f4")
        for name, (shape, inputs) in SHAPES.items()
    }


def _relu_backward(slope: Tensor, output: Tensor) -> Tensor:
    """Return ``slope`` where the ReLU's output is positive, else 0."""
    masked: Tensor = torch.ops.aten.threshold_backward(slope, output, 0)
    return masked
