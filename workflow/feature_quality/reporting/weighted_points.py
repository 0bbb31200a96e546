"""Training points and their weights, under SGD and under the method that is compared with it."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from feature_quality.artifacts.features import IMPORTANCE
from feature_quality.artifacts.parquet import read_table
from feature_quality.formatting import format_number
from feature_quality.methods import BASELINE, METHODS, Method
from feature_quality.reporting.toy_runs import TOY_METHODS, method_of

# A median of fewer points says little.
FEWEST = 5


@dataclass(frozen=True)
class WeightedPoints:
    """The training points of several runs, at several checkpoints.

    Attributes:
        points: the columns of ``IMPORTANCE``, and in ``method`` the name of the method by which the
            network was trained. A run that diverged is not there, or has NaN.
        compared: the method whose phantom parameters give λ̃.
        rho: its ρ.
        about: the description of the file.
    """

    points: pd.DataFrame
    compared: Method
    rho: float
    about: Mapping[str, Any]

    @classmethod
    def read(cls, path: str | Path) -> "WeightedPoints":
        """Read the toy's points, or those that were collected of a dataset."""
        return cls.of(*read_table(path, IMPORTANCE, subset=True))

    @classmethod
    def of(cls, points: pd.DataFrame, about: Mapping[str, Any]) -> "WeightedPoints":
        """Take the points of a file and its description; the toy's names no dataset."""
        if "dataset" not in about:
            method = method_of(points["rho"])
            return cls(points.assign(method=method), TOY_METHODS[1], about["rho"], about)
        method = points["rho"].map({run["rho"]: run["method"] for run in about["runs"]})
        compared = METHODS[about["compared"]]
        return cls(points.assign(method=method), compared, about["phantom_rho"], about)

    @property
    def of_toy(self) -> bool:
        """Whether the points are the toy's."""
        return "dataset" not in self.about

    @property
    def told_apart(self) -> bool:
        """Whether it is known which feature is the easy one."""
        return self.of_toy or self.about["told_apart"]

    @property
    def methods(self) -> tuple[Method, Method]:
        """Those by which the networks were trained."""
        return BASELINE, self.compared

    @property
    def epochs(self) -> list[int]:
        """All checkpoints."""
        return sorted(self.points["epoch"].unique())

    def rate(self, method: Method) -> str:
        """Return the learning rate of a method's runs on a dataset."""
        return format_number(
            next(run["lr"] for run in self.about["runs"] if run["method"] == method.name)
        )
