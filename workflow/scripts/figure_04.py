"""Draw figure 4: phantom over real learning rates."""

from feature_quality.artifacts.parquet import read_table
from feature_quality.artifacts.sidecar import write_sidecar
from feature_quality.artifacts.toy import EPOCHS, TOY_RUNS
from feature_quality.job import job
from feature_quality.reporting.figures.scaling import scaling
from feature_quality.reporting.figures.style import BANDS, save

with job(snakemake.log[0]):
    epochs, _ = read_table(snakemake.input.epochs, EPOCHS)
    shown, _ = read_table(snakemake.input.shown, TOY_RUNS)
    figure = scaling(epochs, shown)
    save(figure, BANDS, snakemake.params.remark, snakemake.output.pdf, snakemake.output.png)
    write_sidecar(snakemake, "matplotlib", "seaborn", "pandas")
