"""Choose the hyperparameters of one dataset on its validation split."""

from feature_quality.artifacts.history import HISTORY
from feature_quality.artifacts.parquet import read_table
from feature_quality.artifacts.selection import write_selection
from feature_quality.job import job
from feature_quality.reporting.selection import select

with job(snakemake.log[0]):
    runs = [read_table(path, HISTORY) for path in snakemake.input]
    write_selection(snakemake.output[0], select(snakemake.wildcards.dataset, runs))
