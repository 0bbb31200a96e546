from html.parser import HTMLParser

import pytest

from feature_quality.reporting.html import fragment, page

TABLE = "| ρ | Effect |\n|:--|:--|\n| 0.1 | **−0.2** |\n"


class Cells(HTMLParser):
    """The text of each cell."""

    def __init__(self) -> None:
        super().__init__()
        self.cells: list[str] = []
        self.inside = False

    def handle_starttag(self, tag, attrs):
        if tag in ("th", "td"):
            self.inside = True
            self.cells.append("")

    def handle_endtag(self, tag):
        self.inside = self.inside and tag not in ("th", "td")

    def handle_data(self, data):
        if self.inside:
            self.cells[-1] += data


@pytest.mark.parametrize("render", [fragment, page])
def test_a_table_keeps_its_cells_and_html_stays_text(render):
    parser = Cells()
    parser.feed(render(TABLE))
    assert parser.cells == ["ρ", "Effect", "0.1", "−0.2"]
    hostile = "<script>alert(1)</script>\n\n| a |\n|---|\n| <img src=x onerror=alert(1)> |\n"
    assert "<script>" not in render(hostile)
    assert "<img" not in render(hostile)
    assert "&lt;script&gt;" in render(hostile)
    # A fragment has no style of its own.
    assert ("<style>" in render(TABLE)) == (render is page)
    assert render(TABLE).startswith("<!DOCTYPE html>") == (render is page)
