"""What the rows of ``runs.parquet`` come to: the runs of a setting, and measures over seeds."""

from collections.abc import Iterable, Sequence
from itertools import product
from typing import Any, NamedTuple

import pandas as pd

from feature_quality.artifacts.prepared import Description
from feature_quality.artifacts.selection import Selection
from feature_quality.methods import BASELINE, METHODS, Method
from feature_quality.reporting.statistics import interval

SELECTED, AT_SGD_LR = "selected", "at SGD's lr"
# What names a run of a dataset.
RUN = ["method", "lr", "rho", "seed"]


class Setting(NamedTuple):
    """A setting that was chosen for a method: the selected one, or that at SGD's learning rate."""

    method: Method
    chosen: str
    lr: float
    rho: float

    @property
    def label(self) -> str:
        """Its name in tables."""
        return self.method.label if self.chosen == SELECTED else f"{self.method.label} {AT_SGD_LR}"


def chosen_settings(selection: Selection) -> list[Setting]:
    """Return the selected setting of each method, and that at SGD's rate where it is another."""
    found: dict[tuple[str, float, float], Setting] = {}
    kinds = {SELECTED: selection["choices"], AT_SGD_LR: selection["at_sgd_lr"]}
    for method, (kind, choices) in product(METHODS.values(), kinds.items()):
        if choice := choices.get(method.name):
            setting = Setting(method, kind, choice["lr"], choice["rho"])
            found.setdefault((method.name, setting.lr, setting.rho), setting)
    return list(found.values())


def selected_settings(selection: Selection) -> dict[str, Setting]:
    """Return the selected setting of each method by the method's name."""
    chosen = chosen_settings(selection)
    return {setting.method.name: setting for setting in chosen if setting.chosen == SELECTED}


def setting_runs(runs: pd.DataFrame, dataset: str, setting: Setting) -> pd.DataFrame:
    """Return the rows of one setting, all seeds."""
    of_method = (runs["dataset"] == dataset) & (runs["method"] == setting.method.name)
    return runs[of_method & (runs["lr"] == setting.lr) & (runs["rho"] == setting.rho)]


def finished(rows: pd.DataFrame) -> pd.DataFrame:
    """Leave out the rows of a setting's runs that diverged."""
    diverged = rows[(rows["metric"] == "diverged") & (rows["value"] == 1)]
    return rows[~rows["seed"].isin(diverged["seed"])]


def count_diverged(rows: pd.DataFrame) -> int:
    """Return how many runs of a setting diverged."""
    return int(rows.loc[rows["metric"] == "diverged", "value"].sum())


def summarise(values: pd.Series) -> dict[str, Any]:
    """Return mean, sample standard deviation (ddof 1; none for one seed) and number of seeds."""
    deviation = values.std(ddof=1) if len(values) > 1 else None
    return {"mean": values.mean(), "std": deviation, "n_seeds": len(values)}


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


def hard_less_easy(rows: pd.DataFrame, easy: str, hard: str) -> pd.Series:
    """Return the probing error of the hard feature less that of the easy one, by seed."""
    of_hard, of_easy = (
        rows[rows["metric"] == f"{feature}_probe_error"].set_index("seed")["value"]
        for feature in (hard, easy)
    )
    difference: pd.Series = of_hard - of_easy
    return difference


def told_apart(rows: pd.DataFrame, easy: str, hard: str) -> bool:
    """Say whether SGD's ``rows`` tell easy from hard: the 95 % t-interval of the difference is > 0.

    Where they do not, which feature is called hard is partly chance, and the more so the higher
    that feature's error happens to be in the very runs that other methods are compared with.
    """
    low, _ = interval(hard_less_easy(rows, easy, hard))
    return low > 0


def unconverged(runs: pd.DataFrame, dataset: str, settings: Iterable[Setting]) -> int:
    """Return how many probe fits of some settings' runs did not converge."""
    count = runs[runs["metric"].str.endswith("_probe_unconverged")]
    return sum(int(setting_runs(count, dataset, each)["value"].sum()) for each in settings)


def by_run(runs: pd.DataFrame, dataset: str, metric: str) -> tuple[pd.Series, bool]:
    """Return a metric of every run of a dataset's grid, by (method, lr, ρ, seed).

    It is NaN for a run that diverged or was not measured. The second value says whether all that
    finished were measured.
    """
    rows = runs[runs["dataset"] == dataset].set_index(RUN).sort_index()
    diverged = rows.loc[rows["metric"] == "diverged", "value"] == 1
    values = rows.loc[rows["metric"] == metric, "value"].reindex(diverged.index).mask(diverged)
    return values, bool((values.notna() | diverged).all())


def sweep_differences(values: pd.DataFrame, method: str) -> pd.DataFrame:
    """Return a method's values less SGD's with the same learning rate and seed.

    Args:
        values: one row per (method, lr, ρ, seed).
        method: the method's name.

    Returns:
        the differences by (lr, ρ, seed), at the learning rates of both; NaN where either is.
    """
    ours: Any
    sgds: Any
    ours, sgds = (values.xs(name, level="method") for name in (method, BASELINE.name))
    ours = ours[ours.index.get_level_values("lr").isin(sgds.index.unique("lr"))]
    partners = pd.MultiIndex.from_frame(ours.index.to_frame()[["lr", "seed"]])
    differences: pd.DataFrame = ours - sgds.droplevel("rho").reindex(partners).set_axis(ours.index)
    return differences


def weighting_text(description: Description) -> str:
    """Say that errors weight groups, where they do."""
    if description.group_weights is None:
        return ""
    return "Validation and test errors weight each group's error by its frequency in training."
