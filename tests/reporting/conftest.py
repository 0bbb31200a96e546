import re
from collections.abc import Callable
from typing import Any

import pandas as pd
import pytest

from feature_quality.artifacts.prepared import Description
from feature_quality.reporting.table1 import Subject
from feature_quality.reporting.table2 import Transfer


@pytest.fixture(scope="session")
def rows_of() -> Callable[..., pd.DataFrame]:
    """Make one run's rows of ``runs.parquet``; a metric that is None was not measured."""

    def make(
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
        key = {"dataset": dataset, "lr": lr, "rho": rho, "seed": seed}
        columns = ["dataset", "lr", "rho", "seed", "split", "metric", "value", "selected"]
        return table.assign(**key, selected=selected)[columns]

    return make


@pytest.fixture(scope="session")
def selection_of() -> Callable[..., dict[str, Any]]:
    """Make a selection from method → (lr, rho) or (lr, rho, candidates, tied)."""

    def make(dataset: str = "toy", **choices: tuple[float, ...]) -> dict[str, Any]:
        names = {"SGD": "SGD", "SAM": "SAM", "at_sgd": "SAM at SGD's lr"}
        chosen = {}
        for method, (lr, rho, *counts) in choices.items():
            candidates, tied = counts or (3, 1)
            chosen[names[method]] = {
                "lr": lr,
                "rho": rho,
                "candidates": candidates,
                "tied": tied,
            }
        return {
            "dataset": dataset,
            "rule": "the first that came",
            "choices": chosen,
            "candidates": [],
        }

    return make


@pytest.fixture(scope="session")
def subject_of() -> Callable[..., Subject]:
    """Make a dataset with the features shape and colour."""

    def make(
        dataset: str = "toy",
        *,
        title: str = "Shapes in colours",
        demonstration: bool = False,
        features: tuple[str, str] = ("shape", "colour"),
        provenance: str = "cited",
        departures: tuple[str, ...] = (),
        group_weights: tuple[float, ...] | None = None,
        target: str = "",
    ) -> Subject:
        description = Description(
            dataset=dataset,
            title=title,
            demonstration=demonstration,
            features=features,
            classes=(("round", "square"), ("red", "blue")),
            channel_mean=(0.5,),
            channel_std=(1.0,),
            group_weights=group_weights,
            target=target,
        )
        return Subject(description, provenance, departures)

    return make


@pytest.fixture(scope="session")
def transfer_of(subject_of: Callable[..., Subject]) -> Callable[..., Transfer]:
    """Make a target domain of PACS, where shape is the class."""

    def make(
        target: str,
        *,
        title: str = "PACS",
        backbone: str = "resnet18 (ImageNet)",
        resolution: int = 224,
        **details: Any,
    ) -> Transfer:
        subject = subject_of(f"pacs_{target}", title=title, target=target, **details)
        return Transfer(subject, backbone, resolution)

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
