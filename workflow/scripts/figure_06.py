"""Draw figure 6: each mechanism alone."""

from feature_quality.artifacts.parquet import read_table, read_tables
from feature_quality.artifacts.sidecar import write_sidecar
from feature_quality.artifacts.toy import TOY_RUNS
from feature_quality.job import job
from feature_quality.reporting.figures.interventions import interventions
from feature_quality.reporting.figures.style import BANDS, save

with job(snakemake.log[0]):
    shown, _ = read_table(snakemake.input.shown, TOY_RUNS)
    figure = interventions(read_tables(snakemake.input.interventions, TOY_RUNS), shown)
    save(figure, BANDS, snakemake.params.remark, snakemake.output.pdf, snakemake.output.png)
    write_sidecar(snakemake, "matplotlib", "seaborn", "pandas")
