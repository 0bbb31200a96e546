"""The choice of hyperparameters, on validation data alone (spec, section 3)."""

import math
from collections.abc import Callable, Iterable
from typing import Any

import pandas as pd

from feature_quality.artifacts.selection import Candidate, Choice, Selection

SGD, SAM, SAM_AT_SGD_LR = "SGD", "SAM", "SAM at SGD's lr"

RULE = (
    "lowest mean validation error over the seeds that finished; "
    "ties: lowest mean validation loss, then smaller rho, then smaller learning rate"
)

Run = tuple[pd.DataFrame, dict[str, Any]]


def select(dataset: str, runs: Iterable[Run]) -> Selection:
    """Choose SGD's learning rate, SAM's (learning rate, rho > 0), and SAM's rho at SGD's own rate.

    Args:
        runs: the (history, description) of every run of the grid. A run that diverged is left out
            of its setting's means; a setting none of whose runs finished cannot be chosen.
    """
    candidates = _candidates(runs)
    choices: dict[str, Choice] = {}
    methods: dict[str, Callable[[Candidate], bool]] = {
        SGD: lambda setting: setting["rho"] == 0,
        SAM: lambda setting: setting["rho"] > 0,
        SAM_AT_SGD_LR: lambda setting: (
            setting["rho"] > 0 and SGD in choices and setting["lr"] == choices[SGD]["lr"]
        ),
    }
    for method, belongs in methods.items():
        eligible = [setting for setting in candidates if belongs(setting) and setting["finished"]]
        if eligible:
            choices[method] = _choose(eligible)
    return Selection(dataset=dataset, rule=RULE, choices=choices, candidates=candidates)


def _candidates(runs: Iterable[Run]) -> list[Candidate]:
    settings: dict[tuple[float, float], list[Run]] = {}
    for history, run in runs:
        settings.setdefault((run["rho"], run["lr"]), []).append((history, run))
    candidates = []
    for (rho, lr), members in sorted(settings.items(), key=lambda item: item[0]):
        finished = [member for member in members if not member[1]["diverged"]]
        last = [history.iloc[-1] for history, _ in finished]
        candidates.append(
            Candidate(
                lr=lr,
                rho=rho,
                val_error=_mean([epoch["val_error"] for epoch in last]),
                val_loss=_mean([epoch["val_loss"] for epoch in last]),
                finished=sorted(run["seed"] for _, run in finished),
                diverged=sorted(run["seed"] for _, run in members if run["diverged"]),
            )
        )
    return candidates


def _mean(values: list[float]) -> float | None:
    # Exactly rounded sums, and no digits beyond what a count of examples can mean: settings with
    # equally many errors must tie, in whatever order their seeds made them.
    return round(math.fsum(values) / len(values), 12) if values else None


def _choose(eligible: list[Candidate]) -> Choice:
    best = min(eligible, key=lambda s: (s["val_error"], s["val_loss"], s["rho"], s["lr"]))
    tied = sum(setting["val_error"] == best["val_error"] for setting in eligible)
    return Choice(lr=best["lr"], rho=best["rho"], candidates=len(eligible), tied=tied)
