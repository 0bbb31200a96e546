"""What one toy run is, and the runs of a study as a grid."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any


@dataclass(frozen=True)
class Run:
    """One training run: LSAM (SGD for ``rho`` = 0), or SGD under an intervention.

    Attributes:
        seed: of its data, initial weights and order.
        complexity: rotation of the spiral, in degrees.
        batch_size: examples per step.
        steps: number of steps.
        budget: what is kept equal to the other batch sizes, ``updates`` or ``epochs``.
        rho: radius of LSAM's perturbation.
        noise: ``label``, ``gaussian`` or ``dropout`` noise on the training data; None for none.
        level: of the noise: a probability, or the standard deviation of ``gaussian``.
        noisy: the features that have the noise, ``both`` or ``hard``.
        intervention: ``importance_weighting`` (equation 8), ``learning_rate`` (9) or ``both`` (10).
        kappa: norm of the intervention's weights, ``constant`` (√2) or ``tracking`` (‖w‖).
        alpha: ratio of the intervention's weights, hard over easy.
    """

    seed: int
    complexity: float
    batch_size: int
    steps: int
    budget: str = "updates"
    rho: float = 0.0
    noise: str | None = None
    level: float = 0.0
    noisy: str = "both"
    intervention: str | None = None
    kappa: str | None = None
    alpha: float | None = None


def expand_grid(axes: Mapping[str, Sequence[Any]]) -> list[Run]:
    """Return a run for every combination of the values along ``axes``; the last varies fastest."""
    return [Run(**dict(zip(axes, values, strict=True))) for values in product(*axes.values())]
