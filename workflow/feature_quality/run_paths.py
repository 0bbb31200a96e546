"""Where a run's files lie, and which run a file is of."""

import re
from typing import Any

# Below each stage's folder.
RUN = "{dataset}/{method}/lr={lr}/rho={rho}/seed={seed}"

_FOLDER = re.compile(re.sub(r"\\{(\w+)\\}", r"(?P<\1>[^/]+)", re.escape(RUN)) + "/[^/]+$")


def run_of(path: str) -> dict[str, Any]:
    """Return the dataset, method, lr, rho and seed of a run's file; nothing of any other file."""
    found = _FOLDER.search(path)
    if not found:
        return {}
    text = found.groupdict()
    return text | {"lr": float(text["lr"]), "rho": float(text["rho"]), "seed": int(text["seed"])}
