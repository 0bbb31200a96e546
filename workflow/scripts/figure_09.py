"""Draw figure 9: noise."""

from feature_quality.artifacts.sidecar import write_sidecar
from feature_quality.artifacts.toy import RUNS, read_parts
from feature_quality.job import job
from feature_quality.reporting.figures.noise import noise
from feature_quality.reporting.figures.style import BANDS, save

with job(snakemake.log[0]):
    figure = noise(read_parts(snakemake.input.noise, RUNS))
    save(figure, BANDS, snakemake.params.remark, snakemake.output.pdf, snakemake.output.png)
    write_sidecar(snakemake, "matplotlib", "seaborn", "pandas")
