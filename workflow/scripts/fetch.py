"""Download one original file."""

import sys

from feature_quality.data.sources import SOURCES, fetch
from feature_quality.job import job

with job(snakemake.log[0]) as log:
    key = snakemake.wildcards.original
    source = SOURCES[key]
    log.info("%s: %s; %s", key, source.identity(), source.licence)
    fetch(key, source, snakemake.output[0], progress=sys.stderr.isatty())
