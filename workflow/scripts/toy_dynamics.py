"""Train the toy by SGD and by LSAM; keep what happens over training, and the networks."""

import pandas as pd
import torch
from threadpoolctl import threadpool_limits

from feature_quality.artifacts.parquet import write_table
from feature_quality.artifacts.toy import CONTOURS, EPOCHS, POINTS, TOY_RUNS
from feature_quality.artifacts.weights import write_weights
from feature_quality.job import job
from feature_quality.run_metadata import run_metadata
from feature_quality.toy.distribution import Distribution
from feature_quality.toy.engine import train, training_set
from feature_quality.toy.runs import expand_grid
from feature_quality.toy.tables import contour_table, epoch_table, point_table, run_table

# One thread: another number of them rounds differently.
with job(snakemake.log[0]), threadpool_limits(1):
    settings = snakemake.params.settings
    distribution = Distribution(**settings["distribution"])
    runs = expand_grid(snakemake.params.axes)
    training = training_set(runs, distribution)
    epoch_steps = -(-distribution.train_points // runs[0].batch_size)
    kept = {*settings["snapshot_epochs"], runs[0].steps // epoch_steps}
    trained = train(runs, distribution, settings["lr"], kept)
    points = [
        point_table(runs, networks, training, epoch, settings["rho"])
        for epoch, networks in trained.snapshots.items()
    ]
    pictured = [i for i, run in enumerate(runs) if run.seed == runs[0].seed]
    networks = trained.networks.chosen(pictured)
    contours = contour_table([runs[i] for i in pictured], networks, distribution)
    description = settings | {"axes": snakemake.params.axes}
    description |= run_metadata(snakemake.params.code, "numba", "numpy")
    outputs = snakemake.output
    write_table(outputs.runs, run_table(runs, trained, distribution), TOY_RUNS, description)
    write_table(outputs.epochs, epoch_table(runs, trained, epoch_steps), EPOCHS, description)
    write_table(outputs.points, pd.concat(points, ignore_index=True), POINTS, description)
    write_table(outputs.contours, contours, CONTOURS, description)
    weights = {name: torch.from_numpy(each) for name, each in trained.networks.arrays().items()}
    write_weights(outputs.networks, weights, description)
