"""Perturb single training points of the toy's networks of the first seed."""

from functools import partial

import pandas as pd
import torch
from torch import nn

from feature_quality.artifacts.parquet import read_table, write_table
from feature_quality.artifacts.toy import PERTURBATIONS, TOY_RUNS
from feature_quality.artifacts.weights import read_weights
from feature_quality.features.perturbation import perturb_examples
from feature_quality.job import job
from feature_quality.run_metadata import run_metadata
from feature_quality.toy.distribution import Distribution
from feature_quality.toy.engine import Stack, training_set
from feature_quality.toy.measures import margin
from feature_quality.toy.network import Networks
from feature_quality.toy.runs import expand_grid
from feature_quality.training.device import deterministic_device

with job(snakemake.log[0]):
    deterministic_device()
    _, dynamics = read_table(snakemake.input.runs, TOY_RUNS)
    runs = expand_grid(dynamics["axes"])
    networks = Networks.of(read_weights(snakemake.input.networks))
    tables = []
    for place, run in enumerate(runs):
        if run.seed != runs[0].seed:
            continue
        weights = networks.chosen([place]).tensors()
        parameters = {name: nn.Parameter(each.double()) for name, each in weights.items()}
        model = Networks.of(parameters)
        points = training_set([run], Distribution(**dynamics["distribution"]), torch.device("cpu"))
        points = Stack(points.x.double(), points.y.double())
        margins = [partial(margin, model, point) for point in points.batches(1)]
        perturbed = {"last layer": [parameters["last"]], "all": list(parameters.values())}
        table = perturb_examples(margins, perturbed, snakemake.params.rho)
        tables.append(table.assign(network="toy", seed=run.seed, trained_rho=run.rho))
    description = run_metadata(snakemake.params.code, "torch", "numpy")
    table = pd.concat(tables, ignore_index=True)
    write_table(snakemake.output[0], table, PERTURBATIONS, description)
