"""Train one network: one dataset, learning rate, rho and seed."""

import hashlib
import sys
from dataclasses import replace
from functools import partial
from pathlib import Path

from tqdm import tqdm

from feature_quality.artifacts.history import HISTORY, holds_history
from feature_quality.artifacts.lock import locked
from feature_quality.artifacts.parquet import write_table
from feature_quality.artifacts.prepared import read_prepared
from feature_quality.artifacts.weights import write_snapshots, write_weights
from feature_quality.job import job
from feature_quality.run_metadata import run_metadata
from feature_quality.training.checkpoint import Checkpoint
from feature_quality.training.device import (
    describe,
    deterministic_device,
    instructions,
    usable_precision,
)
from feature_quality.training.loop import DeviceSplit, TrainingConfig, train
from feature_quality.training.models import load_pretrained, network_for

with job(snakemake.log[0]) as log, locked(Path(snakemake.output.history).parent, log.warning):
    device = deterministic_device()
    run = {
        "dataset": snakemake.wildcards.dataset,
        "lr": float(snakemake.wildcards.lr),
        "rho": float(snakemake.wildcards.rho),
        "seed": int(snakemake.wildcards.seed),
    }
    settings = snakemake.params.settings
    recipe = TrainingConfig.of(settings)
    recipe = replace(recipe, precision=usable_precision(recipe.precision, device))
    examples = Path(snakemake.input.examples).read_bytes()
    description = run | {
        "settings": settings,
        "precision": recipe.precision,
        "examples_sha256": hashlib.sha256(examples).hexdigest(),
        "instructions": instructions(),
    }
    packages = ("torch", "torchvision", "numpy")
    description |= run_metadata(snakemake.params.code, *packages, device=describe(device))
    # Snakemake removes a job's outputs before it starts; what is there now, a predecessor that was
    # waited for has finished. Its history came last.
    if holds_history(snakemake.output.history, description):
        log.info("another process has finished this run meanwhile")
        sys.exit()
    prepared = read_prepared(snakemake.input.images, snakemake.input.examples)
    model = network_for(prepared, settings["network"], run["seed"], device)
    for weights in snakemake.input.get("pretrained", []):
        load_pretrained(model, weights)
    with Checkpoint(snakemake.params.checkpoint, description, log.warning) as checkpoint:
        trained = train(
            model,
            DeviceSplit.of(prepared.split("train"), prepared.description, device),
            DeviceSplit.of(prepared.split("val"), prepared.description, device),
            recipe,
            **run,
            checkpoint=checkpoint,
            progress=partial(tqdm, desc=str(run), file=sys.stderr, disable=None),
            report=log.info,
        )
        description["diverged"] = trained.diverged
        write_weights(snakemake.output.model, trained.weights, description)
        write_snapshots(snakemake.output.snapshots, trained.snapshots, description)
        write_table(snakemake.output.history, trained.history, HISTORY, description)
