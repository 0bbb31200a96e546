"""Make a table, by the module of its name: tidy CSV, and Markdown and LaTeX for readers."""

from importlib import import_module

from feature_quality.artifacts.atomic import write_text
from feature_quality.artifacts.parquet import read_table
from feature_quality.artifacts.prepared import read_description
from feature_quality.artifacts.runs import RUNS
from feature_quality.artifacts.selection import read_selection
from feature_quality.artifacts.sidecar import write_sidecar
from feature_quality.job import job
from feature_quality.reporting.tables.rendering import TableDataset

with job(snakemake.log[0]):
    module = import_module(f"feature_quality.reporting.tables.{snakemake.wildcards.table}")
    files = snakemake.input
    datasets = [
        TableDataset(read_description(examples), read_selection(selection), **settings)
        for examples, selection, settings in zip(
            files.examples, files.selections, snakemake.params.datasets, strict=True
        )
    ]
    table = module.make(read_table(files.runs, RUNS)[0], datasets)
    write_text(snakemake.output.csv, table.rows.to_csv(index=False, lineterminator="\n"))
    write_text(snakemake.output.md, table.markdown)
    write_text(snakemake.output.tex, table.latex)
    write_sidecar(snakemake, "pandas", "scipy")
