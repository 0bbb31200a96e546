"""The three-layer CNN of Appendix B."""

from feature_quality.training.network import NetworkSpec, Parts, Shape


def build(shape: Shape, classes: int) -> Parts:
    """Build the three-layer CNN of Appendix B, with PyTorch's default initialisation."""
    from torch import nn

    channels, height, width = shape
    backbone = nn.Sequential(
        nn.Conv2d(channels, 32, kernel_size=5, stride=2, padding=2),
        nn.ReLU(inplace=True),
        nn.Conv2d(32, 64, kernel_size=3, stride=2, padding=1),
        nn.ReLU(inplace=True),
        nn.Conv2d(64, 128, kernel_size=3, stride=2, padding=1),
        # Flattened first: the gradient that comes from the linear layer is not channels-last, and a
        # rectifier between two memory formats takes four times as long.
        nn.Flatten(),
        nn.ReLU(inplace=True),
    )
    # Three strides of two, each rounding up.
    features = 128 * -(-height // 8) * -(-width // 8)
    return Parts(backbone, nn.Linear(features, classes))


SPEC = NetworkSpec(build)
