"""Make the table of the whole sweep."""

from feature_quality.artifacts.atomic import write_text
from feature_quality.artifacts.parquet import read_table
from feature_quality.artifacts.prepared import read_description
from feature_quality.artifacts.runs import RUNS
from feature_quality.artifacts.sidecar import write_sidecar
from feature_quality.job import job
from feature_quality.reporting.grid import grid, to_markdown

with job(snakemake.log[0]):
    descriptions = [read_description(path) for path in snakemake.input.examples]
    table = grid(read_table(snakemake.input.runs, RUNS)[0], descriptions)
    write_text(snakemake.output.csv, table.to_csv(index=False, lineterminator="\n"))
    write_text(snakemake.output.md, to_markdown(table, descriptions))
    write_sidecar(snakemake, "pandas")
