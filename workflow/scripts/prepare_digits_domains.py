"""Prepare the demonstration of several domains, one dataset a target domain."""

from feature_quality.artifacts.prepared import new_images, write_examples
from feature_quality.data.digits_domains import prepare
from feature_quality.job import job

with job(snakemake.log[0]):
    datasets = prepare(snakemake.params.data_seed)
    stored = datasets[0].images
    with new_images(snakemake.output.images, stored.shape) as images:
        images[:] = stored
    for path, prepared in zip(snakemake.output.examples, datasets, strict=True):
        write_examples(snakemake.output.images, path, prepared)
