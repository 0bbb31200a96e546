"""Draw figure 1: what SGD and LSAM have learned of each feature."""

from feature_quality.artifacts.parquet import read_table
from feature_quality.artifacts.sidecar import write_sidecar
from feature_quality.artifacts.toy import CONTOURS, POINTS
from feature_quality.job import job
from feature_quality.reporting.figures.contours import contours
from feature_quality.reporting.figures.style import save

with job(snakemake.log[0]):
    values, _ = read_table(snakemake.input.contours, CONTOURS)
    points, _ = read_table(snakemake.input.points, POINTS)
    figure = contours(values, points)
    save(
        figure,
        "The first seed; the line is where f = 0.",
        snakemake.params.remark,
        snakemake.output.pdf,
        snakemake.output.png,
    )
    write_sidecar(snakemake, "matplotlib", "seaborn", "pandas")
