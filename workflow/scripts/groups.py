"""Draw the test error of each group under SGD's and SAM's selected settings."""

import pandas as pd

from feature_quality.artifacts.embeddings import read_logits
from feature_quality.artifacts.prepared import read_description
from feature_quality.artifacts.sidecar import write_sidecar
from feature_quality.job import job
from feature_quality.reporting.figures.figure_text import below, diverged
from feature_quality.reporting.figures.groups import group_errors, groups
from feature_quality.reporting.figures.style import save

SHOWN = "Circles: seeds; squares: means over them with 95 % t-intervals; n: test examples."

with job(snakemake.log[0]):
    description = read_description(snakemake.input.examples)
    tests = [read_logits(path) for path in snakemake.input.runs]
    errors = pd.concat([group_errors(*test) for test in tests if not test[2]["diverged"]])
    lost = [(run["lr"], run["rho"]) for _, _, run in tests if run["diverged"]]
    texts = below(description, snakemake.params.remark, SHOWN, diverged(lost))
    save(groups(errors, description), *texts, snakemake.output.pdf, snakemake.output.png)
    write_sidecar(snakemake, "matplotlib", "seaborn", "pandas")
