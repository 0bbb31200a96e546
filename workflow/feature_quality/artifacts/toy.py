"""What the toy studies leave: tidy tables, one row a run, an epoch, a point or a place."""

import pyarrow as pa

_RUN = [
    ("seed", pa.int32()),
    ("complexity", pa.float64()),
    ("batch_size", pa.int32()),
    ("steps", pa.int32()),
    ("budget", pa.string()),
    ("rho", pa.float64()),
    ("noise", pa.string()),
    ("level", pa.float64()),
    ("noisy", pa.string()),
    ("intervention", pa.string()),
    ("kappa", pa.string()),
    ("alpha", pa.float64()),
]

# One row a run. Errors are fractions, NaN for a run that diverged; w̃ is what was put for w.
TOY_RUNS = pa.schema(
    [
        *_RUN,
        ("diverged_step", pa.int32()),
        ("train_error", pa.float64()),
        ("test_error", pa.float64()),
        ("easy_error", pa.float64()),
        ("hard_error", pa.float64()),
        ("real_ratio_mean", pa.float64()),
        ("real_ratio_median", pa.float64()),
        ("real_ratio_of_means", pa.float64()),
        ("phantom_ratio_mean", pa.float64()),
        ("phantom_ratio_median", pa.float64()),
        ("phantom_ratio_of_means", pa.float64()),
        ("phantom_easy_nonpositive", pa.float64()),
        ("easy_scaling", pa.float64()),
        ("hard_scaling", pa.float64()),
    ]
)

# One row a run and epoch: w̃_j/w_j, the mean over the epoch's steps.
EPOCHS = pa.schema(
    [
        ("seed", pa.int32()),
        ("rho", pa.float64()),
        ("epoch", pa.int32()),
        ("easy_scaling", pa.float64()),
        ("hard_scaling", pa.float64()),
    ]
)

# One row a run, checkpoint and training point: its place, the contributions y·w_j f_j, λ and λ̃.
POINTS = pa.schema(
    [
        ("seed", pa.int32()),
        ("rho", pa.float64()),
        ("epoch", pa.int32()),
        ("point", pa.int32()),
        ("label", pa.int8()),
        ("easy_x1", pa.float32()),
        ("easy_x2", pa.float32()),
        ("hard_x1", pa.float32()),
        ("hard_x2", pa.float32()),
        ("easy_contribution", pa.float64()),
        ("hard_contribution", pa.float64()),
        ("weight", pa.float64()),
        ("phantom_weight", pa.float64()),
    ]
)

# One row a place in a feature's plane: f_j there.
CONTOURS = pa.schema(
    [
        ("seed", pa.int32()),
        ("rho", pa.float64()),
        ("feature", pa.string()),
        ("x1", pa.float32()),
        ("x2", pa.float32()),
        ("value", pa.float32()),
    ]
)

# One row an example and kind of perturbation (Appendix D), each of the single example.
PERTURBATIONS = pa.schema(
    [
        ("network", pa.string()),
        ("seed", pa.int32()),
        ("trained_rho", pa.float64()),
        ("perturbed", pa.string()),
        ("rho", pa.float64()),
        ("example", pa.int32()),
        ("margin", pa.float64()),
        ("phantom_margin", pa.float64()),
        ("gradient_norm", pa.float64()),
    ]
)
