"""Prepare a dataset, or a family of datasets: decode its images, and say what each shows."""

from importlib import import_module

from feature_quality.data.spec import Preparation
from feature_quality.job import job

with job(snakemake.log[0]):
    dataset = import_module(f"feature_quality.data.{snakemake.params.module}")
    dataset.prepare(
        Preparation(
            originals=dict(zip(snakemake.params.names, snakemake.input, strict=True)),
            settings=snakemake.params.settings,
            images=snakemake.output.images,
            table=snakemake.output.table,
            threads=snakemake.threads,
            dataset=snakemake.params.dataset,
        )
    )
