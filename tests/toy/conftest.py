from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import pytest


# The process that only hands tests to workers reads this file too: torch is imported in fixtures.
@pytest.fixture(autouse=True)
def torch_settings() -> Iterator[None]:
    """One thread, so that equal computations give equal bits, and the same random numbers."""
    import torch

    threads = torch.get_num_threads()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        torch.set_num_threads(1)
        yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="session")
def distribution():
    """The documented constants."""
    from feature_quality.config.toy import Toy
    from feature_quality.toy.distribution import Distribution

    return Distribution(**Toy().distribution.model_dump())


@pytest.fixture(scope="session")
def run() -> Callable[..., Any]:
    """Return a run, documented but for what is given."""
    from feature_quality.toy.runs import Run

    def build(**changes: Any) -> Run:
        return Run(**({"seed": 0, "complexity": 270.0, "batch_size": 5, "steps": 60} | changes))

    return build


@pytest.fixture(scope="session")
def linear() -> Callable[..., Any]:
    """Return a network with f_j(x_j) = slope_j · x_j1, from both slopes and w."""
    from feature_quality.toy.network import SHAPES, ToyNetwork

    def build(slopes: Sequence[float], last: Sequence[float]) -> ToyNetwork:
        both = np.array(slopes, np.float32)
        layers = {name: np.zeros((2, *shape), np.float32) for name, (shape, _) in SHAPES.items()}
        layers["first"][:, 0, 0], layers["first"][:, 0, 1] = 1, -1
        layers["second"][:, 0, 0] = layers["second"][:, 1, 1] = 1
        layers["third"][:, 0, 0], layers["third"][:, 0, 1] = both, -both
        return ToyNetwork(layers, np.array(last, np.float32))

    return build


@pytest.fixture(scope="session")
def tensors_of_plain() -> Callable[..., Any]:
    """Return the parameters of a PlainToy in the names and shapes of ToyNetwork."""
    import torch

    def convert(model: Any) -> dict[str, Any]:
        tensors = {"last": model.last.detach()}
        for place, name in ((0, "first"), (2, "second"), (4, "third")):
            layers = [feature[place] for feature in model.features]
            matrices = [
                layer.weight.detach() if name == "third" else layer.weight.detach().T
                for layer in layers
            ]
            tensors[name] = torch.stack(matrices)
            tensors[f"{name}_bias"] = torch.stack([layer.bias.detach()[None] for layer in layers])
        return tensors

    return convert


@pytest.fixture(scope="session")
def assert_bits() -> Callable[..., None]:
    """Assert that two networks are the same, bit for bit."""

    def check(actual: Any, expected: Any) -> None:
        for name, array in expected.arrays().items():
            np.testing.assert_array_equal(actual.arrays()[name], array, err_msg=name)

    return check
