"""Measurements of trained networks: probe errors, and the weights of training examples."""

from feature_quality.artifacts.parquet import columns

# The probes of one run: one row per feature and draw of examples. ``error`` is a fraction;
# ``wrong`` are the places, in the split it was tested on, of the examples that it got wrong.
PROBES = columns(
    "feature: string, draw: int32, error: float64, C: float64, n_train: int32, n_test: int32, "
    "converged: bool, wrong: int32[]"
)

# Weights in one run: one row per snapshot and training example. λ is ``weight``, λ̃ is
# ``phantom_weight``, ``random_weight`` is λ at a random perturbation of the same radius, a control;
# the contributions to the margin are those of features A and B.
RUN_IMPORTANCE = columns(
    "epoch: int32, id: string, label: int16, group: int16, contribution_a: float64, "
    "contribution_b: float64, weight: float64, phantom_weight: float64, random_weight: float64"
)

# What figures of weights show, of the toy as of images: one row per snapshot and example.
IMPORTANCE = columns(
    "seed: int32, rho: float64, epoch: int32, easy_contribution: float64, "
    "hard_contribution: float64, weight: float64, phantom_weight: float64, random_weight: float64"
)
