"""Download one original file."""

import sys

from feature_quality.data.sources import SOURCES, fetch
from feature_quality.job import job

with job(snakemake.log[0]) as log:
    key = snakemake.wildcards.original
    log.info("%s, %d bytes, %s", key, SOURCES[key].size, SOURCES[key].licence)
    fetch(key, SOURCES[key], snakemake.output[0], progress=sys.stderr.isatty())
