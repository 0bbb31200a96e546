"""Draw the embeddings of SGD's and SAM's selected runs in their principal components."""

from feature_quality.artifacts.embeddings import read_embeddings
from feature_quality.artifacts.prepared import read_description
from feature_quality.artifacts.sidecar import write_sidecar
from feature_quality.job import job
from feature_quality.reporting.figures.embedding import POINTS, embedding, named
from feature_quality.reporting.figures.figure_text import below
from feature_quality.reporting.figures.style import save

SHOWN = (
    f"Probe-test examples, equally many of every group and at most {POINTS:,}, the same for both "
    "networks. Principal components (PC) with their shares of the variance, of each network's own."
)

with job(snakemake.log[0]):
    description = read_description(snakemake.input.examples)
    networks = dict(map(named, map(read_embeddings, snakemake.input.runs)))
    figure = embedding(networks, description)
    texts = below(description, snakemake.params.remark, SHOWN)
    save(figure, *texts, snakemake.output.pdf, snakemake.output.png)
    write_sidecar(snakemake, "matplotlib", "seaborn", "numpy")
