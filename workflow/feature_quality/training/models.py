"""The networks: each is a ``Sequential`` that ends in its linear layer; φ is all before it."""

import hashlib
import pickle
from collections import OrderedDict
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from feature_quality.artifacts.prepared import Prepared
from feature_quality.artifacts.weights import read_weights
from feature_quality.errors import InputError
from feature_quality.seeds import derive_seed

# What files that hold no weights, or those of another network, raise when they are loaded.
UNLOADABLE = (
    *(RuntimeError, TypeError, ValueError, AttributeError, LookupError, EOFError),
    pickle.UnpicklingError,
)


def network_for(prepared: Prepared, kind: str, seed: int, device: torch.device) -> nn.Sequential:
    """Return the untrained network of a run on ``prepared``, on ``device``.

    Args:
        kind: ``cnn``, ``resnet18`` or ``resnet50``.
    """
    description = prepared.description
    channels, height, width = prepared.images.shape[1:]
    classes = len(description.classes[0])
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(derive_seed("initialise", description.dataset, seed))
        if kind == "cnn":
            network = convolutional_network((channels, height, width), classes)
        else:
            network = residual_network(kind, classes)
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return network.to(device)


def trained_network(
    prepared: Prepared, run: Mapping[str, Any], weights: str | Path, device: torch.device
) -> nn.Sequential:
    """Return the network of a run, as its history describes it, with the ``weights`` on disk."""
    network = network_for(prepared, run["settings"]["network"], run["seed"], device)
    network.load_state_dict(read_weights(weights))
    return network


def convolutional_network(shape: tuple[int, int, int], classes: int) -> nn.Sequential:
    """Return the three-layer CNN of Appendix B, with PyTorch's default initialisation.

    The initial weights come from PyTorch's global generator, which the caller has seeded.

    Args:
        shape: (channels, height, width) of its input.
        classes: number of logits.
    """
    channels, height, width = shape
    # Three strides of two, each rounding up.
    features = 128 * -(-height // 8) * -(-width // 8)
    return nn.Sequential(
        nn.Conv2d(channels, 32, kernel_size=5, stride=2, padding=2),
        nn.ReLU(inplace=True),
        nn.Conv2d(32, 64, kernel_size=3, stride=2, padding=1),
        nn.ReLU(inplace=True),
        nn.Conv2d(64, 128, kernel_size=3, stride=2, padding=1),
        # Flattened first: the gradient that comes from the linear layer is not channels-last, and a
        # rectifier between two memory formats takes four times as long.
        nn.Flatten(),
        nn.ReLU(inplace=True),
        nn.Linear(features, classes),
    )


def residual_network(kind: str, classes: int) -> nn.Sequential:
    """Return torchvision's ``resnet18`` or ``resnet50`` with its own names and initialisation.

    The initial weights come from PyTorch's global generator, which the caller has seeded.
    """
    # Slow to import, and only this needs it.
    from torchvision.models import get_model

    layers = OrderedDict(get_model(kind, num_classes=classes).named_children())
    head = layers.pop("fc")
    return nn.Sequential(OrderedDict([*layers.items(), ("flatten", nn.Flatten()), ("fc", head)]))


def load_pretrained(network: nn.Sequential, path: str | Path) -> None:
    """Load torchvision's published weights into all of a ResNet but its last layer.

    Args:
        network: what ``residual_network`` returned.
        path: the published file; its name ends in the first digits of its SHA-256.

    Raises:
        InputError: the file is another than its name says, or holds no weights of this network.
    """
    path = Path(path)
    with path.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    expected = path.stem.rpartition("-")[2]
    if not found.startswith(expected):
        raise InputError(f"{path}: sha256 {found}, expected {expected}…")
    try:
        weights = torch.load(path, map_location="cpu", weights_only=True)
        own = {f"fc.{name}": tensor for name, tensor in network[-1].state_dict().items()}
        network.load_state_dict(weights | own)
    except UNLOADABLE as error:
        reason = str(error).partition("\n")[0]
        raise InputError(f"{path}: does not hold the weights of this network ({reason})") from error


def normalise(images: Tensor, channel_mean: Tensor, channel_std: Tensor) -> Tensor:
    """Return the network's input: pixels in [0, 1], less their channel's mean, over its deviation.

    Args:
        images: (n, channels, height, width), uint8 or float32 from 0 to 255.
        channel_mean, channel_std: float32 (channels,), for pixels in [0, 1].

    Returns:
        float32, channels last in memory.
    """
    scaled = images.to(torch.float32, memory_format=torch.channels_last, copy=True).div_(255)
    return scaled.sub_(channel_mean[:, None, None]).div_(channel_std[:, None, None])
