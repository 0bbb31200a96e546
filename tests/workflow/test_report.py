"""The report opens in a browser, without a network, as a reader would open it."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from .conftest import Tree

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
    command += [f"--user-data-dir={tmp_path / 'profile'}", "--virtual-time-budget=20000"]
    # Every name leads to a port where nobody answers.
    command += ["--host-resolver-rules=MAP * 127.0.0.1:9", "--enable-logging=stderr", *arguments]
    return subprocess.run([*command, report.as_uri()], capture_output=True, text=True, timeout=300)


def test_it_needs_no_other_file_and_no_network(report: Path) -> None:
    text = report.read_text(encoding="utf-8")
    loaded = re.findall(
        r"<(?:script|link|img|iframe)[^>]*(?:src|href)=[\"'](?!data:|#)([^\"']+)", text
    )
    assert loaded == []


@pytest.mark.skipif(
    not BROWSER, reason="no Chromium is installed here, in which to open the report"
)
def test_a_browser_shows_the_summary(report: Path, tmp_path: Path) -> None:
    shown = opened(report, tmp_path, "--dump-dom")
    assert shown.returncode == 0, shown.stderr
    errors = [line for line in shown.stderr.splitlines() if "CONSOLE" in line]
    assert errors == []
    page = shown.stdout
    assert "SAM and feature quality" in page
    for claim in range(1, 12):
        assert f"<td>{claim}. " in page
    assert "DEMONSTRATION" in page
