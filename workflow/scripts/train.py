"""Train one network: one dataset, method, learning rate, rho and seed."""

from pathlib import Path

from feature_quality.artifacts.checksum import sha256
from feature_quality.artifacts.finished import FinishedRun
from feature_quality.artifacts.history import HISTORY
from feature_quality.artifacts.lock import locked
from feature_quality.artifacts.parquet import write_table
from feature_quality.artifacts.prepared import read_prepared
from feature_quality.artifacts.weights import write_snapshots, write_weights
from feature_quality.job import job, progress_bar
from feature_quality.run_metadata import run_metadata
from feature_quality.training.checkpoint import Checkpoint
from feature_quality.training.device import (
    describe,
    deterministic_device,
    instructions,
    refuse_emulation,
)
from feature_quality.training.loop import DeviceSplit, TrainingConfig, train
from feature_quality.training.models import load_start_weights, network_for
from feature_quality.training.sam import Perturbation

folder = Path(snakemake.output.model).parent
with job(snakemake.log[0]) as log, locked(folder, log.warning):
    device = deterministic_device()
    run = {
        "dataset": snakemake.wildcards.dataset,
        "method": snakemake.wildcards.method,
        "lr": float(snakemake.wildcards.lr),
        "rho": float(snakemake.wildcards.rho),
        "seed": int(snakemake.wildcards.seed),
    }
    settings = snakemake.params.settings
    config = TrainingConfig.of(settings)
    refuse_emulation(config.precision, device)
    prepared = read_prepared(snakemake.input.images, snakemake.input.examples)
    model = network_for(prepared, settings["network"], run["seed"], device)
    metadata = run | {
        "settings": settings,
        "perturbation": snakemake.params.perturbation,
        "precision": config.precision,
        "normalisation": model.normalisation,
        "examples_sha256": sha256(snakemake.input.examples),
        "instructions": instructions(),
    }
    for weights in snakemake.input.get("weights", []):
        published = settings["weights"] == "imagenet"
        metadata["weights_sha256"] = load_start_weights(model, weights, published=published)
    packages = ("torch", "torchvision", "timm", "numpy")
    metadata |= run_metadata(snakemake.params.code, *packages, device=describe(device))
    outputs = snakemake.output
    finished = FinishedRun(outputs, metadata)
    with Checkpoint(folder / "checkpoint.safetensors", metadata, log.warning) as checkpoint:
        if finished.is_whole():
            log.info("this run is finished: its files are taken as they are")
        else:
            train_split, val_split = (
                DeviceSplit.of(
                    prepared.split(name), prepared.description, device, model.normalisation
                )
                for name in ("train", "val")
            )
            trained = train(
                model,
                train_split,
                val_split,
                config,
                perturbation=Perturbation(**snakemake.params.perturbation),
                **{name: run[name] for name in ("dataset", "lr", "rho", "seed")},
                checkpoint=checkpoint,
                progress=progress_bar(", ".join(f"{key} {value}" for key, value in run.items())),
                report=log.info,
            )
            ended = metadata | {"diverged": trained.diverged}
            write_weights(finished.path(outputs.model), trained.weights, ended)
            write_snapshots(finished.path(outputs.snapshots), trained.snapshots, ended)
            write_table(finished.path(outputs.history), trained.history, HISTORY, ended)
            finished.close()
        finished.link()
