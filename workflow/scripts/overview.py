"""Turn the overview of the claims into HTML, which the report begins with."""

from pathlib import Path

from feature_quality.artifacts.atomic import write_text
from feature_quality.job import job
from feature_quality.reporting.html import fragment

with job(snakemake.log[0]):
    overview, _, _ = Path(snakemake.input[0]).read_text(encoding="utf-8").partition("\n## Claim ")
    write_text(snakemake.output[0], fragment(overview))
