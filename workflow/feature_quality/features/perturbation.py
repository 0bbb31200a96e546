"""How a perturbation of single examples changes their margins (Appendix D)."""

from collections.abc import Callable, Iterable, Mapping

import pandas as pd
import torch
from torch import Tensor, nn
from torch.nn.utils import get_total_norm

from feature_quality.features.margin import margins
from feature_quality.training.sam import phantom_parameters


def perturb(
    margin: Callable[[], Tensor], parameters: Mapping[str, nn.Parameter], rho: float
) -> dict[str, float]:
    """Perturb ``parameters`` by SAM at radius ``rho`` for the one example of ``margin``.

    The direction is the same for the exponential and the logistic loss: both fall with the margin.

    Args:
        margin: computes the example's margin, a scalar, at the parameters' present values.
        parameters: what is perturbed, by name; they are unchanged afterwards.
        rho: radius, > 0.

    Returns:
        ``margin``, m(θ); ``phantom_margin``, m(θ̃) at θ̃ = θ − ρ ∇m/‖∇m‖, where the loss has risen;
        and ``gradient_norm``, ‖∇m(θ)‖ over what is perturbed.
    """
    for parameter in parameters.values():
        parameter.grad = None
    real = margin()
    torch.autograd.backward(-real, inputs=list(parameters.values()))
    norm = get_total_norm([p.grad for p in parameters.values() if p.grad is not None])
    with phantom_parameters(parameters, rho), torch.no_grad():
        phantom = margin()
    return {
        "margin": real.item(),
        "phantom_margin": phantom.item(),
        "gradient_norm": norm.item(),
    }


def perturb_examples(
    margins: Iterable[Callable[[], Tensor]],
    perturbed: Mapping[str, Mapping[str, nn.Parameter]],
    rho: float,
) -> pd.DataFrame:
    """Perturb every set of parameters in ``perturbed`` for every example, one at a time.

    Returns:
        one row per example and set: ``perturbed`` and ``example``, the set's name and the example's
        place, ``rho``, and what ``perturb`` returns.
    """
    return pd.DataFrame(
        {"perturbed": name, "rho": rho, "example": example} | perturb(margin, parameters, rho)
        for example, margin in enumerate(margins)
        for name, parameters in perturbed.items()
    )


def class_margin(model: nn.Module, image: Tensor, label: int) -> Tensor:
    """Return the margin of one image (channels, height, width), a scalar."""
    return margins(model(image[None]), torch.tensor([label], device=image.device))[0]
