"""Draw figure 2: the hard feature's error and the ratio of weights against rho."""

from feature_quality.artifacts.parquet import read_tables
from feature_quality.artifacts.sidecar import write_sidecar
from feature_quality.artifacts.toy import TOY_RUNS
from feature_quality.job import job
from feature_quality.reporting.figures.complexity import complexity
from feature_quality.reporting.figures.style import BANDS, save

with job(snakemake.log[0]):
    figure = complexity(read_tables(snakemake.input.complexity, TOY_RUNS))
    save(figure, BANDS, snakemake.params.remark, snakemake.output.pdf, snakemake.output.png)
    write_sidecar(snakemake, "matplotlib", "seaborn", "pandas")
