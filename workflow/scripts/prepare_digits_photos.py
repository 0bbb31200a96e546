"""Prepare the demonstration dataset."""

from feature_quality.artifacts.prepared import write_prepared
from feature_quality.data.digits_photos import prepare
from feature_quality.job import job

with job(snakemake.log[0]):
    prepared = prepare(snakemake.params.data_seed)
    write_prepared(snakemake.output.images, snakemake.output.examples, prepared)
