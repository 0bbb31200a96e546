"""A network and data of a few numbers, to train in no time."""

import numpy as np
import pandas as pd
import torch
from torch import nn

from feature_quality.artifacts.prepared import Description, Examples
from feature_quality.training.loop import DeviceSplit
from feature_quality.training.models import Network

MEAN, STD = (0.25, 0.5), (0.5, 0.8)


def tiny_network(*more: nn.Module, classes: int = 3, seed: int = 3) -> Network:
    """Return a network of images (2, 5 or 6, 5 or 6) with batch norm and 36 features."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        convolution = nn.Conv2d(2, 4, 3, stride=2, padding=1)
        backbone = nn.Sequential(convolution, nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(), *more)
        network = Network(backbone, nn.Linear(36, classes))
    return network.to(memory_format=torch.channels_last)


def tiny_split(examples: int, seed: int = 0) -> DeviceSplit:
    """Return random images (2, 6, 5) of three classes."""
    source = np.random.default_rng(seed)
    images = source.integers(0, 256, (examples, 2, 6, 5), dtype=np.uint8)
    labels = source.integers(0, 3, examples).astype(np.int16)
    table = pd.DataFrame({"label": labels, "group": 2 * labels})
    classes = (("x",) * 3, ("y", "z"))
    description = Description("tiny", "Tiny", True, ("a", "b"), classes, MEAN, STD)
    return DeviceSplit.of(Examples(images, table), description, torch.device("cpu"))
