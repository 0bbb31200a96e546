"""Draw Appendix D as a figure."""

from feature_quality.artifacts.parquet import read_tables
from feature_quality.artifacts.sidecar import write_sidecar
from feature_quality.artifacts.toy import PERTURBATIONS
from feature_quality.job import job
from feature_quality.reporting.figures.appendix_d import appendix_d
from feature_quality.reporting.figures.style import save

with job(snakemake.log[0]):
    figure = appendix_d(read_tables(snakemake.input.appendix_d, PERTURBATIONS))
    save(
        figure,
        "Single examples of one seed; the dotted line is where both agree.",
        snakemake.params.remark,
        snakemake.output.pdf,
        snakemake.output.png,
    )
    write_sidecar(snakemake, "matplotlib", "seaborn", "pandas")
