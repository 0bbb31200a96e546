"""Check the paper's claims: tidy CSV, and Markdown rendered from it."""

from feature_quality.artifacts.atomic import write_text
from feature_quality.artifacts.parquet import read_table, read_tables
from feature_quality.artifacts.prepared import read_description
from feature_quality.artifacts.runs import RUNS
from feature_quality.artifacts.selection import read_selection
from feature_quality.artifacts.sidecar import write_sidecar
from feature_quality.artifacts.toy import TOY_RUNS
from feature_quality.job import job
from feature_quality.reporting.claims.batch_size import batch_size
from feature_quality.reporting.claims.complexity import complexity
from feature_quality.reporting.claims.example_weights import (
    CHECKS,
    example_weights,
    without_weights,
)
from feature_quality.reporting.claims.interventions import interventions
from feature_quality.reporting.claims.noise import noise
from feature_quality.reporting.claims.page import to_markdown
from feature_quality.reporting.claims.probing import probing, transfer
from feature_quality.reporting.claims.verdict import not_run, tabulate
from feature_quality.reporting.weighted_points import WeightedPoints

with job(snakemake.log[0]):
    files = snakemake.input
    runs = read_table(files.runs, RUNS)[0]
    descriptions = [read_description(path) for path in files.examples]
    of_features = [each for each in descriptions if not each.target]
    of_domains = [each for each in descriptions if each.target]
    selections = {each["dataset"]: each for each in map(read_selection, files.selections)}
    studies = {
        study: read_tables(files[study], TOY_RUNS) if files[study] else None
        for study in ("complexity", "interventions", "noise", "batch_size")
    }
    rows = [
        *probing(runs, of_features, selections),
        *transfer(runs, of_domains, selections),
        *complexity(studies["complexity"]),
        *interventions(studies["interventions"], studies["complexity"]),
        *noise(studies["noise"]),
        *batch_size(studies["batch_size"]),
        *without_weights(of_features, selections),
    ]
    # One file at a time: those of photographs are large.
    points = [files.points] if isinstance(files.points, str) else files.points
    for path in [*points, *files.importance]:
        rows += example_weights(WeightedPoints.read(path))
    if not points:
        rows += not_run(CHECKS)
    table = tabulate(rows)
    notes = dict.fromkeys(
        f"{each.title}: {note}"
        for each, note in zip(descriptions, snakemake.params.run_notes, strict=True)
    )
    write_text(snakemake.output.csv, table.to_csv(index=False, lineterminator="\n"))
    write_text(snakemake.output.md, to_markdown(table, [*notes, *snakemake.params.toy]))
    write_sidecar(snakemake, "pandas", "scipy")
