"""Prepare the user's own dataset."""

from feature_quality.data.own import photographs
from feature_quality.data.photos import progress_bar, write_photos
from feature_quality.job import job

with job(snakemake.log[0]):
    write_photos(
        snakemake.output.images,
        [snakemake.output.examples],
        photographs(**snakemake.input, **snakemake.params.settings),
        snakemake.threads,
        progress_bar,
    )
