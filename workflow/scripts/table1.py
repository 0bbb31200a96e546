"""Make Table 1: tidy CSV, and Markdown and LaTeX rendered from it."""

from feature_quality.artifacts.atomic import write_text
from feature_quality.artifacts.parquet import read_table
from feature_quality.artifacts.prepared import read_description
from feature_quality.artifacts.runs import RUNS
from feature_quality.artifacts.selection import read_selection
from feature_quality.artifacts.sidecar import write_sidecar
from feature_quality.job import job
from feature_quality.reporting.rendering import notes, to_latex, to_markdown
from feature_quality.reporting.table1 import Subject, table1, unconverged

with job(snakemake.log[0]):
    runs = read_table(snakemake.input.runs, RUNS)[0]
    subjects = [
        Subject(read_description(path), **constants)
        for path, constants in zip(
            snakemake.input.examples, snakemake.params.constants, strict=True
        )
    ]
    selections = {
        selection["dataset"]: selection
        for selection in map(read_selection, snakemake.input.selections)
    }
    table = table1(runs, subjects, selections)
    remarks = {
        each.dataset: notes(
            each, selections[each.dataset], unconverged(runs, selections[each.dataset])
        )
        for each in subjects
    }
    write_text(snakemake.output.csv, table.to_csv(index=False, lineterminator="\n"))
    write_text(snakemake.output.md, to_markdown(table, subjects, remarks))
    write_text(snakemake.output.tex, to_latex(table, subjects, remarks))
    write_sidecar(snakemake, "pandas")
