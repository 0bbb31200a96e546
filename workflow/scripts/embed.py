"""Compute logits and embeddings of the test and probe splits under one trained network."""

from feature_quality.artifacts.embeddings import write_embeddings
from feature_quality.artifacts.history import HISTORY
from feature_quality.artifacts.parquet import read_table
from feature_quality.artifacts.prepared import read_prepared
from feature_quality.features.embedding import embed
from feature_quality.job import job
from feature_quality.training.device import deterministic_device
from feature_quality.training.models import trained_network

with job(snakemake.log[0]) as log:
    device = deterministic_device()
    prepared = read_prepared(snakemake.input.images, snakemake.input.examples)
    _, run = read_table(snakemake.input.history, HISTORY)
    model = trained_network(prepared, run, snakemake.input.model, device)
    for split, path in snakemake.output.items():
        embeddings = embed(model, prepared.split(split), prepared.description, device)
        write_embeddings(path, embeddings, run | {"split": split, "code": snakemake.params.code})
        log.info("%s: %s embeddings", split, embeddings.embedding.shape)
