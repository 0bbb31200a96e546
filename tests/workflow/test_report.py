"""The report opens in a browser, without a network, as a reader would open it."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from .conftest import Tree

pytestmark = pytest.mark.slow

BROWSER = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), ""
)


@pytest.fixture(scope="module")
def report(finished_once: Tree) -> Path:
    finished_once.run("--report", "results/report.html")
    return finished_once.path / "results" / "report.html"


def opened(report: Path, tmp_path: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Open the report in a browser that reaches nothing else, and return what it said."""
    command = [BROWSER, "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]
    command += [f"--user-data-dir={tmp_path / 'profile'}", "--virtual-time-budget=60000"]
    # Every name leads to a port where nobody answers.
    command += ["--host-resolver-rules=MAP * 127.0.0.1:9", "--enable-logging=stderr", *arguments]
    return subprocess.run([*command, report.as_uri()], capture_output=True, text=True, timeout=300)


def test_it_needs_no_other_file_and_no_network(report: Path) -> None:
    text = report.read_text(encoding="utf-8")
    loaded = re.findall(
        r"<(?:script|link|img|iframe)[^>]*(?:src|href)=[\"'](?!data:|#)([^\"']+)", text
    )
    assert loaded == []


# Tailwind, which Snakemake's report carries, advises its author of another way to ship it.
ADVICE = "should not be used in production"
COUNT_PICTURES = """<script>
let loaded = 0;
for (const {data_uri} of Object.values(results)) {
    if (data_uri && data_uri.startsWith("data:image/png")) {
        const picture = document.body.appendChild(new Image());
        picture.onload = () => { loaded += 1; document.title = `${loaded} pictures`; };
        picture.src = data_uri;
    }
}
</script></body>"""


@pytest.mark.skipif(
    not BROWSER, reason="no Chromium is installed here, in which to open the report"
)
def test_a_browser_shows_the_summary_and_every_picture(report: Path, tmp_path: Path) -> None:
    counting = tmp_path / "report.html"
    before, end, after = report.read_text(encoding="utf-8").rpartition("</body>")
    assert end
    counting.write_text(before + COUNT_PICTURES + after, encoding="utf-8")
    shown = opened(counting, tmp_path, "--dump-dom")
    assert shown.returncode == 0, shown.stderr
    said = [line for line in shown.stderr.splitlines() if "CONSOLE" in line and ADVICE not in line]
    assert said == []
    page = shown.stdout
    assert "SAM and feature quality" in page
    for claim in range(1, 12):
        assert f">{claim}. " in page
    assert "DEMONSTRATION" in page
    figures = list((report.parent / "figures").glob("*.png"))
    assert f"<title>{len(figures)} pictures</title>" in page


def test_every_result_is_in_it_with_its_caption(report: Path) -> None:
    text = report.read_text(encoding="utf-8")
    for figure in (report.parent / "figures").glob("*.png"):
        assert f'"results/figures/{figure.name}"' in text
    for page in ("claims", "tables/table1", "tables/table2", "tables/grid"):
        assert f'"results/report/{page}.html"' in text
    # A caption, and what is said of the runs.
    assert "Lorenz curves of the weights of" in text
    assert "Not the documented settings" in text


def test_a_page_that_is_not_made_of_its_markdown_is_refused(finished: Tree) -> None:
    page = finished.path / "results" / "report" / "tables" / "table1.html"
    page.write_text(page.read_text() + "<script>alert(1)</script>")
    said = finished.refuse("--report", "results/report.html")
    assert "table1.html: is not what this workflow makes of results/tables/table1.md" in said
