"""Probe the embeddings of one run for both features."""

from threadpoolctl import threadpool_limits

from feature_quality.artifacts.embeddings import read_embeddings
from feature_quality.artifacts.features import PROBES
from feature_quality.artifacts.parquet import write_table
from feature_quality.artifacts.prepared import read_description
from feature_quality.features.dfr import dfr_probe
from feature_quality.features.probe import ProbeSet, fit_draw, probe_row
from feature_quality.job import job
from feature_quality.run_metadata import run_metadata

# One thread: another number of them rounds differently.
with job(snakemake.log[0]) as log, threadpool_limits(1):
    train, run = read_embeddings(snakemake.input.train)
    test, _ = read_embeddings(snakemake.input.test)
    description = read_description(snakemake.input.examples)
    rows = []
    natural = bool(description.target)
    names, draws = (run["dataset"], run["seed"]), snakemake.params.draws
    settings = dict(snakemake.params.settings)
    protocol = settings.pop("protocol")
    # A run that diverged has no representation to speak of; it may not even be finite.
    probed = () if run["diverged"] else description.probed
    for feature, column in zip(probed, ("feature_a", "feature_b"), strict=False):
        sets = [ProbeSet.of(embeddings, column, natural) for embeddings in (train, test)]
        if protocol == "dfr":
            results = [dfr_probe(*sets, names=names, draws=draws, **settings)]
        else:
            fits = (fit_draw(sets[0], names=(*names, draw), **settings) for draw in range(draws))
            results = [probe_row(*fit, sets[1]) for fit in fits]
        for draw, result in enumerate(results):
            rows.append({"feature": feature, "draw": draw} | result)
            log.info("%s", {name: rows[-1][name] for name in rows[-1] if name != "wrong"})
    run["probe"] = snakemake.params.settings | {"draws": snakemake.params.draws}
    run |= run_metadata(snakemake.params.code, "scikit-learn", "numpy")
    write_table(snakemake.output[0], rows, PROBES, run)
