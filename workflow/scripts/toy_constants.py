"""Say in which share of the settings of the toy's constants each check holds: CSV and Markdown."""

from feature_quality.artifacts.atomic import write_text
from feature_quality.job import job
from feature_quality.reporting.constants import shares, verdicts

with job(snakemake.log[0]):
    table = shares(verdicts(snakemake.input))
    write_text(snakemake.output.csv, table.to_csv(index=False, lineterminator="\n"))
    text = table.to_markdown(index=False, floatfmt="g")
    write_text(snakemake.output.md, f"{text}\n")
