"""Any model of timm, by its name: ``timm:tf_efficientnet_lite0``."""

from typing import Any

from feature_quality.errors import InputError
from feature_quality.training.network import NetworkSpec, Parts, Shape


def build(name: str, shape: Shape, classes: int) -> Parts:
    """Build a model of timm, with its own names, initialisation and normalisation.

    Dropout and stochastic depth are off: the two passes of SAM would drop other units. The head has
    PyTorch's initialisation: some models' own is made for a thousand classes, and so large for a
    few that its gradient soon undoes what the backbone has learned before.

    Raises:
        InputError: timm has no such model, its last layer is not one linear layer, or the images
            are too small for it.
    """
    import timm
    import torch
    from torch import nn
    from torch.nn.modules.dropout import _DropoutNd

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
    head, whole = model.get_classifier(), set(model.state_dict())
    if not isinstance(head, nn.Linear):
        raise InputError(f"timm's {name} ends in a {type(head).__name__}, not in a linear layer")
    head.reset_parameters()
    model.reset_classifier(0)
    kept = {*model.state_dict(), *(f"{settings.classifier}.{part}" for part in head.state_dict())}
    if lost := sorted(whole - kept):
        raise InputError(f"timm's {name} has more in its head than a linear layer: {lost[0]}")
    for module in model.modules():
        # Stochastic depth, models that call the function of dropout, and layers of it.
        for rate in {"drop_prob", "drop_rate"} & {*vars(module)}:
            setattr(module, rate, 0.0)
        if isinstance(module, _DropoutNd):
            module.p = 0.0
    try:
        # Evaluation changes neither the running statistics nor the generator.
        with torch.no_grad():
            model.eval()(torch.zeros(1, *shape))
    except RuntimeError as error:
        side = " × ".join(map(str, shape[1:]))
        raise InputError(f"timm's {name} does not take images of {side} pixels: {error}") from error
    model.train()
    return Parts(model, head, settings.classifier, (settings.mean, settings.std))


SPEC = NetworkSpec(build, channels=3, several=True)
