"""Perturb single training examples of an image network that SGD has trained."""

from functools import partial

import torch

from feature_quality.artifacts.history import HISTORY
from feature_quality.artifacts.parquet import read_table, write_table
from feature_quality.artifacts.prepared import read_prepared
from feature_quality.artifacts.toy import PERTURBATIONS
from feature_quality.features.perturbation import class_margin, perturb_examples
from feature_quality.job import job
from feature_quality.run_metadata import run_metadata
from feature_quality.training.device import deterministic_device
from feature_quality.training.loop import DeviceSplit
from feature_quality.training.models import trained_network

EXAMPLES = 300

with job(snakemake.log[0]):
    deterministic_device()
    cpu = torch.device("cpu")
    prepared = read_prepared(snakemake.input.images, snakemake.input.examples)
    _, run = read_table(snakemake.input.history, HISTORY)
    model = trained_network(prepared, run, snakemake.input.model, cpu)
    model.double().eval()
    examples = DeviceSplit.of(prepared.split("train"), prepared.description, cpu)
    images, labels = examples.take(slice(EXAMPLES))
    margins = [
        partial(class_margin, model, image, label)
        for image, label in zip(images.double(), labels.tolist(), strict=True)
    ]
    perturbed = {"last layer": list(model[-1].parameters()), "all": list(model.parameters())}
    table = perturb_examples(margins, perturbed, snakemake.params.rho)
    table = table.assign(network=run["dataset"], seed=run["seed"], trained_rho=run["rho"])
    description = {"run": run} | run_metadata(snakemake.params.code, "torch", "numpy")
    write_table(snakemake.output[0], table, PERTURBATIONS, description)
