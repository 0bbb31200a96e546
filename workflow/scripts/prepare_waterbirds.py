"""Prepare Waterbirds."""

from feature_quality.data.photos import progress_bar, write_photos
from feature_quality.data.waterbirds import photographs
from feature_quality.job import job

with job(snakemake.log[0]), photographs(**snakemake.input) as photos:
    write_photos(
        snakemake.output.images,
        [snakemake.output.examples],
        photos,
        snakemake.threads,
        progress_bar,
    )
