"""From the files of single runs to one table of all of them."""

import json
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from feature_quality.artifacts.features import IMPORTANCE
from feature_quality.artifacts.prepared import Description
from feature_quality.artifacts.runs import BOOTSTRAP, RUNS
from feature_quality.artifacts.selection import Selection
from feature_quality.reporting.metrics import RUN, easy_and_hard, finished, told_apart
from feature_quality.reporting.statistics import bootstrap_errors
from feature_quality.seeds import generator

# What names a run, and what differs between runs however they were made.
IDENTITY = ["dataset", *RUN]
OF_ONE_RUN = (*RUN, "diverged")

# The rows of a run's own table and the description of the run.
Run = tuple[pd.DataFrame, dict[str, Any]]


def training_rows(history: pd.DataFrame, run: dict[str, Any]) -> pd.DataFrame:
    """Return the last finite epoch's metrics, and whether the run diverged (0 or 1)."""
    values = [("train", "diverged", float(run["diverged"] is not None))]
    if len(finite := history.dropna()):
        last = finite.iloc[-1]
        for split in ("train", "val"):
            values += [(split, metric, last[f"{split}_{metric}"]) for metric in ("loss", "error")]
    return _rows(run, values)


def test_rows(
    examples: pd.DataFrame,
    logits: npt.NDArray[np.float32],
    run: dict[str, Any],
    description: Description,
) -> pd.DataFrame:
    """Return the error on the test split, and the mean and the largest of its groups' errors.

    The largest is the worst-group error of Sagawa et al. (2020).
    The first weights groups as the dataset's ``description`` says.
    """
    groups = examples["group"].to_numpy()
    wrong = pd.Series(logits.argmax(axis=1) != examples["label"].to_numpy())
    error = float(description.example_weights(groups) @ wrong)
    by_group = wrong.groupby(groups).mean()
    measured = {
        "error": error,
        "balanced_error": by_group.mean(),
        "worst_group_error": by_group.max(),
    }
    return _rows(run, [("test", name, value) for name, value in measured.items()])


def probe_rows(probes: pd.DataFrame, run: dict[str, Any]) -> pd.DataFrame:
    """Return each feature's probing error, a mean over draws, and how many did not converge."""
    values = []
    for feature, draws in probes.groupby("feature"):
        values.append(("probe_test", f"{feature}_probe_error", draws["error"].mean()))
        values.append(("probe_test", f"{feature}_probe_unconverged", (~draws["converged"]).sum()))
    return _rows(run, values)


def bootstrap(
    probes: Sequence[Run],
    groups: npt.NDArray[np.integer],
    description: Description,
    split: str,
) -> pd.DataFrame:
    """Return the columns of ``BOOTSTRAP`` for the probes of some runs on one test set.

    A probe's errors are means over its draws. As in probing, they are balanced over groups, but
    not on a target domain.

    Args:
        probes: the probes of each run that was tested on it, and the run's description.
        groups: the groups of its n examples; (n,).
        description: of the dataset.
        split: the name of its split, which names the seed of the samples.
    """
    if description.target:
        groups = np.zeros_like(groups)
    rows, wrong, draws_of = [], [], []
    for table, run in probes:
        for feature, draws in table.groupby("feature"):
            places = np.concatenate(draws["wrong"].tolist())
            wrong.append(np.bincount(places, minlength=len(groups)))
            draws_of.append(len(draws))
            rows.append({name: run[name] for name in IDENTITY} | {"feature": feature})
    columns: list[str] = BOOTSTRAP.names
    if not rows:
        return pd.DataFrame(columns=columns)
    rng = generator("bootstrap", description.dataset, split)
    errors = bootstrap_errors(np.stack(wrong, axis=1), groups, rng) / draws_of
    return pd.DataFrame(rows).assign(errors=list(errors.T))[columns]


def standard_errors(samples: pd.DataFrame) -> pd.DataFrame:
    """Return the standard error over test examples of each run's probing errors.

    Args:
        samples: the rows of ``bootstrap.parquet``.
    """
    table = samples[IDENTITY].assign(
        split="probe_test",
        metric=samples["feature"] + "_probe_error_se",
        value=[np.std(errors, ddof=1) for errors in samples["errors"]],
    )
    return table.astype({"value": float})


def collect(rows: Iterable[pd.DataFrame], selections: Iterable[Selection]) -> pd.DataFrame:
    """Join the rows of all runs in a fixed order and mark those of a selected setting."""
    runs = pd.concat(rows, ignore_index=True)
    chosen = {
        (selection["dataset"], method, choice["lr"], choice["rho"])
        for selection in selections
        for method, choice in selection["choices"].items()
    }
    settings = runs[["dataset", "method", "lr", "rho"]].itertuples(index=False, name=None)
    runs["selected"] = [setting in chosen for setting in settings]
    columns: list[str] = RUNS.names
    return runs.sort_values([*IDENTITY, "split", "metric"], ignore_index=True)[columns]


def origins(runs: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Group runs by how they were made.

    Args:
        runs: the descriptions of runs: which each is, how it ended, and how it was made.
    """
    found: dict[str, dict[str, Any]] = {}
    for run in runs:
        how = {key: value for key, value in run.items() if key not in OF_ONE_RUN}
        origin = found.setdefault(json.dumps(how, sort_keys=True), how | {"runs": []})
        origin["runs"].append({key: run[key] for key in OF_ONE_RUN if key in run})
    return list(found.values())


def join_importance(runs: Sequence[Run], *, first_is_easy: bool) -> pd.DataFrame:
    """Return the points of all runs that finished, the columns of ``IMPORTANCE``.

    Args:
        runs: the points of each run, of SGD and of one other method.
        first_is_easy: whether feature A is the easy one.
    """
    easy, hard = ("a", "b") if first_is_easy else ("b", "a")
    names = {
        f"contribution_{easy}": "easy_contribution",
        f"contribution_{hard}": "hard_contribution",
    }
    tables = [
        table.rename(columns=names).assign(seed=run["seed"], rho=run["rho"])
        for table, run in runs
        if not run["diverged"]
    ]
    empty: pd.DataFrame = IMPORTANCE.empty_table().to_pandas()
    return pd.concat(tables, ignore_index=True)[list(empty)] if tables else empty


def describe_importance(
    description: Description, sgd: pd.DataFrame, runs: Sequence[dict[str, Any]]
) -> dict[str, Any]:
    """Return what a table of weights says of its points: what they are, and of which runs.

    Args:
        description: of the dataset.
        sgd: the metrics of SGD's runs at its selected setting, which tell easy from hard.
        runs: the descriptions of the runs; all have λ̃ of the same method, at the same ρ.
    """
    sgd = finished(sgd)
    easy, hard = easy_and_hard(sgd, description.features)
    return {
        "dataset": description.dataset,
        "title": description.title,
        "demonstration": description.demonstration,
        "custom": description.custom,
        "easy": easy,
        "hard": hard,
        "told_apart": told_apart(sgd, easy, hard),
        "compared": runs[0]["compared"],
        "phantom_rho": runs[0]["phantom_rho"],
        "runs": [{name: run[name] for name in RUN} for run in runs],
    }


def _rows(run: dict[str, Any], values: list[tuple[str, str, float]]) -> pd.DataFrame:
    table = pd.DataFrame(values, columns=["split", "metric", "value"]).astype({"value": float})
    return table.assign(**{name: run[name] for name in IDENTITY})
