"""Train one part of a toy study."""

import sys

import pandas as pd
from tqdm import tqdm

from feature_quality.artifacts.parquet import write_table
from feature_quality.artifacts.toy import TOY_RUNS
from feature_quality.job import job
from feature_quality.run_metadata import run_metadata
from feature_quality.toy.distribution import Distribution
from feature_quality.toy.engine import chunks, train
from feature_quality.toy.runs import expand_grid
from feature_quality.toy.tables import run_table
from feature_quality.training.device import describe, deterministic_device

with job(snakemake.log[0]) as log:
    device = deterministic_device()
    settings = snakemake.params.settings
    distribution = Distribution(**settings["distribution"])
    runs = expand_grid(snakemake.params.axes)
    tables = []
    for chunk in tqdm(list(chunks(runs, device)), desc="chunks", file=sys.stderr, disable=None):
        log.info("%d runs of %d steps", len(chunk), chunk[0].steps)
        trained = train(chunk, distribution, settings["lr"], device)
        tables.append(run_table(chunk, trained, distribution, device))
    description = settings | run_metadata(
        snakemake.params.code, "torch", "numpy", device=describe(device)
    )
    write_table(snakemake.output[0], pd.concat(tables, ignore_index=True), TOY_RUNS, description)
