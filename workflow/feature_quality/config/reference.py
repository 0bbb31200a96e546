"""The configuration's JSON schema and its page in the documentation, both made from the settings.

``python -m feature_quality.config.reference`` writes them anew.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema

from feature_quality.artifacts.atomic import write_text
from feature_quality.config.domains import DomainImages
from feature_quality.config.grid import GridSettings
from feature_quality.config.section import is_by_name, section_of
from feature_quality.config.settings import Settings
from feature_quality.config.training import Crop, TrainingSettings
from feature_quality.data.datasets import SPECS
from feature_quality.data.own import SPEC as OWN
from feature_quality.data.spec import Defaults
from feature_quality.provenance import Provenance

ROOT = Path(__file__).parents[3]
SCHEMA = ROOT / "workflow" / "schemas" / "config.schema.json"
# Of the lines of the schema; descriptions are longer.
WIDTH = 160
PAGE = ROOT / "docs" / "configuration.md"

INTRODUCTION = """# Configuration

`config.yaml` is read first. A file named with `--configfile` is merged into it key by key (lists
are replaced), and `--config key=value` goes on top. A key that the file leaves out keeps the value
of `config.yaml`: a file without `toy` runs the small toy of the demonstration. Either way, the
result is checked before any job starts, and every fault is named at once. Threads, memory, GPUs and
executors are no part of it: they belong in a profile.

The tables have the *documented* value of each key; tables and figures name each setting that
differs from it. `config.yaml` itself has fewer datasets and a smaller toy, and `paper.yaml` writes
the documented toy out again and adds the study `constants`.

This page and `workflow/schemas/config.schema.json`, which editors understand, are made from the
settings in `workflow/feature_quality/config/` by `make reference`.

Each constant says where its documented value comes from:
"""


DEFAULTS = """## Defaults by dataset

Each dataset documents its own in its module in `workflow/feature_quality/data/`.
"""


class _Untitled(GenerateJsonSchema):
    """A schema in which keys have no titles, which only repeat their names."""

    def field_title_should_be_set(self, schema: Any) -> bool:  # noqa: ARG002
        return False


def schema() -> str:
    """Return the JSON schema of ``config.yaml``."""
    content = Settings.model_json_schema(schema_generator=_Untitled)
    # Datasets give defaults for their keys, which a configuration may leave out.
    for section in (GridSettings, TrainingSettings, Crop, DomainImages):
        del content["$defs"][section.__name__]["required"]
    # Where defaults come from is on the page.
    for section in (content, *content["$defs"].values()):
        for key in section["properties"].values():
            key.pop("provenance", None)
            key.pop("source", None)
    return _json(content) + "\n"


def _json(value: Any, indent: int = 0) -> str:
    """Return JSON in which every object and list that fits is one line."""
    line = json.dumps(value, ensure_ascii=False)
    if not isinstance(value, dict | list) or len(line) + indent <= WIDTH:
        return line
    inner = " " * (indent + 2)
    if isinstance(value, dict):
        items = [
            f"{inner}{json.dumps(name)}: {_json(each, indent + 2)}" for name, each in value.items()
        ]
    else:
        items = [f"{inner}{_json(each, indent + 2)}" for each in value]
    return "\n".join([line[0], ",\n".join(items), " " * indent + line[-1]])


def page() -> str:
    """Return the page that explains every key."""
    meanings = "\n".join(f"- *{each.value}*: {each.meaning};" for each in Provenance)
    keys = _section("", Settings)
    return "\n".join(
        [INTRODUCTION, meanings.removesuffix(";") + ".", "", *keys, DEFAULTS, *_datasets()]
    )


def _section(prefix: str, section: type[BaseModel]) -> list[str]:
    """Return a table of a section's own keys, then the sections below it."""
    title = f"## `{prefix}`" if prefix else "## Top level"
    summary = (section.__doc__ or "").strip().splitlines()[0]
    lines = [title, "", summary, ""]
    rows, below = [], []
    for name, field in section.model_fields.items():
        key = f"{prefix}.{name}" if prefix else name
        by_name = is_by_name(field.annotation)
        if subsection := section_of(field.annotation):
            below += _section(f"{key}.<dataset>" if by_name else key, subsection)
        if field.annotation is subsection:
            continue
        extra = field.json_schema_extra if isinstance(field.json_schema_extra, dict) else {}
        origin = f"{extra['provenance']}: {extra['source']}" if extra else ""
        given_by_dataset = field.is_required() or field.default_factory
        default = "" if given_by_dataset else f"`{json.dumps(field.default)}`"
        rows.append(f"| `{name}` | {default} | {origin} | {field.description} |")
    if rows:
        lines += ["| key | documented | provenance | meaning |", "|---|---|---|---|", *rows, ""]
    return [*lines, *below]


def _datasets() -> list[str]:
    """Return a table for each description: the documented defaults of its sections."""
    lines = []
    for name, spec in {**SPECS, "<own id>": OWN}.items():
        lines += [
            f"### `{name}`: {spec.title}",
            "",
            "| key | documented | provenance |",
            "|---|---|---|",
        ]
        sections = {f"grid.{name}": spec.grid, f"training.{name}": spec.training}
        sections |= {f"domains.{name}": spec.images}
        if spec.per_group:
            sections["probe.per_group"] = {name: spec.per_group}
        for prefix, defaults in sections.items():
            lines += _defaults(prefix, defaults)
        lines.append("")
    return lines


def _defaults(prefix: str, defaults: Defaults) -> list[str]:
    rows = []
    for name, default in defaults.items():
        key = f"{prefix}.{name}"
        if isinstance(default, Mapping):
            rows += _defaults(key, default)
        else:
            origin = f"{default.provenance.value}: {default.source}"
            rows.append(f"| `{key}` | `{json.dumps(default.value)}` | {origin} |")
    return rows


if __name__ == "__main__":
    write_text(SCHEMA, schema())
    write_text(PAGE, page())
