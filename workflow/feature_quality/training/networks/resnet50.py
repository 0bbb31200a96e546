"""torchvision's ResNet-50."""

from functools import partial

from feature_quality.training.network import NetworkSpec
from feature_quality.training.networks.resnet18 import build_resnet

SPEC = NetworkSpec(partial(build_resnet, "resnet50"), 3, "resnet50-0676ba61.pth")
