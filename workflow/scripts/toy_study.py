"""Train one part of a toy study."""

from concurrent.futures import ThreadPoolExecutor
from functools import partial

from threadpoolctl import threadpool_limits

from feature_quality.artifacts.parquet import write_table
from feature_quality.artifacts.toy import TOY_RUNS
from feature_quality.job import job
from feature_quality.run_metadata import run_metadata
from feature_quality.toy.distribution import Distribution
from feature_quality.toy.engine import train
from feature_quality.toy.runs import expand_grid
from feature_quality.toy.tables import run_table

# One thread for each run: another number of them would round differently.
with job(snakemake.log[0]) as log, threadpool_limits(1):
    settings = snakemake.params.settings
    distribution = Distribution(**settings["distribution"])
    runs = expand_grid(snakemake.params.axes)
    log.info("%d runs of %d steps", len(runs), runs[0].steps)
    with ThreadPoolExecutor(snakemake.threads) as pool:
        trained = list(pool.map(partial(train, distribution=distribution, lr=settings["lr"]), runs))
    description = settings | run_metadata(snakemake.params.code, "numba", "numpy")
    write_table(snakemake.output[0], run_table(runs, trained, distribution), TOY_RUNS, description)
