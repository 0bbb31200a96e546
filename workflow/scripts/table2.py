"""Make Table 2: tidy CSV, and Markdown and LaTeX rendered from it."""

from feature_quality.artifacts.atomic import write_text
from feature_quality.artifacts.parquet import read_table
from feature_quality.artifacts.prepared import read_description
from feature_quality.artifacts.runs import RUNS
from feature_quality.artifacts.selection import read_selection
from feature_quality.artifacts.sidecar import write_sidecar
from feature_quality.job import job
from feature_quality.reporting.rendering2 import notes, to_latex, to_markdown
from feature_quality.reporting.selection import SAM, SGD
from feature_quality.reporting.table1 import Subject, unconverged
from feature_quality.reporting.table2 import Transfer, divergences, table2

with job(snakemake.log[0]):
    runs = read_table(snakemake.input.runs, RUNS)[0]
    descriptions = [read_description(path) for path in snakemake.input.examples]
    transfers = [
        Transfer(Subject(description, **constants), **network)
        for description, constants, network in zip(
            descriptions, snakemake.params.constants, snakemake.params.networks, strict=True
        )
    ]
    selections = {
        selection["dataset"]: selection
        for selection in map(read_selection, snakemake.input.selections)
    }
    table = table2(runs, transfers, selections)
    families: dict[str, list[Transfer]] = {}
    for transfer in transfers:
        families.setdefault(transfer.subject.description.title, []).append(transfer)
    remarks = {}
    for title, members in families.items():
        chosen = [selections[each.subject.dataset] for each in members]
        failed = sum(unconverged(runs, selection, (SGD, SAM)) for selection in chosen)
        diverged = [line for each in members for line in divergences(runs, each, selections)]
        remarks[title] = notes(table[table["dataset"] == title], members, diverged, failed)
    write_text(snakemake.output.csv, table.to_csv(index=False, lineterminator="\n"))
    write_text(snakemake.output.md, to_markdown(table, remarks))
    write_text(snakemake.output.tex, to_latex(table, remarks))
    write_sidecar(snakemake, "pandas")
