"""Compute the importance weights of every training example at a run's checkpoints."""

import pandas as pd
from threadpoolctl import threadpool_limits

from feature_quality.artifacts.features import RUN_IMPORTANCE
from feature_quality.artifacts.history import HISTORY
from feature_quality.artifacts.parquet import read_table, write_table
from feature_quality.artifacts.prepared import read_prepared
from feature_quality.artifacts.selection import read_selection
from feature_quality.artifacts.weights import read_snapshots, read_weights
from feature_quality.errors import InputError
from feature_quality.features.importance import checkpoint_importance
from feature_quality.job import job
from feature_quality.run_metadata import run_metadata
from feature_quality.training.device import describe, deterministic_device
from feature_quality.training.models import load_weights, network_for
from feature_quality.training.sam import Perturbation

# One thread: another number of them rounds differently.
with job(snakemake.log[0]) as log, threadpool_limits(1):
    device = deterministic_device()
    prepared = read_prepared(snakemake.input.images, snakemake.input.examples)
    history, run = read_table(snakemake.input.history, HISTORY)
    compared = snakemake.wildcards.compared
    choice = read_selection(snakemake.input.selection)["choices"].get(compared)
    if choice is None:
        raise InputError(f"{run['dataset']}: no run of {compared} has finished; it has no ρ to use")
    model = network_for(prepared, run["settings"]["network"], run["seed"], device)
    snapshots = snakemake.input.snapshots
    checkpoints = {epoch: (each, snapshots) for epoch, each in read_snapshots(snapshots).items()}
    if not run["diverged"]:
        path = snakemake.input.model
        checkpoints[len(history)] = read_weights(path), path
    tables = []
    for epoch, (weights, path) in checkpoints.items():
        log.info("Epoch %d", epoch)
        load_weights(model, weights, path)
        table = checkpoint_importance(
            model,
            prepared,
            device,
            seed=run["seed"],
            perturbation=Perturbation(**snakemake.params.perturbation),
            rho=choice["rho"],
            batch_size=run["settings"]["batch_size"],
            probe=snakemake.params.probe,
        )
        tables.append(table.assign(epoch=epoch))
    rows = (
        pd.concat(tables, ignore_index=True) if tables else RUN_IMPORTANCE.empty_table().to_pandas()
    )
    run |= {"compared": compared, "phantom_rho": choice["rho"], "probe": snakemake.params.probe}
    run |= run_metadata(
        snakemake.params.code, "torch", "scikit-learn", "numpy", device=describe(device)
    )
    write_table(snakemake.output[0], rows, RUN_IMPORTANCE, run)
