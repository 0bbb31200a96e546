"""Measurements of trained networks: probe errors, and the weights of training examples."""

import pyarrow as pa

# The probes of one run: one row per feature and draw of examples. ``error`` is a fraction;
# ``wrong`` are the places, in the split it was tested on, of the examples that it got wrong.
PROBES = pa.schema(
    [
        ("feature", pa.string()),
        ("draw", pa.int32()),
        ("error", pa.float64()),
        ("C", pa.float64()),
        ("n_train", pa.int32()),
        ("n_test", pa.int32()),
        ("converged", pa.bool_()),
        ("wrong", pa.list_(pa.int32())),
    ]
)

# Weights in one run: one row per snapshot and training example. λ is ``weight``, λ̃ is
# ``phantom_weight``, ``random_weight`` is λ at a random perturbation of the same radius, a control;
# the contributions to the margin are those of features A and B.
RUN_IMPORTANCE = pa.schema(
    [
        ("epoch", pa.int32()),
        ("id", pa.string()),
        ("label", pa.int16()),
        ("group", pa.int16()),
        ("contribution_a", pa.float64()),
        ("contribution_b", pa.float64()),
        ("weight", pa.float64()),
        ("phantom_weight", pa.float64()),
        ("random_weight", pa.float64()),
    ]
)

# What figures of weights show, of the toy as of images: one row per snapshot and example.
IMPORTANCE = pa.schema(
    [
        ("seed", pa.int32()),
        ("rho", pa.float64()),
        ("epoch", pa.int32()),
        ("easy_contribution", pa.float64()),
        ("hard_contribution", pa.float64()),
        ("weight", pa.float64()),
        ("phantom_weight", pa.float64()),
        ("random_weight", pa.float64()),
    ]
)
