"""The runs of the settings that were selected for SGD and for SAM, to be compared by seed."""

from dataclasses import dataclass

import pandas as pd

from feature_quality.artifacts.selection import Selection
from feature_quality.formatting import format_number
from feature_quality.reporting.selection import SAM, SGD
from feature_quality.reporting.table1 import finished, setting_runs


@dataclass(frozen=True)
class Selected:
    """The rows of ``runs.parquet`` of the setting chosen for each method on one dataset.

    Attributes:
        sgd, sam: the rows of each method.
        rho: SAM's radius.
        settings: the settings that are compared, in words.
    """

    sgd: pd.DataFrame
    sam: pd.DataFrame
    rho: float
    settings: str

    @classmethod
    def of(cls, runs: pd.DataFrame, selection: Selection) -> "Selected":
        """Find the runs of a selection that has both methods."""
        sgd, sam = selection["choices"][SGD], selection["choices"][SAM]
        return cls(
            setting_runs(runs, selection["dataset"], sgd["lr"], sgd["rho"]),
            setting_runs(runs, selection["dataset"], sam["lr"], sam["rho"]),
            sam["rho"],
            f"SGD at lr {format_number(sgd['lr'])}, SAM at lr {format_number(sam['lr'])}",
        )

    def difference(self, metric: str) -> pd.Series:
        """Return a metric's SAM − SGD by seed; NaN where a run diverged or was not measured."""
        return _by_seed(self.sam, metric) - _by_seed(self.sgd, metric)


def missing_methods(selection: Selection) -> str:
    """Say which method has no finished run; nothing if both have."""
    absent = [method for method in (SGD, SAM) if method not in selection["choices"]]
    return f"no run of {' or '.join(absent)} has finished" if absent else ""


def _by_seed(rows: pd.DataFrame, metric: str) -> pd.Series:
    kept = finished(rows)
    values = kept[kept["metric"] == metric].set_index("seed")["value"]
    return values.reindex(sorted(rows["seed"].unique()))
