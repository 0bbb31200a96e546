"""Draw figure 5: which examples have weight."""

from feature_quality.artifacts.toy import POINTS, read_toy
from feature_quality.job import job
from feature_quality.reporting.figures.importance import BINS_OF_ALL, median_weights
from feature_quality.reporting.figures.style import save

with job(snakemake.log[0]):
    points, _ = read_toy(snakemake.input.points, POINTS)
    epochs = sorted(points["epoch"].unique())
    save(
        median_weights(points, [epochs[-1]]),
        BINS_OF_ALL,
        snakemake.params.remark,
        **snakemake.output,
    )
