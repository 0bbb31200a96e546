"""Join the metrics of all runs in one table."""

from itertools import cycle
from pathlib import Path

import pandas as pd

from feature_quality.artifacts.asked import refuse_others
from feature_quality.artifacts.checksum import sha256
from feature_quality.artifacts.embeddings import read_logits
from feature_quality.artifacts.features import PROBES
from feature_quality.artifacts.history import HISTORY
from feature_quality.artifacts.parquet import read_parquet, read_table, write_table
from feature_quality.artifacts.prepared import read_description
from feature_quality.artifacts.runs import BOOTSTRAP, RUNS
from feature_quality.artifacts.selection import read_selection
from feature_quality.job import job
from feature_quality.reporting.collect import (
    bootstrap,
    collect,
    origins,
    probe_rows,
    standard_errors,
    test_rows,
    training_rows,
)

with job(snakemake.log[0]):
    files = snakemake.input
    # Seeds share the file of a published split.
    described = {
        path: (read_description(path), sha256(path)) for path in dict.fromkeys(files.examples)
    }
    descriptions, asked, examples = {}, {}, {}
    for path, seed in zip(files.examples, cycle(snakemake.params.seeds), strict=False):
        description, checksum = described[path]
        dataset = description.dataset
        descriptions[dataset] = description
        examples[dataset, seed] = path
        asked[dataset, seed] = snakemake.params.asked[dataset] | {"examples_sha256": checksum}
    tests = [read_logits(path) for path in files.tests]
    histories = [read_table(path, HISTORY) for path in files.histories]
    probes = [read_table(path, PROBES) for path in files.probes]
    refuse_others(
        [(path, run) for path, (_, run) in zip(files.histories, histories, strict=True)], asked
    )
    # What was made from runs has its own code.
    for expected in asked.values():
        del expected["code"]
    refuse_others([(path, test[2]) for path, test in zip(files.tests, tests, strict=True)], asked)
    for (dataset, _), expected in asked.items():
        expected["probe"] = snakemake.params.probe[dataset]
    refuse_others([(path, run) for path, (_, run) in zip(files.probes, probes, strict=True)], asked)
    samples = []
    for path, (description, _) in described.items():
        tested = [each for each in probes if examples[each[1]["dataset"], each[1]["seed"]] == path]
        table = read_parquet(path, columns=["split", "group"])[0].to_pandas()
        groups = table.loc[table["split"] == "probe_test", "group"].to_numpy()
        samples.append(bootstrap(tested, groups, description, Path(path).parent.name))
    sampled = pd.concat(samples, ignore_index=True)
    rows = [
        *(training_rows(*history) for history in histories),
        *(test_rows(*test, descriptions[test[2]["dataset"]]) for test in tests),
        *(probe_rows(*probe) for probe in probes),
        standard_errors(sampled),
    ]
    selections = [read_selection(path) for path in files.selections]
    metadata = {
        "trained": origins(run for _, run in histories),
        "probed": origins(run for _, run in probes),
    }
    write_table(snakemake.output.runs, collect(rows, selections), RUNS, metadata)
    write_table(snakemake.output.bootstrap, sampled, BOOTSTRAP, metadata)
