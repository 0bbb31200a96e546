"""The configuration's JSON schema and its page in the documentation, both made from the settings.

``python -m feature_quality.config.reference`` writes them anew.
"""

import json
from pathlib import Path

from pydantic import BaseModel

from feature_quality.artifacts.atomic import write_text
from feature_quality.config.provenance import Provenance
from feature_quality.config.section import section_of
from feature_quality.config.settings import Settings

ROOT = Path(__file__).parents[3]
SCHEMA = ROOT / "workflow" / "schemas" / "config.schema.json"
PAGE = ROOT / "docs" / "configuration.md"

INTRODUCTION = """# Configuration

`config.yaml` is read first. A file named with `--configfile` is merged into it key by key (lists
are replaced), and `--config key=value` goes on top. Either way, the result is checked before any
job starts, and every fault is named at once. Threads, memory, GPUs and executors are no part of it:
they belong in a profile.

This page and `workflow/schemas/config.schema.json`, which editors understand, are made from the
settings in `workflow/feature_quality/config/` by `make reference`.

Each constant says where its documented value comes from:
"""


def schema() -> str:
    """Return the JSON schema of ``config.yaml``."""
    return json.dumps(Settings.model_json_schema(), indent=2, ensure_ascii=False) + "\n"


def page() -> str:
    """Return the page that explains every key."""
    meanings = "\n".join(f"- *{each.value}*: {each.meaning};" for each in Provenance)
    return "\n".join([INTRODUCTION, meanings.removesuffix(";") + ".", "", *_section("", Settings)])


def _section(prefix: str, section: type[BaseModel]) -> list[str]:
    """Return a table of a section's own keys, then the sections below it."""
    title = f"## `{prefix}`" if prefix else "## Top level"
    summary = (section.__doc__ or "").strip().splitlines()[0]
    lines = [title, "", summary, ""]
    rows, below = [], []
    for name, field in section.model_fields.items():
        key = f"{prefix}.{name}" if prefix else name
        if subsection := section_of(field.annotation):
            below += _section(key, subsection)
        if field.annotation is subsection:
            continue
        extra = field.json_schema_extra if isinstance(field.json_schema_extra, dict) else {}
        origin = f"{extra['provenance']}: {extra['source']}" if extra else ""
        default = "" if field.is_required() else f"`{json.dumps(field.default)}`"
        rows.append(f"| `{name}` | {default} | {origin} | {field.description} |")
    if rows:
        lines += ["| key | default | provenance | meaning |", "|---|---|---|---|", *rows, ""]
    return [*lines, *below]


if __name__ == "__main__":
    write_text(SCHEMA, schema())
    write_text(PAGE, page())
