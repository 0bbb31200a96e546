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
    dataset = snakemake.wildcards.dataset
    asked: dict[tuple[str, int], dict[str, object]] = {}
    for _, run in described:
        # All of a seed must have been trained on the same data, that of its first.
        data = {"examples_sha256": run["examples_sha256"]}
        asked.setdefault((dataset, run["seed"]), data | snakemake.params.asked)
    refuse_others(described, asked)
    write_selection(snakemake.output[0], select(dataset, runs))
