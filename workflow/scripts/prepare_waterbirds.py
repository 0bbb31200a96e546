"""Prepare Waterbirds."""

import sys
from functools import partial

from tqdm import tqdm

from feature_quality.data.photos import write_photos
from feature_quality.data.waterbirds import photographs
from feature_quality.job import job

with job(snakemake.log[0]), photographs(**snakemake.input) as photos:
    write_photos(
        snakemake.output.images,
        [snakemake.output.examples],
        photos,
        snakemake.threads,
        partial(tqdm, desc="Decode", unit="×256 photographs", file=sys.stderr, disable=None),
    )
