"""Check the procedure that chose the toy's constants, by SGD alone (docs/toy.md).

A network that is trained on the spiral alone must learn it, and SGD on both features must fit the
label and yet fail on the spiral. LSAM is not run.
"""

from dataclasses import replace

import pandas as pd
import torch

from feature_quality.toy.distribution import Distribution
from feature_quality.toy.engine import train
from feature_quality.toy.runs import expand_grid
from feature_quality.toy.tables import run_table
from toy_engine import DISTRIBUTION, LR

SCALES = (1.0, 3.0, 6.0)
COMPLEXITIES = (180, 270, 360, 450, 540)
SEEDS = range(10)
EPOCHS = 300


def errors(distribution: Distribution) -> pd.DataFrame:
    """Return the mean errors of SGD over the seeds, one row per complexity."""
    axes = {"complexity": COMPLEXITIES, "batch_size": [5], "steps": [60 * EPOCHS], "seed": SEEDS}
    runs = expand_grid(axes)
    trained = [train(run, distribution, LR) for run in runs]
    table = run_table(runs, trained, distribution)
    return table.groupby("complexity")[["train_error", "test_error", "hard_error"]].mean()


def main() -> None:
    """Print the table."""
    torch.set_num_threads(1)
    for scale in SCALES:
        both = replace(DISTRIBUTION, hard_scale=scale, jitter=0.02 * scale)
        # The easy feature is 0 everywhere: its network is a constant and tells nothing.
        alone = errors(replace(both, easy_scale=0.0))["test_error"]
        found = errors(both).assign(spiral_alone=alone)
        print(f"scale of the spiral {scale:g}\n{found.to_string(float_format='{:.3f}'.format)}\n")


if __name__ == "__main__":
    main()
