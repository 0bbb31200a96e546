"""Prepare FMNIST-MNIST."""

from feature_quality.artifacts.prepared import write_prepared
from feature_quality.data.fmnist_mnist import prepare
from feature_quality.job import job

with job(snakemake.log[0]):
    files = dict(zip(snakemake.params.original_keys, snakemake.input.originals, strict=True))
    prepared = prepare(files, snakemake.params.data_seed)
    write_prepared(snakemake.output.images, snakemake.output.examples, prepared)
