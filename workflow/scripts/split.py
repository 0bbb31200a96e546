"""Split and pair the images of a dataset, or of a family of datasets, by a seed."""

from importlib import import_module

from feature_quality.artifacts.images import read_images
from feature_quality.artifacts.prepared import write_examples
from feature_quality.job import job

with job(snakemake.log[0]) as log:
    module = import_module(f"feature_quality.data.{snakemake.params.module}")
    stored = read_images(snakemake.input.images, snakemake.input.table)
    datasets = module.split(stored, snakemake.params.seed)
    for path, (description, examples) in zip(snakemake.output, datasets, strict=True):
        write_examples(path, description, examples, stored)
        log.info("%s:\n%s", description.dataset, examples["split"].value_counts().to_string())
