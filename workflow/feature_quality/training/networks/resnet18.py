"""torchvision's ResNet-18, and how its ResNets are taken apart."""

from functools import partial

from feature_quality.training.network import NetworkSpec, Normalisation, Parts, Shape

# torchvision's, for the weights that it publishes.
IMAGENET: Normalisation = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))


def build_resnet(name: str, _shape: Shape, classes: int) -> Parts:
    """Build a ResNet of torchvision, with its own names and initialisation."""
    from torch import nn
    from torchvision.models import get_model

    model = get_model(name, num_classes=classes)
    head, model.fc = model.fc, nn.Identity()
    return Parts(model, head, "fc", IMAGENET)


SPEC = NetworkSpec(partial(build_resnet, "resnet18"), 3, "resnet18-f37072fd.pth")
