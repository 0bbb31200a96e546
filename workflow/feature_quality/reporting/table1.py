"""Table 1: test error and probing errors of SGD and SAM, mean and deviation over seeds."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from feature_quality.artifacts.prepared import Description
from feature_quality.artifacts.selection import Selection
from feature_quality.reporting.selection import SGD

COLUMNS = [
    *("dataset", "method", "metric", "feature", "mean", "std", "n_seeds"),
    *("lr", "rho", "diverged", "demonstration", "provenance"),
]


@dataclass(frozen=True)
class Subject:
    """A dataset of Table 1.

    Attributes:
        description: what the prepared dataset says of itself.
        provenance: the weakest provenance among the constants that its results rest on.
        departures: sentences that name the settings which differ from the documented ones.
    """

    description: Description
    provenance: str
    departures: tuple[str, ...]

    @property
    def dataset(self) -> str:
        """The dataset's id."""
        return self.description.dataset


def summarise(values: pd.Series) -> dict[str, Any]:
    """Return mean, sample standard deviation (ddof 1; none for one seed) and number of seeds."""
    deviation = values.std(ddof=1) if len(values) > 1 else None
    return {"mean": values.mean(), "std": deviation, "n_seeds": len(values)}


def setting_runs(runs: pd.DataFrame, dataset: str, lr: float, rho: float) -> pd.DataFrame:
    """Return the rows of one setting, all seeds."""
    return runs[(runs["dataset"] == dataset) & (runs["lr"] == lr) & (runs["rho"] == rho)]


def finished(rows: pd.DataFrame) -> pd.DataFrame:
    """Leave out the rows of runs that diverged."""
    diverged = rows[(rows["metric"] == "diverged") & (rows["value"] == 1)]
    return rows[~rows["seed"].isin(diverged["seed"])]


def count_diverged(rows: pd.DataFrame) -> int:
    """Return how many runs of a setting diverged."""
    return int(rows.loc[rows["metric"] == "diverged", "value"].sum())


def easy_and_hard(rows: pd.DataFrame, features: Sequence[str]) -> tuple[str, str]:
    """Return (easy, hard): the easy feature has the lower mean probing error in SGD's ``rows``.

    On a tie the first feature is the easy one.
    """
    errors = {
        feature: rows.loc[rows["metric"] == f"{feature}_probe_error", "value"].mean()
        for feature in features
    }
    easy, hard = sorted(features, key=errors.__getitem__)
    return easy, hard


def table1(
    runs: pd.DataFrame, subjects: Sequence[Subject], selections: dict[str, Selection]
) -> pd.DataFrame:
    """Return Table 1 as tidy rows, the columns of ``COLUMNS``; errors are fractions.

    A dataset is absent when SGD has no finished run on it, for then no feature is easy or hard.
    """
    table = []
    for subject in subjects:
        choices = selections[subject.dataset]["choices"]
        if SGD not in choices:
            continue
        sgd = setting_runs(runs, subject.dataset, choices[SGD]["lr"], 0.0)
        easy, hard = easy_and_hard(finished(sgd), subject.description.features)
        for method, choice in choices.items():
            rows = setting_runs(runs, subject.dataset, choice["lr"], choice["rho"])
            for metric, feature, name, split in (
                ("test_error", "", "error", "test"),
                ("easy_probe_error", easy, f"{easy}_probe_error", "probe_test"),
                ("hard_probe_error", hard, f"{hard}_probe_error", "probe_test"),
            ):
                of_metric = (rows["metric"] == name) & (rows["split"] == split)
                table.append(
                    {
                        "dataset": subject.dataset,
                        "method": method,
                        "metric": metric,
                        "feature": feature,
                        **summarise(finished(rows).loc[of_metric, "value"]),
                        "lr": choice["lr"],
                        "rho": choice["rho"],
                        "diverged": count_diverged(rows),
                        "demonstration": subject.description.demonstration,
                        "provenance": subject.provenance,
                    }
                )
    return pd.DataFrame(table, columns=COLUMNS)


def unconverged(
    runs: pd.DataFrame, selection: Selection, methods: Sequence[str] | None = None
) -> int:
    """Return how many probe fits of the chosen settings' runs did not converge.

    Args:
        methods: those whose settings count; all by default.
    """
    count = runs[runs["metric"].str.endswith("_probe_unconverged")]
    settings = {
        (choice["lr"], choice["rho"])
        for method, choice in selection["choices"].items()
        if methods is None or method in methods
    }
    return sum(
        int(setting_runs(count, selection["dataset"], lr, rho)["value"].sum())
        for lr, rho in settings
    )
