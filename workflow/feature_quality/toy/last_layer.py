"""The last layer's part of a gradient: importance weights and phantom weights (equations 5 to 10).

The gradient of the logistic loss of an example is −y·λ(w)·(w_e ∇f_e + w_h ∇f_h). LSAM and the
interventions put other weights for w: in λ, which weights the examples, or in the sum, where they
scale the learning rates of the two features, or in both.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from feature_quality.toy.runs import Run

CONSTANT_KAPPA = 2**0.5


def importance(last: Tensor, signed: Tensor) -> Tensor:
    """Return λ = σ(−y·(w_e f_e + w_h f_h)), (R, n), for w (R, 2) and y·φ (R, 2, n)."""
    margin = (last[:, :, None] * signed).sum(1)
    # torch.sigmoid rounds an element by its place in memory, and so by the run's neighbours.
    return 1 / (1 + torch.exp(margin))


def last_layer_gradient(weights: Tensor, signed: Tensor) -> Tensor:
    """Return the mean over the batch of −λ·y·φ, (R, 2), for λ (R, n) and y·φ (R, 2, n)."""
    return -(weights[:, None] * signed).mean(2)


def perturbed(last: Tensor, signed: Tensor, rho: Tensor) -> Tensor:
    """Return LSAM's w̃ = w + ρ ∇_w L/‖∇_w L‖ (equation 5), (R, 2); w itself for ρ = 0.

    The norm is taken and applied in float64; a zero gradient perturbs nothing.

    Args:
        last: w, (R, 2).
        signed: y·φ of the batch, (R, 2, n).
        rho: float64 (R,).
    """
    gradient = last_layer_gradient(importance(last, signed), signed).double()
    norm = torch.linalg.vector_norm(gradient, dim=1)
    scale = torch.where(norm > 0, rho / norm, 0.0)
    return last + (scale[:, None] * gradient).to(last.dtype)


def fixed(last: Tensor, alpha: Tensor, tracking: Tensor) -> Tensor:
    """Return the interventions' ŵ = κ·(1, α)/√(1 + α²) (equations 7 to 10), (R, 2).

    Args:
        last: w, (R, 2).
        alpha: (R,).
        tracking: bool (R,): κ is ‖w‖ at the moment; √2 throughout where it is not.
    """
    norm = torch.linalg.vector_norm(last, dim=1)
    kappa = torch.where(tracking, norm, CONSTANT_KAPPA) / torch.sqrt(1 + alpha**2)
    return torch.stack([kappa, kappa * alpha], dim=1)


@dataclass(frozen=True)
class Substitution:
    """What R runs put for w in the two terms of the gradient; each tensor is (R,).

    Attributes:
        rho: LSAM's radius, float64.
        intervened: whether the weights are an intervention's, not LSAM's.
        alpha, tracking: the interventions' ratio and norm; see ``fixed``.
        in_importance: whether λ takes them.
        in_rates: whether the learning rates take them.
    """

    rho: Tensor
    intervened: Tensor
    alpha: Tensor
    tracking: Tensor
    in_importance: Tensor
    in_rates: Tensor

    @classmethod
    def of(cls, runs: Sequence[Run], device: torch.device) -> "Substitution":
        """Return the substitution of every run."""
        kinds = [run.intervention for run in runs]
        return cls(
            rho=torch.tensor([run.rho for run in runs], dtype=torch.float64, device=device),
            intervened=torch.tensor([kind is not None for kind in kinds], device=device),
            alpha=torch.tensor([run.alpha or 1.0 for run in runs], device=device),
            tracking=torch.tensor([run.kappa == "tracking" for run in runs], device=device),
            in_importance=torch.tensor([kind != "learning_rate" for kind in kinds], device=device),
            in_rates=torch.tensor(
                [kind != "importance_weighting" for kind in kinds], device=device
            ),
        )

    def weights(self, last: Tensor, signed: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return what is put for w: the phantom weights, those in λ, and those in the rates.

        Args:
            last: w, (R, 2).
            signed: y·φ of the batch, (R, 2, n).
        """
        phantom = torch.where(
            self.intervened[:, None],
            fixed(last, self.alpha, self.tracking),
            perturbed(last, signed, self.rho),
        )
        return (
            phantom,
            torch.where(self.in_importance[:, None], phantom, last),
            torch.where(self.in_rates[:, None], phantom, last),
        )
