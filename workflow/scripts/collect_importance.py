"""Join the weights of examples under SGD and another method, easy and hard feature told apart."""

import pandas as pd

from feature_quality.artifacts.asked import refuse_others
from feature_quality.artifacts.features import IMPORTANCE, PROBES, RUN_IMPORTANCE
from feature_quality.artifacts.history import HISTORY
from feature_quality.artifacts.parquet import read_table, write_table
from feature_quality.artifacts.prepared import read_description
from feature_quality.errors import InputError
from feature_quality.job import job
from feature_quality.reporting.collect import (
    describe_importance,
    join_importance,
    probe_rows,
    training_rows,
)

with job(snakemake.log[0]):
    description = read_description(snakemake.input.examples)
    if not snakemake.input.probes:
        raise InputError(
            f"{description.dataset}: no run of SGD has finished to tell easy from hard"
        )
    histories = [read_table(path, HISTORY) for path in snakemake.input.histories]
    probes = [read_table(path, PROBES) for path in snakemake.input.probes]
    runs = [read_table(path, RUN_IMPORTANCE) for path in snakemake.input.importance]
    asked = {
        (run["dataset"], run["seed"]): {
            "settings": snakemake.params.asked["settings"],
            "examples_sha256": run["examples_sha256"],
        }
        for _, run in histories
    }
    for paths, tables in ((snakemake.input.histories, histories), (snakemake.input.probes, probes)):
        refuse_others([(path, run) for path, (_, run) in zip(paths, tables, strict=True)], asked)
    for expected in asked.values():
        expected["probe"] = snakemake.params.asked["probe"]
    described = zip(snakemake.input.importance, runs, strict=True)
    refuse_others([(path, run) for path, (_, run) in described], asked)
    sgd = [training_rows(*history) for history in histories]
    sgd += [probe_rows(*probe) for probe in probes]
    about = describe_importance(description, pd.concat(sgd), [run for _, run in runs])
    points = join_importance(runs, first_is_easy=about["easy"] == description.features[0])
    write_table(snakemake.output[0], points, IMPORTANCE, about)
