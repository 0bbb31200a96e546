"""The toy networks: their parameters and what they compute, side by side (Section 5.1).

Each model is f(x) = w_e f_e(x_e) + w_h f_h(x_h) with two separate three-layer networks f_e and f_h.
The networks of R models lie along one leading axis of length 2R, easy and hard in turn, and every
number belongs to one model: what a model computes does not depend on its neighbours.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from feature_quality.seeds import generator

# NumPy's, or PyTorch's where gradients are wanted: what is done with them here, both can do.
Array = Any

WIDTH = 100


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
class Networks:
    """The parameters of R models, float32.

    Attributes:
        layers: the weights of f_e and f_h, each (2R, inputs, outputs), and their biases
            (2R, 1, outputs); the third layer's weights are (2R, 1, inputs).
        last: w = (w_e, w_h), (R, 2).
    """

    layers: dict[str, Array]
    last: Array

    @classmethod
    def initial(cls, seeds: Sequence[int], width: int = WIDTH, last: float = 1.0) -> "Networks":
        """Return untrained models, one per seed; w starts at ``last`` for both features."""
        drawn = [_draw(seed, width) for seed in seeds]
        layers = {name: np.concatenate([each[name] for each in drawn]) for name in SHAPES}
        return cls(layers, np.full((len(seeds), 2), last, np.float32))

    @classmethod
    def stacked(cls, networks: Sequence["Networks"]) -> "Networks":
        """Return the models of several objects as one."""
        names = networks[0].arrays()
        return cls.of(
            {name: np.concatenate([each.arrays()[name] for each in networks]) for name in names}
        )

    @classmethod
    def of(cls, arrays: Mapping[str, Array]) -> "Networks":
        """Return the models whose ``arrays`` these are."""
        return cls({name: arrays[name] for name in SHAPES}, arrays["last"])

    def chosen(self, models: Sequence[int]) -> "Networks":
        """Return copies of some models, by their places."""
        layers = {
            name: each.reshape(-1, 2, *each.shape[1:])[list(models)].reshape(-1, *each.shape[1:])
            for name, each in self.layers.items()
        }
        return Networks(layers, self.last[list(models)])

    def arrays(self) -> dict[str, Array]:
        """Return all parameters by name."""
        return self.layers | {"last": self.last}

    def forward(self, x: Array) -> Array:
        """Return φ = (f_e, f_h), (R, 2, n), of points (R, 2, n, 2), every model's own."""
        layers, (models, _, n, _) = self.layers, x.shape
        first = x.reshape(2 * models, n, 2) @ layers["first"] + layers["first_bias"]
        second = first.clip(0) @ layers["second"] + layers["second_bias"]
        third = (second.clip(0) * layers["third"]).sum(2) + layers["third_bias"][:, :, 0]
        return third.reshape(models, 2, n)


def _draw(seed: int, width: int) -> dict[str, np.ndarray]:
    """Return PyTorch's default: uniform within 1/√(inputs of the layer)."""
    rng = generator("toy", "weights", seed)
    return {
        name: rng.uniform(-1 / math.sqrt(inputs), 1 / math.sqrt(inputs), (2, *shape)).astype("f4")
        for name, (shape, inputs) in shapes(width).items()
    }
