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
        intervention: the terms in which other weights stand for w: ``importance_weighting``
            (equation 8), ``learning_rate`` (9) or ``both`` (10). With ``direction`` or ``norm``,
            both have w̃ with the norm of w, or w with the norm of w̃.
        kappa: norm of the intervention's fixed weights, ``constant`` (√2) or ``tracking`` (‖w‖).
        alpha: their ratio, hard over easy; None for LSAM's w̃ of each batch.
        last_follows: the λ by which w itself is trained: that of the ``intervention``, or ``sgd``.
        gap, easy_scale, hard_scale, jitter: constants of the data that differ from the
            distribution's; None for the distribution's own.
        initial: w at the start, for both features.
        width: units of a hidden layer.
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
    last_follows: str = "intervention"
    gap: float | None = None
    easy_scale: float | None = None
    hard_scale: float | None = None
    jitter: float | None = None
    initial: float = 1.0
    width: int = 100


def expand_grid(axes: Mapping[str, Sequence[Any]]) -> list[Run]:
    """Return a run for every combination of the values along ``axes``; the last varies fastest.

    Interventions by LSAM's own w̃ leave ρ = 0 out, where w̃ is w: they would be SGD once more.
    """
    runs = [Run(**dict(zip(axes, values, strict=True))) for values in product(*axes.values())]
    return [run for run in runs if run.intervention is None or run.alpha is not None or run.rho]
