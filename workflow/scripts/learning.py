"""Draw the learning curves of a dataset's runs."""

from feature_quality.artifacts.history import HISTORY
from feature_quality.artifacts.parquet import read_table
from feature_quality.artifacts.prepared import read_description
from feature_quality.artifacts.sidecar import write_sidecar
from feature_quality.job import job
from feature_quality.reporting.figures.figure_text import below, diverged, weighting
from feature_quality.reporting.figures.learning import epochs_of, learning
from feature_quality.reporting.figures.style import BANDS, save

with job(snakemake.log[0]):
    description = read_description(snakemake.input.examples)
    histories = [read_table(path, HISTORY) for path in snakemake.input.histories]
    lost = [(run["lr"], run["rho"]) for _, run in histories if run["diverged"]]
    texts = below(
        description, snakemake.params.remark, BANDS, weighting(description), diverged(lost)
    )
    save(learning(epochs_of(histories)), *texts, snakemake.output.pdf, snakemake.output.png)
    write_sidecar(snakemake, "matplotlib", "seaborn", "pandas")
