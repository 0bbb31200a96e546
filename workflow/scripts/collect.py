"""Join the metrics of all runs in one table."""

from feature_quality.artifacts.embeddings import read_logits
from feature_quality.artifacts.features import PROBES
from feature_quality.artifacts.history import HISTORY
from feature_quality.artifacts.parquet import read_table, write_table
from feature_quality.artifacts.prepared import read_description
from feature_quality.artifacts.runs import RUNS
from feature_quality.artifacts.selection import read_selection
from feature_quality.job import job
from feature_quality.reporting.collect import (
    collect,
    origins,
    probe_rows,
    test_rows,
    training_rows,
)

with job(snakemake.log[0]):
    files = snakemake.input
    descriptions = {each.dataset: each for each in map(read_description, files.examples)}
    tests = [read_logits(path) for path in files.tests]
    histories = [read_table(path, HISTORY) for path in files.histories]
    probes = [read_table(path, PROBES) for path in files.probes]
    rows = [
        *(training_rows(*history) for history in histories),
        *(test_rows(*test, descriptions[test[2]["dataset"]]) for test in tests),
        *(probe_rows(*probe) for probe in probes),
    ]
    selections = [read_selection(path) for path in files.selections]
    metadata = {
        "trained": origins(run for _, run in histories),
        "probed": origins(run for _, run in probes),
    }
    write_table(snakemake.output[0], collect(rows, selections), RUNS, metadata)
