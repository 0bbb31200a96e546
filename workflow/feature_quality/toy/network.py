"""The toy network: its parameters, and what it computes (Section 5.1).

It is f(x) = w_e f_e(x_e) + w_h f_h(x_h) with two separate three-layer networks f_e and f_h, which
lie along a leading axis of length 2, easy and hard.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from feature_quality.seeds import generator
from feature_quality.toy.runs import Run

# NumPy's, or PyTorch's where gradients are wanted: what is done with them here, both can do.
Array = Any

WIDTH = Run.width


def shapes(width: int) -> dict[str, tuple[tuple[int, int], int]]:
    """Return the shape of each layer, and the number of inputs of its units."""
    return {
        "first": ((2, width), 2),
        "first_bias": ((1, width), 2),
        "second": ((width, width), width),
        "second_bias": ((1, width), width),
        "third": ((1, width), width),
        "third_bias": ((1, 1), width),
    }


SHAPES = shapes(WIDTH)


@dataclass
class ToyNetwork:
    """The parameters of one network, float32.

    Attributes:
        layers: the weights of f_e and f_h, each (2, inputs, outputs), and their biases
            (2, 1, outputs); the third layer's weights are (2, 1, inputs).
        last: w = (w_e, w_h), (2,).
    """

    layers: dict[str, Array]
    last: Array

    @classmethod
    def initial(cls, seed: int, width: int = WIDTH, last: float = Run.initial) -> "ToyNetwork":
        """Return an untrained network; w starts at ``last`` for both features.

        Layers are PyTorch's default: uniform within 1/√(inputs of the layer).
        """
        rng = generator("toy", "weights", seed)
        layers = {
            name: rng.uniform(-1 / math.sqrt(inputs), 1 / math.sqrt(inputs), (2, *shape))
            for name, (shape, inputs) in shapes(width).items()
        }
        layers = {name: each.astype(np.float32) for name, each in layers.items()}
        return cls(layers, np.full(2, last, np.float32))

    @classmethod
    def of(cls, arrays: Mapping[str, Array]) -> "ToyNetwork":
        """Return the network whose ``arrays`` these are."""
        return cls({name: arrays[name] for name in SHAPES}, arrays["last"])

    def arrays(self) -> dict[str, Array]:
        """Return all parameters by name."""
        return self.layers | {"last": self.last}

    def forward(self, x: Array) -> Array:
        """Return φ = (f_e, f_h), (2, n), of points (2, n, 2); not finite if the run diverged."""
        layers = self.layers
        with np.errstate(over="ignore", invalid="ignore"):
            first = x @ layers["first"] + layers["first_bias"]
            second = first.clip(0) @ layers["second"] + layers["second_bias"]
            return (second.clip(0) * layers["third"]).sum(2) + layers["third_bias"][:, :, 0]
