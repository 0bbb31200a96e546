"""Check the paper's claims: tidy CSV, and Markdown rendered from it."""

from feature_quality.artifacts.atomic import write_text
from feature_quality.artifacts.parquet import read_table, read_tables
from feature_quality.artifacts.prepared import read_description
from feature_quality.artifacts.runs import BOOTSTRAP, RUNS
from feature_quality.artifacts.selection import read_selection
from feature_quality.artifacts.sidecar import write_sidecar
from feature_quality.artifacts.toy import PERTURBATIONS, TOY_RUNS
from feature_quality.job import job
from feature_quality.reporting.claims import example_weights
from feature_quality.reporting.claims.page import to_markdown
from feature_quality.reporting.claims.probing import probing, transfer
from feature_quality.reporting.claims.toy import STUDIES, toy
from feature_quality.reporting.claims.verdict import not_run, tabulate
from feature_quality.reporting.weighted_points import WeightedPoints

SCHEMAS = {"appendix_d": PERTURBATIONS}

with job(snakemake.log[0]):
    files = snakemake.input
    runs = read_table(files.runs, RUNS)[0]
    bootstrap = read_table(files.bootstrap, BOOTSTRAP)[0]
    descriptions = [read_description(path) for path in files.examples]
    of_features = [each for each in descriptions if not each.target]
    of_domains = [each for each in descriptions if each.target]
    selections = {each["dataset"]: each for each in map(read_selection, files.selections)}
    studies = sorted({name for names in STUDIES.values() for name in names if files[name]})
    rows = [
        *probing(runs, of_features, selections, bootstrap),
        *transfer(runs, of_domains, selections, bootstrap),
        *toy(
            {name: read_tables(files[name], SCHEMAS.get(name, TOY_RUNS)) for name in studies},
            snakemake.params.toy_batch_size,
        ),
        *example_weights.absent(of_features, selections),
    ]
    # One file at a time: those of photographs are large.
    for path in [*files.points, *files.importance]:
        rows += example_weights.check(WeightedPoints.read(path))
    if not files.points:
        rows += not_run(example_weights.CHECKS)
    table = tabulate(rows)
    notes = dict.fromkeys(
        f"{each.title}: {note}"
        for each, note in zip(descriptions, snakemake.params.run_notes, strict=True)
    )
    write_text(snakemake.output.csv, table.to_csv(index=False, lineterminator="\n"))
    write_text(snakemake.output.md, to_markdown(table, [*notes, *snakemake.params.toy]))
    write_sidecar(snakemake, "pandas", "scipy")
