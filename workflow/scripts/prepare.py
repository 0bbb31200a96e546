"""Prepare a dataset, or a family of datasets: decode its images, and say what each of them is."""

from importlib import import_module

from feature_quality.data.spec import Preparation
from feature_quality.job import job

with job(snakemake.log[0]):
    dataset = import_module(f"feature_quality.data.{snakemake.params.dataset}")
    dataset.prepare(
        Preparation(
            originals=dict(zip(snakemake.params.names, snakemake.input, strict=True)),
            settings=snakemake.params.settings,
            data_seed=snakemake.params.data_seed,
            images=snakemake.output.images,
            examples=tuple(snakemake.output.examples),
            threads=snakemake.threads,
        )
    )
