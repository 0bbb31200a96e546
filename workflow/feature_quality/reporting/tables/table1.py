"""Table 1: test error and probing errors of every method, mean and deviation over seeds."""

from collections.abc import Sequence
from typing import Any

import pandas as pd

from feature_quality.artifacts.selection import methods_of
from feature_quality.formatting import format_number
from feature_quality.methods import BASELINE, METHODS
from feature_quality.reporting.metrics import (
    SELECTED,
    Setting,
    chosen_settings,
    count_diverged,
    easy_and_hard,
    finished,
    hard_less_easy,
    selected_settings,
    setting_runs,
    summarise,
    told_apart,
    unconverged,
    weighting_text,
)
from feature_quality.reporting.statistics import interval
from feature_quality.reporting.tables.rendering import (
    Part,
    RenderedTable,
    TableDataset,
    effort_notes,
    notes,
    render,
    spread,
)

DATASETS = "features"
CAPTION = (
    "Table 1. Test error and the probing error of both features, by training method, at the "
    "hyperparameters that validation data chose; mean ± standard deviation over seeds."
)
PROTOCOL = (
    "Errors are fractions: mean ± sample standard deviation over seeds. The probing error of a "
    "feature is that of a linear probe on the representation, on balanced test data; the easy "
    "feature is the one with the lower probing error under SGD.",
    "Where several settings share the lowest validation error, which of them is selected is partly "
    "chance: their mean, and in brackets their range, stand beside it.",
    "Probes are trained on the images of the validation split that also chose the hyperparameters; "
    "test data chose nothing.",
)
COLUMNS = [
    *("dataset", "method", "setting", "metric", "feature", "mean", "std", "low", "high"),
    *("n_settings", "n_seeds", "lr", "rho", "diverged", "demonstration", "provenance"),
]
# What a row is of, besides one setting: of all that tie with the selected one, or of the user's.
TIED, REFERENCE = "tied", "reference"


def make(runs: pd.DataFrame, datasets: Sequence[TableDataset]) -> RenderedTable:
    """Return Table 1 from the rows of ``runs.parquet``."""
    table = tidy(runs, datasets)
    parts = []
    for each in datasets:
        failed = unconverged(runs, each.description.dataset, chosen_settings(each.selection))
        cells, settings, best = readable(table[table["dataset"] == each.description.dataset])
        parts.append(
            Part(
                each.description.title,
                each.description.dataset,
                cells,
                notes([each], [*told_apart_notes(runs, each), *selection_notes(each)], failed),
                f"Left out: every run of {BASELINE.label} diverged.",
                settings,
                best,
            )
        )
    return render(table, "Table 1: feature probing errors", parts, PROTOCOL)


def tidy(runs: pd.DataFrame, datasets: Sequence[TableDataset]) -> pd.DataFrame:
    """Return the columns of ``COLUMNS``; errors are fractions.

    A row is of a setting, with mean and deviation over seeds; of all settings that tie with a
    selected one (``setting`` is ``tied``), with mean and range of the settings' means; or a number
    of the user's (``reference``). A dataset is absent when SGD has no finished run on it, for then
    no feature is easy or hard.
    """
    table = []
    for each in datasets:
        dataset = each.description.dataset
        sgd = selected_settings(each.selection).get(BASELINE.name)
        if sgd is None:
            continue
        of_sgd = finished(setting_runs(runs, dataset, sgd))
        easy, hard = easy_and_hard(of_sgd, each.description.features)
        metrics = {
            "test_error": ("", "error", "test"),
            "worst_group_error": ("", "worst_group_error", "test"),
            "easy_probe_error": (easy, f"{easy}_probe_error", "probe_test"),
            "hard_probe_error": (hard, f"{hard}_probe_error", "probe_test"),
        }
        named = {metric for numbers in each.reference.values() for metric in numbers}
        if not each.description.group_weights and "worst_group_error" not in named:
            del metrics["worst_group_error"]
        for setting in chosen_settings(each.selection):
            method = setting.method.name
            rows = setting_runs(runs, dataset, setting)
            choice = each.selection["choices"][method]
            tied = [
                finished(setting_runs(runs, dataset, setting._replace(lr=lr, rho=rho)))
                for lr, rho in choice["tied"]
                if setting.chosen == SELECTED and len(choice["tied"]) > 1
            ]
            about = {
                "dataset": dataset,
                "method": method,
                "demonstration": each.description.demonstration,
                "provenance": each.provenance,
            }
            of_setting = about | {"lr": setting.lr, "rho": setting.rho, "n_settings": 1}
            of_setting |= {"setting": setting.chosen, "diverged": count_diverged(rows)}
            reference = each.reference.get(method, {}) if setting.chosen == SELECTED else {}
            for metric, (feature, name, split) in metrics.items():
                what = {"metric": metric, "feature": feature}
                values = _values(finished(rows), name, split)
                table.append(of_setting | what | summarise(values))
                means = pd.Series([_values(part, name, split).mean() for part in tied])
                # Where only the selected runs were probed, the others have no number.
                if len(means) and means.notna().all():
                    ends = {"mean": means.mean(), "low": means.min(), "high": means.max()}
                    table.append(about | what | ends | {"setting": TIED, "n_settings": len(tied)})
                if metric in reference:
                    table.append(about | what | {"setting": REFERENCE, "mean": reference[metric]})
    whole = dict.fromkeys(("n_settings", "n_seeds", "diverged"), "Int64")
    return pd.DataFrame(table, columns=COLUMNS).astype(whole)


def _values(rows: pd.DataFrame, metric: str, split: str) -> pd.Series:
    return rows.loc[(rows["metric"] == metric) & (rows["split"] == split), "value"]


def readable(part: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Return one dataset's part as text: a row per setting and a column per metric.

    Returns:
        the errors; the settings, one row each; and which errors are the lowest of their column,
        tied settings and the user's numbers apart.
    """
    cells, settings, lowest = [], [], []
    of_settings = part[~part["setting"].isin([TIED, REFERENCE])]
    # Of equal errors none is better, in whatever order they were added up.
    least = of_settings.groupby("metric")["mean"].min().round(12)
    groups: Any = part.groupby(["method", "setting"], sort=False)
    for (name, chosen), metrics in groups:
        first, method = metrics.iloc[0], METHODS[name]
        label = {
            TIED: f"{method.label}, mean of {first['n_settings']} tied",
            REFERENCE: f"{method.label}, reference",
        }.get(chosen) or Setting(method, chosen, first["lr"], first["rho"]).label
        ours = chosen not in (TIED, REFERENCE)
        row, best = {"Method": label}, {"Method": False}
        for _, metric in metrics.iterrows():
            heading = metric["metric"].replace("_", " ").replace("probe", "feature").capitalize()
            if metric["feature"]:
                heading = f"{heading.removesuffix(' error')}: {metric['feature']}"
            row[heading] = spread(metric)
            if chosen == TIED:
                row[heading] += f" [{metric['low']:.4f}, {metric['high']:.4f}]"
            best[heading] = ours and round(metric["mean"], 12) == least[metric["metric"]]
        cells.append(row)
        lowest.append(best)
        if ours:
            settings.append(
                {
                    "Method": label,
                    "lr": format_number(first["lr"]),
                    "ρ": format_number(first["rho"]),
                    "Seeds": str(first["n_seeds"]),
                    "Diverged": str(first["diverged"]),
                }
            )
    text = pd.DataFrame(cells).fillna("–")
    return text, pd.DataFrame(settings), pd.DataFrame(lowest).eq(True)


def told_apart_notes(runs: pd.DataFrame, dataset: TableDataset) -> list[str]:
    """Say where SGD's errors do not tell the easy feature from the hard one."""
    sgd = selected_settings(dataset.selection).get(BASELINE.name)
    if sgd is None:
        return []
    of_sgd = finished(setting_runs(runs, dataset.description.dataset, sgd))
    easy, hard = easy_and_hard(of_sgd, dataset.description.features)
    if told_apart(of_sgd, easy, hard):
        return []
    difference = hard_less_easy(of_sgd, easy, hard)
    low, high = interval(difference)
    return [
        f"Easy and hard feature are not told apart: {BASELINE.label}'s error on {hard} less that "
        f"on {easy} is {difference.mean():+.4f}, with a 95 % interval of [{low:+.4f}, {high:+.4f}]."
    ]


def selection_notes(dataset: TableDataset) -> list[str]:
    """Say how the settings were chosen, and what a method had to choose from."""
    choices = dataset.selection["choices"]
    rule, *efforts = effort_notes(dataset.selection)
    ties = [
        f"{METHODS[name].label}: {len(choice['tied'])} of {choice['candidates']} settings were "
        "best before ties were broken."
        for name, choice in choices.items()
    ]
    lines = [rule, *ties, *efforts]
    sgd = choices.get(BASELINE.name)
    trained = {(each["method"], each["lr"]) for each in dataset.selection["candidates"]}
    at_sgd_lr = {BASELINE.name, *dataset.selection["at_sgd_lr"]}
    for name in methods_of(dataset.selection):
        label = METHODS[name].label
        if name not in choices:
            lines.append(f"Left out: {label}: every run diverged.")
        elif sgd and (name, sgd["lr"]) not in trained:
            lines.append(f"{label} was not trained at {BASELINE.label}'s learning rate.")
        elif sgd and name not in at_sgd_lr:
            lines.append(
                f"Left out: {label} at {BASELINE.label}'s learning rate: every run diverged."
            )
    if text := weighting_text(dataset.description):
        lines.append(text)
    return lines
