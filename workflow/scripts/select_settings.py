"""Choose the hyperparameters of one dataset on its validation split."""

from feature_quality.artifacts.asked import refuse_others
from feature_quality.artifacts.history import HISTORY
from feature_quality.artifacts.parquet import read_table
from feature_quality.artifacts.selection import write_selection
from feature_quality.job import job
from feature_quality.reporting.selection import select

with job(snakemake.log[0]):
    runs = [read_table(path, HISTORY) for path in snakemake.input]
    described = [(path, run) for path, (_, run) in zip(snakemake.input, runs, strict=True)]
    # All must have been trained on the same data, that of the first.
    asked = {"examples_sha256": described[0][1]["examples_sha256"]} | snakemake.params.asked
    refuse_others(described, {snakemake.wildcards.dataset: asked})
    write_selection(snakemake.output[0], select(snakemake.wildcards.dataset, runs))
