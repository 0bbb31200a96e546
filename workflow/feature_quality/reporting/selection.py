"""The choice of hyperparameters, on validation data alone (docs/method.md)."""

import math
from collections.abc import Iterable
from typing import Any

import pandas as pd

from feature_quality.artifacts.selection import Candidate, Choice, Selection

RULE = (
    "fewest diverged seeds, then lowest mean validation error over the seeds that finished; "
    "ties: lowest mean validation loss, then smaller rho, then smaller learning rate"
)

Run = tuple[pd.DataFrame, dict[str, Any]]


def select(dataset: str, runs: Iterable[Run]) -> Selection:
    """Choose the setting of each method, and its ρ at SGD's own learning rate.

    Args:
        dataset: the dataset's id.
        runs: the (history, description) of every run of the grid, in any order. A run that diverged
            is left out of its setting's means; a setting none of whose runs finished cannot be
            chosen.
    """
    candidates = _candidates(runs)
    choices: dict[str, Choice] = {}
    at_sgd_lr: dict[str, Choice] = {}
    sgd_lr = None
    for method in dict.fromkeys(candidate["method"] for candidate in candidates):
        eligible = [c for c in candidates if c["method"] == method and c["finished"]]
        if not eligible:
            continue
        choices[method] = _choose(eligible)
        if choices[method]["rho"] == 0:
            sgd_lr = choices[method]["lr"]
        elif at_lr := [candidate for candidate in eligible if candidate["lr"] == sgd_lr]:
            at_sgd_lr[method] = _choose(at_lr)
    return Selection(
        dataset=dataset, rule=RULE, choices=choices, at_sgd_lr=at_sgd_lr, candidates=candidates
    )


def _candidates(runs: Iterable[Run]) -> list[Candidate]:
    settings: dict[tuple[str, float, float], list[Run]] = {}
    for history, run in runs:
        settings.setdefault((run["method"], run["rho"], run["lr"]), []).append((history, run))
    candidates = []
    # SGD, whose ρ is 0, first: its learning rate is asked for by the others.
    for method, rho, lr in sorted(settings, key=lambda setting: (setting[1] > 0, setting)):
        members = settings[method, rho, lr]
        finished = [member for member in members if not member[1]["diverged"]]
        last = [history.iloc[-1] for history, _ in finished]
        candidates.append(
            Candidate(
                method=method,
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
    def errors(setting: Candidate) -> tuple[int, float | None]:
        return len(setting["diverged"]), setting["val_error"]

    best = min(eligible, key=lambda s: (*errors(s), s["val_loss"], s["rho"], s["lr"]))
    tied = [[each["lr"], each["rho"]] for each in eligible if errors(each) == errors(best)]
    return Choice(lr=best["lr"], rho=best["rho"], candidates=len(eligible), tied=tied)
