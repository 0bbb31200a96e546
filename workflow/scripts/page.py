"""Turn a Markdown page into HTML, which the report shows in place."""

from pathlib import Path

from feature_quality.artifacts.atomic import write_text
from feature_quality.job import job
from feature_quality.reporting.html import page

with job(snakemake.log[0]):
    text = Path(snakemake.input[0]).read_text(encoding="utf-8")
    write_text(snakemake.output[0], page(text))
