import re
from pathlib import Path
from types import SimpleNamespace

from docutils.core import publish_parts
from jinja2 import Environment

from feature_quality.reporting.html import page

TABLE = "| ρ | Effect |\n|:--|:--|\n| 0.1 | **−0.2** |\n"


def test_a_table_keeps_its_cells_and_html_stays_text():
    cells = re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", page(TABLE))
    assert [re.sub("<[^>]+>", "", cell) for cell in cells] == ["ρ", "Effect", "0.1", "−0.2"]
    hostile = "<script>alert(1)</script>\n\n| a |\n|---|\n| <img src=x onerror=alert(1)> |\n"
    assert "<script>" not in page(hostile)
    assert "<img" not in page(hostile)
    assert "&lt;script&gt;" in page(hostile)


def test_nothing_of_the_claims_page_is_html_on_the_first_page_of_the_report(tmp_path: Path) -> None:
    """Rendered as Snakemake does it."""
    hostile = "<script>alert(1)</script>"
    lines = ["# Title", "", f"One sentence. {hostile}", "", f"| Claim {hostile} |", "|:--|"]
    lines += [
        "| 1. SAM |",
        "",
        f"{hostile}\x0c.. raw:: html",
        "",
        "## How",
        "",
        "## Claim 1: not here",
    ]
    (tmp_path / "claims.md").write_text("\n".join(lines))
    claims = SimpleNamespace(target="claims.html", path=tmp_path / "report" / "claims.html")
    template = Path(__file__).parents[2] / "workflow" / "report" / "summary.rst"
    environment = Environment(trim_blocks=True, lstrip_blocks=True)
    summary = environment.from_string(template.read_text()).render(files=[claims])
    shown = publish_parts(summary, writer="html")["html_body"]
    assert "<script" not in shown
    assert shown.count("&lt;script&gt;") == 3
    assert "<td>1. SAM</td>" in shown
    assert "not here" not in shown
