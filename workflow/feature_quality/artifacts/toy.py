"""The tables of the toy studies."""

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

# One row per run. Errors are fractions, NaN for a run that diverged.
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
        ("easy_relative_scaling", pa.float64()),
        ("hard_relative_scaling", pa.float64()),
    ]
)

# One row per run and epoch: the scaling w̃_j/w_j of each feature, mean over the epoch's steps.
EPOCHS = pa.schema(
    [
        ("seed", pa.int32()),
        ("rho", pa.float64()),
        ("epoch", pa.int32()),
        ("easy_scaling", pa.float64()),
        ("hard_scaling", pa.float64()),
    ]
)

# One row per run, snapshot and training point: its coordinates, the contributions y·w_j f_j, the
# weight λ, the phantom weight λ̃, and the weight at a random perturbation of the same length.
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
        ("random_weight", pa.float64()),
    ]
)

# One row per grid point in a feature's plane: the value f_j there.
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

# One row per example and kind of perturbation, which is that of the single example (Appendix D).
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
