"""The tables of the toy studies."""

from feature_quality.artifacts.parquet import columns

# One row per run. Errors are fractions, NaN for a run that diverged.
TOY_RUNS = columns(
    "seed: int32, complexity: float64, batch_size: int32, steps: int32, budget: string, "
    "rho: float64, noise: string, level: float64, noisy: string, intervention: string, "
    "kappa: string, alpha: float64, last_follows: string, gap: float64, easy_scale: float64, "
    "hard_scale: float64, jitter: float64, initial: float64, width: int32, "
    "diverged_step: int32, train_error: float64, test_error: float64, easy_error: float64, "
    "hard_error: float64, real_ratio_mean: float64, real_ratio_median: float64, "
    "real_ratio_of_means: float64, phantom_ratio_mean: float64, phantom_ratio_median: float64, "
    "phantom_ratio_of_means: float64, phantom_easy_nonpositive: float64, easy_scaling: float64, "
    "hard_scaling: float64, easy_relative_scaling: float64, hard_relative_scaling: float64"
)

# One row per run and epoch: the scaling w̃_j/w_j of each feature, mean over the epoch's steps.
EPOCHS = columns(
    "seed: int32, rho: float64, epoch: int32, easy_scaling: float64, hard_scaling: float64"
)

# One row per run, snapshot and training point: its coordinates, the contributions y·w_j f_j, the
# weight λ, the phantom weight λ̃, and the weight at a random perturbation of the same length.
POINTS = columns(
    "seed: int32, rho: float64, epoch: int32, point: int32, label: int8, easy_x1: float32, "
    "easy_x2: float32, hard_x1: float32, hard_x2: float32, easy_contribution: float64, "
    "hard_contribution: float64, weight: float64, phantom_weight: float64, random_weight: float64"
)

# One row per grid point in a feature's plane: the value f_j there.
CONTOURS = columns(
    "seed: int32, rho: float64, feature: string, x1: float32, x2: float32, value: float32"
)

# One row per example and kind of perturbation, which is that of the single example (Appendix D).
PERTURBATIONS = columns(
    "network: string, seed: int32, trained_rho: float64, perturbed: string, rho: float64, "
    "example: int32, margin: float64, phantom_margin: float64, gradient_norm: float64"
)
