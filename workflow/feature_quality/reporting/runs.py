"""From the files of single runs to one long table of all of them."""

import json
from collections.abc import Iterable
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from feature_quality.artifacts.prepared import Description
from feature_quality.artifacts.runs import RUNS
from feature_quality.artifacts.selection import Selection
from feature_quality.reporting.selection import SAM, SGD

# What differs from run to run of a dataset however they were made.
OF_ONE_RUN = ("lr", "rho", "seed", "diverged")


def training_rows(history: pd.DataFrame, run: dict[str, Any]) -> pd.DataFrame:
    """Return the last epoch's metrics, and whether the run diverged (0 or 1)."""
    values = [("train", "diverged", float(run["diverged"] is not None))]
    if len(history):
        last = history.iloc[-1]
        for split in ("train", "val"):
            values += [(split, metric, last[f"{split}_{metric}"]) for metric in ("loss", "error")]
    return _rows(run, values)


def test_rows(
    examples: pd.DataFrame,
    logits: npt.NDArray[np.float32],
    run: dict[str, Any],
    description: Description,
) -> pd.DataFrame:
    """Return the error on the test split, and the mean of its groups' errors.

    The first weights groups as the dataset's ``description`` says.
    """
    groups = examples["group"].to_numpy()
    wrong = pd.Series(logits.argmax(axis=1) != examples["label"].to_numpy())
    error = float(description.example_weights(groups) @ wrong)
    balanced = float(wrong.groupby(groups).mean().mean())
    return _rows(run, [("test", "error", error), ("test", "balanced_error", balanced)])


def probe_rows(probes: pd.DataFrame, run: dict[str, Any]) -> pd.DataFrame:
    """Return each feature's probing error, a mean over draws, and how many did not converge."""
    values = []
    for feature, draws in probes.groupby("feature"):
        values.append(("probe_test", f"{feature}_probe_error", draws["error"].mean()))
        values.append(("probe_test", f"{feature}_probe_unconverged", (~draws["converged"]).sum()))
    return _rows(run, values)


def collect(rows: Iterable[pd.DataFrame], selections: Iterable[Selection]) -> pd.DataFrame:
    """Join the rows of all runs in a fixed order and mark those of a selected setting."""
    runs = pd.concat(rows, ignore_index=True)
    chosen = {
        (selection["dataset"], choice["lr"], choice["rho"])
        for selection in selections
        for choice in (selection["choices"].get(method) for method in (SGD, SAM))
        if choice
    }
    settings = zip(runs["dataset"], runs["lr"], runs["rho"], strict=True)
    runs["selected"] = [setting in chosen for setting in settings]
    columns: list[str] = RUNS.names
    identity = [column for column in columns if column not in ("value", "selected")]
    return runs.sort_values(identity, ignore_index=True)[columns]


def origins(runs: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the different ways in which runs were made, each with the runs that were made so.

    Args:
        runs: the descriptions of runs: which each is, how it ended, and how it was made.
    """
    found: dict[str, dict[str, Any]] = {}
    for run in runs:
        how = {key: value for key, value in run.items() if key not in OF_ONE_RUN}
        origin = found.setdefault(json.dumps(how, sort_keys=True), how | {"runs": []})
        origin["runs"].append({key: run[key] for key in OF_ONE_RUN if key in run})
    return list(found.values())


def _rows(run: dict[str, Any], values: list[tuple[str, str, float]]) -> pd.DataFrame:
    table = pd.DataFrame(values, columns=["split", "metric", "value"]).astype({"value": float})
    return table.assign(**{name: run[name] for name in ("dataset", "lr", "rho", "seed")})
