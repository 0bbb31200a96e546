"""Train one network: one dataset, learning rate, rho and seed."""

import sys
from functools import partial

from tqdm import tqdm

from feature_quality.artifacts.history import write_history
from feature_quality.artifacts.prepared import read_prepared
from feature_quality.artifacts.weights import write_weights
from feature_quality.job import job
from feature_quality.record import versions
from feature_quality.training.device import describe, deterministic_device
from feature_quality.training.loop import Batches, train
from feature_quality.training.models import network_for

with job(snakemake.log[0]) as log:
    device = deterministic_device()
    run = {
        "dataset": snakemake.wildcards.dataset,
        "lr": float(snakemake.wildcards.lr),
        "rho": float(snakemake.wildcards.rho),
        "seed": int(snakemake.wildcards.seed),
    }
    prepared = read_prepared(snakemake.input.images, snakemake.input.examples)
    mean = prepared.description.channel_mean
    model = network_for(prepared, run["seed"], device)
    trained = train(
        model,
        Batches.of(prepared.split("train"), mean, device),
        Batches.of(prepared.split("val"), mean, device),
        **run,
        **snakemake.params.settings,
        progress=partial(tqdm, desc=str(run), file=sys.stderr, disable=None),
        report=log.info,
    )
    description = run | {
        "diverged": trained.diverged,
        "settings": snakemake.params.settings,
        "code": snakemake.params.code,
        "device": describe(device),
        "versions": versions("torch", "numpy"),
    }
    snapshots = {
        f"epoch={epoch}/{name}": tensor
        for epoch, weights in trained.snapshots.items()
        for name, tensor in weights.items()
    }
    write_weights(snakemake.output.model, trained.weights, description)
    write_weights(snakemake.output.snapshots, snapshots, description)
    write_history(snakemake.output.history, trained.history, description)
