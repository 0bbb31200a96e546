"""Train the toy by SGD and by LSAM; keep what happens over training, and the networks."""

import pandas as pd

from feature_quality.artifacts.parquet import write_table
from feature_quality.artifacts.toy import CONTOURS, EPOCHS, POINTS, TOY_RUNS
from feature_quality.artifacts.weights import write_weights
from feature_quality.job import job
from feature_quality.run_metadata import run_metadata
from feature_quality.toy.distribution import Distribution
from feature_quality.toy.engine import train, training_set
from feature_quality.toy.network import Networks
from feature_quality.toy.runs import expand_grid
from feature_quality.toy.tables import contour_table, epoch_table, point_table, run_table
from feature_quality.training.device import describe, deterministic_device

with job(snakemake.log[0]) as log:
    settings = snakemake.params.settings
    device = deterministic_device()
    distribution = Distribution(**settings["distribution"])
    runs = expand_grid(snakemake.params.axes)
    training = training_set(runs, distribution, device)
    epoch_steps = -(-distribution.train_points // runs[0].batch_size)
    kept = {*settings["snapshot_epochs"], runs[0].steps // epoch_steps}
    points: list[pd.DataFrame] = []

    def observe(epoch: int, networks: Networks) -> None:
        """Keep the importance weights at the snapshots and at the end."""
        if epoch in kept:
            log.info("Snapshot: epoch %d", epoch)
            points.append(point_table(runs, networks, training, epoch, settings["rho"]))

    trained = train(runs, distribution, settings["lr"], device, observe)
    pictured = [i for i, run in enumerate(runs) if run.seed == runs[0].seed]
    networks = trained.networks.chosen(pictured)
    contours = contour_table([runs[i] for i in pictured], networks, distribution)
    description = settings | {"axes": snakemake.params.axes}
    description |= run_metadata(snakemake.params.code, "torch", "numpy", device=describe(device))
    write_table(
        snakemake.output.runs, run_table(runs, trained, distribution, device), TOY_RUNS, description
    )
    write_table(
        snakemake.output.epochs, epoch_table(runs, trained, epoch_steps), EPOCHS, description
    )
    write_table(snakemake.output.points, pd.concat(points, ignore_index=True), POINTS, description)
    write_table(snakemake.output.contours, contours, CONTOURS, description)
    write_weights(snakemake.output.networks, trained.networks.tensors(), description)
