"""Markdown as HTML, for the report."""

from markdown_it import MarkdownIt

STYLE = """body, table { font: 15px/1.45 system-ui, sans-serif; color: #222; }
table { border-collapse: collapse; margin: 0.8em 0; }
th, td { padding: 0.15em 0.7em; text-align: left; vertical-align: top; }
td:first-child { min-width: 8em; }
th { border-bottom: 1.5px solid #555; }
td { border-bottom: 1px solid #ddd; }
"""


def page(markdown: str) -> str:
    """Return a page on its own; HTML in ``markdown`` stays text."""
    head = f'<meta charset="utf-8">\n<style>\n{STYLE}</style>'
    body = MarkdownIt("commonmark", {"html": False}).enable("table").render(markdown)
    return f"<!DOCTYPE html>\n<html>\n<head>\n{head}\n</head>\n<body>\n{body}</body>\n</html>\n"
