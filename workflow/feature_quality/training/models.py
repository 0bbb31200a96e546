"""The networks: each is a ``Sequential`` that ends in its linear layer; φ is all before it."""

import torch
from torch import Tensor, nn

from feature_quality.artifacts.prepared import Prepared
from feature_quality.seeds import derive_seed


def network_for(prepared: Prepared, seed: int, device: torch.device) -> nn.Sequential:
    """Return the untrained network of a run on ``prepared``, on ``device``."""
    description = prepared.description
    channels, height, width = prepared.images.shape[1:]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(derive_seed("initialise", description.dataset, seed))
        network = convolutional_network((channels, height, width), len(description.classes[0]))
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return network.to(device)


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
        nn.ReLU(),
        nn.Conv2d(32, 64, kernel_size=3, stride=2, padding=1),
        nn.ReLU(),
        nn.Conv2d(64, 128, kernel_size=3, stride=2, padding=1),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(features, classes),
    )


def normalise(images: Tensor, channel_mean: Tensor) -> Tensor:
    """Return the network's input: pixels in [0, 1] less the mean of their channel, float32.

    Args:
        images: uint8 (n, channels, height, width).
        channel_mean: float32 (channels,), the mean over the training images, in [0, 1].

    Appendix B "normalize by the mean pixel value"; that it is a difference is ours.
    """
    scaled = images.to(torch.float32, memory_format=torch.channels_last) / 255
    return scaled - channel_mean[:, None, None]
