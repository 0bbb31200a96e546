"""Draw the errors of a dataset's whole sweep."""

from feature_quality.artifacts.parquet import read_table
from feature_quality.artifacts.prepared import read_description
from feature_quality.artifacts.runs import RUNS
from feature_quality.artifacts.sidecar import write_sidecar
from feature_quality.job import job
from feature_quality.reporting.figures.figure_text import below, diverged, weighting
from feature_quality.reporting.figures.style import BANDS, save
from feature_quality.reporting.figures.sweep import sweep, unmeasured

with job(snakemake.log[0]):
    description = read_description(snakemake.input.examples)
    runs = read_table(snakemake.input.runs, RUNS)[0].query("dataset == @description.dataset")
    lost = runs.query("metric == 'diverged' and value == 1")[["lr", "rho"]]
    texts = below(
        description,
        snakemake.params.remark,
        BANDS,
        weighting(description),
        unmeasured(runs),
        diverged(lost.itertuples(index=False)),
    )
    save(sweep(runs, description), *texts, snakemake.output.pdf, snakemake.output.png)
    write_sidecar(snakemake, "matplotlib", "seaborn", "pandas")
