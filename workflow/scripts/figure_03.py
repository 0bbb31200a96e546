"""Draw figure 3: how evenly the examples are weighted."""

from feature_quality.artifacts.toy import POINTS, read_toy
from feature_quality.job import job
from feature_quality.reporting.figures.importance import lorenz_curves
from feature_quality.reporting.figures.style import BANDS, save

with job(snakemake.log[0]):
    points, _ = read_toy(snakemake.input.points, POINTS)
    epochs = sorted(points["epoch"].unique())
    save(lorenz_curves(points, [epochs[-1]]), BANDS, snakemake.params.remark, **snakemake.output)
