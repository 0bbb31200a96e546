"""Train the toy by SGD and by LSAM; keep what happens over training, and the networks."""

import numpy as np
import pandas as pd
import torch
from threadpoolctl import threadpool_limits

from feature_quality.artifacts.parquet import write_table
from feature_quality.artifacts.toy import CONTOURS, EPOCHS, POINTS, TOY_RUNS
from feature_quality.artifacts.weights import write_weights
from feature_quality.job import job
from feature_quality.run_metadata import run_metadata
from feature_quality.toy.distribution import Distribution, draw_points
from feature_quality.toy.engine import train
from feature_quality.toy.runs import expand_grid
from feature_quality.toy.tables import contour_table, epoch_table, point_table, run_table

# One thread: another number of them rounds differently.
with job(snakemake.log[0]), threadpool_limits(1):
    settings = snakemake.params.settings
    distribution = Distribution(**settings["distribution"])
    runs = expand_grid(snakemake.params.axes)
    epoch_steps = -(-distribution.train_points // runs[0].batch_size)
    kept = {*settings["snapshot_epochs"], runs[0].steps // epoch_steps}
    trained = [train(run, distribution, settings["lr"], kept) for run in runs]
    measured = run_table(runs, trained, distribution)
    diverged = {*measured.loc[measured["diverged_step"].notna(), "seed"]}
    # Figure 1 is of one seed.
    shown = next((run.seed for run in runs if run.seed not in diverged), runs[0].seed)
    epochs, points, contours = [], [], []
    for run, each in zip(runs, trained, strict=True):
        training = draw_points(run, distribution, "train")
        epochs.append(epoch_table(run, each, epoch_steps))
        points += [
            point_table(run, network, training, epoch, settings["rho"])
            for epoch, network in each.snapshots.items()
        ]
        if run.seed == shown:
            contours.append(contour_table(run, each.network, distribution))
    description = settings | {"axes": snakemake.params.axes}
    description |= run_metadata(snakemake.params.code, "numba", "numpy")
    outputs = snakemake.output
    write_table(outputs.runs, measured, TOY_RUNS, description)
    write_table(outputs.epochs, pd.concat(epochs), EPOCHS, description)
    write_table(outputs.points, pd.concat(points), POINTS, description)
    write_table(outputs.contours, pd.concat(contours), CONTOURS, description)
    # One row for each run, in their order.
    arrays = [each.network.arrays() for each in trained]
    weights = {name: torch.from_numpy(np.stack([of[name] for of in arrays])) for name in arrays[0]}
    write_weights(outputs.networks, weights, description)
