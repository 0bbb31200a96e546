"""The configuration of the last run in a folder, so that another one there is noticed."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from feature_quality.artifacts.atomic import write_text

# Keys that choose among runs, or what is done with them. Another value of any other key trains
# again what it concerns, in the same place.
KEEPS_RUNS = {"datasets", "methods", "seeds", "grid", "probe", "probe_runs", "reference"}
# Keys with a section for each dataset, or family of datasets, that they concern.
OF_DATASETS = {"own", "domains", "training"}


def notice_change(record: Path, files: Sequence[str], config: Mapping[str, Any]) -> str:
    """Record a run's configuration; return what to say if that of the last run was another one.

    Args:
        record: where the last run's is kept; a record that cannot be read says nothing.
        files: the configuration files of this run.
        config: what they say together.
    """
    now = json.loads(json.dumps({"files": list(files), "config": config}, default=str))
    try:
        last = json.loads(record.read_text(encoding="utf-8"))
        then, was_of = dict(last["config"]), ", ".join(last["files"])
    except (OSError, ValueError, KeyError, TypeError):
        then, was_of = now["config"], ""
    write_text(record, json.dumps(now, indent=2) + "\n")
    keys = {*then, *now["config"]}
    changed = sorted(key for key in keys if then.get(key) != now["config"].get(key))
    if not changed:
        return ""
    replacing = [key for key in changed if _replaces(key, then, now["config"])]
    if not replacing:
        replaced = (
            "those of the last run come back with its configuration, without training again. To "
            "have both at a time, copy results/tables, results/figures and results/claims.* first, "
            "or use --directory."
        )
    else:
        replaced = (
            f"so is what {', '.join(replacing)} is a setting of, such as runs or parts of the toy: "
            "it replaces what the last run trained. To keep both, use --directory."
        )
    return (
        f"This configuration ({', '.join(files)}) is not that of the last run here ({was_of}). "
        f"They differ in: {', '.join(changed)}. Tables, claims and figures are made anew for it; "
        f"{replaced}"
    )


def _replaces(key: str, then: Mapping[str, Any], now: Mapping[str, Any]) -> bool:
    """Say whether a key that differs trains again what the last run trained."""
    before, after = (config.get(key) or {} for config in (then, now))
    if key == "toy":
        # Other studies replace none.
        return {**before, "studies": None} != {**after, "studies": None}
    if key in OF_DATASETS and "datasets" in then:
        names = [name for name in {*before, *after} if before.get(name) != after.get(name)]
        return any(f"{each}_".startswith(f"{name}_") for each in then["datasets"] for name in names)
    return key not in KEEPS_RUNS
