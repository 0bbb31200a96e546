"""The networks. Each is a ``Sequential`` that ends in its linear layer: φ is everything before it."""

import torch
from torch import Tensor, nn

from feature_quality.seeds import derive_seed


def convolutional_network(shape: tuple[int, int, int], classes: int, dataset: str, seed: int) -> nn.Sequential:
    """Return the three-layer CNN of Appendix B, with PyTorch's default initialisation.

    Args:
        shape: (channels, height, width) of its input.
        classes: number of logits.
        dataset, seed: name the seed of the initial weights.
    """
    channels, height, width = shape
    # Three strides of two, each rounding up.
    features = 128 * -(-height // 8) * -(-width // 8)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(derive_seed("initialise", dataset, seed))
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
    """Return uint8 ``images`` (n, channels, height, width) as float32 in [0, 1] less the channel means.

    Appendix B "normalize by the mean pixel value"; that it is a difference is ours.
    """
    scaled = images.to(torch.float32, memory_format=torch.channels_last) / 255
    return scaled - channel_mean[:, None, None]
