import re
from collections.abc import Callable
from typing import Any

import pandas as pd
import pytest

from feature_quality.artifacts.prepared import Description
from feature_quality.artifacts.runs import BOOTSTRAP, RUNS
from feature_quality.artifacts.selection import Candidate, Choice, Selection
from feature_quality.reporting.tables.rendering import TableDataset


@pytest.fixture(scope="session")
def rows_of() -> Callable[..., pd.DataFrame]:
    """Make one run's rows of ``runs.parquet``; a metric that is None was not measured."""

    def make(
        method: str,
        lr: float,
        rho: float,
        seed: int,
        *,
        test: float | None = None,
        shape: float | None = None,
        colour: float | None = None,
        val: tuple[float, float] = (0.25, 0.5),
        unconverged: int = 0,
        diverged: bool = False,
        selected: bool = False,
        dataset: str = "toy",
    ) -> pd.DataFrame:
        values = [
            ("train", "diverged", float(diverged)),
            ("train", "error", 0.75),
            ("train", "loss", 0.875),
            ("val", "error", val[0]),
            ("val", "loss", val[1]),
            ("test", "error", test),
            ("probe_test", "shape_probe_error", shape),
            ("probe_test", "colour_probe_error", colour),
        ]
        if shape is not None:
            values.append(("probe_test", "shape_probe_unconverged", float(unconverged)))
            values.append(("probe_test", "colour_probe_unconverged", 0.0))
        table = pd.DataFrame(values, columns=["split", "metric", "value"]).dropna()
        key = {"dataset": dataset, "method": method, "lr": lr, "rho": rho, "seed": seed}
        return table.assign(**key, selected=selected)[RUNS.names]

    return make


@pytest.fixture(scope="session")
def bootstrap_of() -> Callable[[pd.DataFrame], pd.DataFrame]:
    """Make bootstrap samples of runs: the error twice, but 0.1 more the second time unless SGD."""

    def make(runs: pd.DataFrame) -> pd.DataFrame:
        probed = runs[runs["metric"].str.endswith("_probe_error")]
        return probed.assign(
            feature=probed["metric"].str.removesuffix("_probe_error"),
            errors=[
                [value, value + 0.1 * (method != "sgd")]
                for method, value in zip(probed["method"], probed["value"], strict=True)
            ],
        )[BOOTSTRAP.names]

    return make


@pytest.fixture(scope="session")
def selection_of() -> Callable[..., Selection]:
    """Make a selection from settings (method, lr, rho), or with numbers of candidates and ties.

    ``failed`` are methods of which no run finished.
    """

    def choices_of(settings: Any) -> dict[str, Choice]:
        return {
            method: Choice(lr=lr, rho=rho, candidates=counts[0], tied=[[lr, rho]] * counts[1])
            for method, lr, rho, *given in settings
            for counts in [given or (3, 1)]
        }

    def make(*settings: Any, at_sgd: Any = (), failed: Any = (), dataset: str = "toy") -> Selection:
        lost: dict[str, Any] = {"val_error": None, "val_loss": None, "diverged": [], "finished": []}
        trained = [*settings, *((method, 0.1, 0.5) for method in failed), *at_sgd]
        return Selection(
            dataset=dataset,
            rule="the first that came",
            choices=choices_of(settings),
            at_sgd_lr=choices_of(at_sgd),
            candidates=[
                Candidate(method=method, lr=lr, rho=rho, **lost) for method, lr, rho, *_ in trained
            ],
        )

    return make


@pytest.fixture(scope="session")
def description_of() -> Callable[..., Description]:
    """Describe a dataset with the features shape and colour."""

    def make(dataset: str = "toy", **details: Any) -> Description:
        usual: dict[str, Any] = {
            "title": "Shapes in colours",
            "demonstration": False,
            "features": ("shape", "colour"),
            "classes": (("round", "square"), ("red", "blue")),
            "channel_mean": (0.5,),
            "channel_std": (1.0,),
        }
        return Description(dataset=dataset, **(usual | details))

    return make


@pytest.fixture(scope="session")
def dataset_of(description_of: Callable[..., Description]) -> Callable[..., TableDataset]:
    """Make a dataset of a table; its id is that of the selection."""

    def make(
        selection: Selection,
        *,
        provenance: str = "cited",
        differences: tuple[str, ...] = (),
        backbone: str = "resnet18 (ImageNet)",
        resolution: int = 224,
        reference: Any = (),
        **details: Any,
    ) -> TableDataset:
        description = description_of(selection["dataset"], **details)
        shown = (backbone, resolution, dict(reference))
        return TableDataset(description, selection, provenance, differences, *shown)

    return make


@pytest.fixture(scope="session")
def markdown_tables() -> Callable[[str], list[list[dict[str, str]]]]:
    """Read the pipe tables of a Markdown text back: a list of rows, by heading, for each table."""

    def read(text: str) -> list[list[dict[str, str]]]:
        tables = []
        for block in re.findall(r"(?:^\|.*\|$\n?)+", text, flags=re.MULTILINE):
            heading, rule, *lines = [
                [cell.strip() for cell in line.strip("|").split("|")]
                for line in block.strip().splitlines()
            ]
            assert all(set(cell) <= set(":-") for cell in rule)
            tables.append([dict(zip(heading, line, strict=True)) for line in lines])
        return tables

    return read
