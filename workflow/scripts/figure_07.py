"""Draw figure 7: how evenly the examples are weighted, over training."""

from feature_quality.artifacts.features import IMPORTANCE
from feature_quality.artifacts.parquet import read_table
from feature_quality.artifacts.sidecar import write_sidecar
from feature_quality.job import job
from feature_quality.reporting.figures.importance import Subject, lorenz_curves
from feature_quality.reporting.figures.style import BANDS, save

with job(snakemake.log[0]):
    subject = Subject.of(*read_table(snakemake.input.points, IMPORTANCE, subset=True))
    remark = f"{subject.remark} {snakemake.params.remark}"
    save(
        lorenz_curves(subject, subject.epochs),
        BANDS,
        remark,
        snakemake.output.pdf,
        snakemake.output.png,
    )
    write_sidecar(snakemake, "matplotlib", "seaborn", "pandas")
