"""What figures and tables say of themselves: each is a module, which is read but not imported.

The rules need this whenever Snakemake starts, and importing matplotlib takes seconds.
"""

import ast
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from feature_quality.errors import InputError

REPORTING = Path(__file__).parent

# What a figure may be drawn from: tables of the toy, or files of a dataset on which a method is
# compared with SGD. Each name stands for a list of files.
INPUTS = {
    "toy": "complexity shown contours points epochs interventions noise batch_size appendix_d "
    "constants",
    "dataset": "examples runs histories importance embeddings tests",
}
# Which datasets a table may be of: those of two features, target domains, or both.
DATASETS = ("features", "domains", "all")


@dataclass(frozen=True)
class FigureSpec:
    """A figure: the names of what it is drawn from, of the toy or of a dataset, and its caption."""

    inputs: Mapping[str, Sequence[str]]
    caption: str


@dataclass(frozen=True)
class TableSpec:
    """A table: which datasets it is of, and its caption."""

    datasets: str
    caption: str


def figures(folder: Path = REPORTING / "figures") -> dict[str, FigureSpec]:
    """Return all figures by their ids: every module that has ``INPUTS`` is one.

    Raises:
        InputError: what a module says of itself is not what it should be.
    """
    found = _modules(folder, "INPUTS", FigureSpec)
    for name, spec in found.items():
        if any(
            not {*names} <= {*INPUTS.get(kind, "").split()} for kind, names in spec.inputs.items()
        ):
            raise InputError(f"{folder / name}.py: INPUTS should have names of {INPUTS}")
    return found


def tables(folder: Path = REPORTING / "tables") -> dict[str, TableSpec]:
    """Return all tables by their ids: every module that has ``DATASETS`` is one; else the same."""
    found = _modules(folder, "DATASETS", TableSpec)
    for name, spec in found.items():
        if spec.datasets not in DATASETS:
            raise InputError(f"{folder / name}.py: DATASETS should be one of {', '.join(DATASETS)}")
    return found


def _modules(folder: Path, constant: str, kind: Callable[..., Any]) -> dict[str, Any]:
    said = {path.stem: literals(path, constant, "CAPTION") for path in sorted(folder.glob("*.py"))}
    return {name: kind(*values) for name, values in said.items() if values}


def literals(path: Path, *names: str) -> list[Any]:
    """Return the values of some constants of a module; none if it lacks the first.

    Raises:
        InputError: it lacks another, or one of them is no literal.
    """
    values = {
        target.id: node.value
        for node in ast.parse(path.read_text(encoding="utf-8")).body
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    try:
        return [ast.literal_eval(values[name]) for name in names] if names[0] in values else []
    except (KeyError, ValueError) as error:
        raise InputError(f"{path}: {', '.join(names)} should be there as literals") from error


CLAIMS_CAPTION: str = literals(REPORTING / "claims" / "page.py", "CAPTION")[0]
