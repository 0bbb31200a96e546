"""Where a run's files lie, and which run a file is of."""

import re
from typing import Any

from feature_quality.formatting import format_number

# Below each stage's folder.
RUN = "{dataset}/{method}/lr={lr}/rho={rho}/seed={seed}"

# A path that names no whole number as its seed is of no run.
_FILE = re.compile(
    RUN.format(
        **{name: f"(?P<{name}>[^/]+)" for name in ("dataset", "method", "lr", "rho")},
        seed=r"(?P<seed>\d+)",
    )
    + "/[^/]+$"
)


def run_path(dataset: str, method: str, lr: float, rho: float, seed: int) -> str:
    """Return where a run's files lie, with the one spelling of its numbers."""
    lr_text, rho_text = map(format_number, (lr, rho))
    return RUN.format(dataset=dataset, method=method, lr=lr_text, rho=rho_text, seed=seed)


def run_of(path: str) -> dict[str, Any]:
    """Return the dataset, method, lr, rho and seed of a run's file; nothing of any other file."""
    found = _FILE.search(path)
    if not found:
        return {}
    text = found.groupdict()
    return text | {"lr": float(text["lr"]), "rho": float(text["rho"]), "seed": int(text["seed"])}
