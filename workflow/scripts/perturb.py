"""Perturb single training examples of the toy's networks, or of one image network (Appendix D)."""

from functools import partial
from typing import Any

import pandas as pd
import torch
from torch import nn

from feature_quality.artifacts.history import HISTORY
from feature_quality.artifacts.parquet import read_table, write_table
from feature_quality.artifacts.prepared import read_prepared
from feature_quality.artifacts.toy import PERTURBATIONS, TOY_RUNS
from feature_quality.artifacts.weights import read_weights
from feature_quality.features.perturbation import class_margin, perturb_examples
from feature_quality.job import job
from feature_quality.run_metadata import run_metadata
from feature_quality.toy.distribution import Distribution, Points, draw_points
from feature_quality.toy.measures import margin
from feature_quality.toy.network import ToyNetwork
from feature_quality.toy.runs import expand_grid
from feature_quality.training.device import deterministic_cpu
from feature_quality.training.loop import DeviceSplit
from feature_quality.training.models import trained_network

EXAMPLES = 300


def perturb_toy(rho: float, runs: str, networks: str) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Perturb all training points of every network."""
    _, dynamics = read_table(runs, TOY_RUNS)
    trained = read_weights(networks)
    tables = []
    for place, run in enumerate(expand_grid(dynamics["axes"])):
        parameters = {name: nn.Parameter(each[place].double()) for name, each in trained.items()}
        drawn = draw_points(run, Distribution(**dynamics["distribution"]), "train")
        points = Points(*(torch.from_numpy(each).double() for each in (drawn.x, drawn.y)))
        margins = [partial(margin, ToyNetwork.of(parameters), each) for each in points.batches(1)]
        perturbed = {"last layer": {"last": parameters["last"]}, "all": parameters}
        table = perturb_examples(margins, perturbed, rho)
        tables.append(table.assign(network="toy", seed=run.seed, trained_rho=run.rho))
    return pd.concat(tables, ignore_index=True), {}


def perturb_network(
    rho: float, images: str, examples: str, model: str, history: str
) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Perturb training examples of an image network, from all over the table.

    Its rows may be sorted by class or domain.
    """
    prepared = read_prepared(images, examples)
    _, run = read_table(history, HISTORY)
    if run["diverged"]:
        return PERTURBATIONS.empty_table().to_pandas(), {"run": run}
    cpu = torch.device("cpu")
    network = trained_network(prepared, run, model, cpu).double().eval()
    train = prepared.split("train")
    split = DeviceSplit.of(train, prepared.description, cpu, network.normalisation)
    number = len(train.table)
    chosen = torch.linspace(0, number - 1, min(number, EXAMPLES)).long()
    inputs, labels = split.take(chosen)
    margins = [
        partial(class_margin, network, image, label)
        for image, label in zip(inputs.double(), labels.tolist(), strict=True)
    ]
    parts = {"last layer": network.head, "all": network}
    perturbed = {name: dict(part.named_parameters()) for name, part in parts.items()}
    table = perturb_examples(margins, perturbed, rho)
    table = table.assign(network=run["dataset"], seed=run["seed"], trained_rho=run["rho"])
    return table, {"run": run}


with job(snakemake.log[0]):
    deterministic_cpu()
    files = dict(snakemake.input.items())
    perturb = perturb_toy if "networks" in files else perturb_network
    table, metadata = perturb(snakemake.params.rho, **files)
    metadata |= run_metadata(snakemake.params.code, "torch", "numpy")
    write_table(snakemake.output[0], table, PERTURBATIONS, metadata)
