"""Any model of timm, by its name: ``timm:tf_efficientnet_lite0``."""

from typing import Any

from feature_quality.errors import InputError
from feature_quality.training.network import NetworkSpec, Parts, Shape


def build(name: str, shape: Shape, classes: int) -> Parts:
    """Build a model of timm, with its own names, initialisation and normalisation.

    Raises:
        InputError: timm has no such model, or its last layer is not one linear layer.
    """
    import timm
    from torch import nn

    if not timm.is_model(name):
        similar = ", ".join(timm.list_models(f"*{name}*")[:5])
        raise InputError(f"timm has no model {name!r}" + (f", but {similar}" if similar else ""))
    try:
        settings: Any = timm.get_pretrained_cfg(name)
    except RuntimeError as error:
        raise InputError(f"timm: {error}") from error
    # A transformer has as many positions as the images have patches.
    size: Any = {"img_size": shape[1:]} if settings.fixed_input_size else {}
    model: Any = timm.create_model(name, num_classes=classes, **size)
    head = model.get_classifier()
    if not isinstance(head, nn.Linear):
        raise InputError(f"timm's {name} ends in a {type(head).__name__}, not in a linear layer")
    model.reset_classifier(0)
    return Parts(model, head, settings.classifier, (settings.mean, settings.std))


SPEC = NetworkSpec(build, channels=3, several=True)
