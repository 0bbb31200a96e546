"""Prepare the datasets of one of DomainBed's, one a target domain."""

from feature_quality.data.domains import photographs
from feature_quality.data.photos import progress_bar, write_photos
from feature_quality.job import job

with (
    job(snakemake.log[0]),
    photographs(
        snakemake.input.original,
        snakemake.params.family,
        **snakemake.params.settings,
        data_seed=snakemake.params.data_seed,
    ) as photos,
):
    write_photos(
        snakemake.output.images,
        snakemake.output.examples,
        photos,
        snakemake.threads,
        progress_bar,
    )
