"""Table 1: test error and probing errors of every method, mean and deviation over seeds."""

from collections.abc import Sequence

import pandas as pd

from feature_quality.artifacts.selection import methods_of
from feature_quality.formatting import format_number
from feature_quality.methods import BASELINE, METHODS
from feature_quality.reporting.metrics import (
    Setting,
    chosen_settings,
    count_diverged,
    easy_and_hard,
    finished,
    selected_settings,
    setting_runs,
    summarise,
    unconverged,
)
from feature_quality.reporting.tables.rendering import (
    Part,
    RenderedTable,
    TableDataset,
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
    "Probes are trained on the images of the validation split that also chose the hyperparameters; "
    "test data chose nothing.",
)
COLUMNS = [
    *("dataset", "method", "setting", "metric", "feature", "mean", "std", "n_seeds"),
    *("lr", "rho", "diverged", "demonstration", "provenance"),
]
# By the number of gradients of the whole network.
COSTS = {1: "one gradient, and one of the last layer", 2: "two gradients"}


def make(runs: pd.DataFrame, datasets: Sequence[TableDataset]) -> RenderedTable:
    """Return Table 1 from the rows of ``runs.parquet``."""
    table = tidy(runs, datasets)
    parts = []
    for each in datasets:
        failed = unconverged(runs, each.description.dataset, chosen_settings(each.selection))
        parts.append(
            Part(
                each.description.title,
                each.description.dataset,
                readable(table[table["dataset"] == each.description.dataset]),
                notes([each], selection_notes(each), failed),
                f"Left out: every run of {BASELINE.label} diverged.",
            )
        )
    return render(table, "Table 1: feature probing errors", parts, PROTOCOL)


def tidy(runs: pd.DataFrame, datasets: Sequence[TableDataset]) -> pd.DataFrame:
    """Return the columns of ``COLUMNS``; errors are fractions.

    A dataset is absent when SGD has no finished run on it, for then no feature is easy or hard.
    """
    table = []
    for each in datasets:
        dataset = each.description.dataset
        sgd = selected_settings(each.selection).get(BASELINE.name)
        if sgd is None:
            continue
        of_sgd = finished(setting_runs(runs, dataset, sgd))
        easy, hard = easy_and_hard(of_sgd, each.description.features)
        worst = [("worst_group_error", "", "worst_group_error", "test")]
        worst = worst if each.description.group_weights else []
        for setting in chosen_settings(each.selection):
            rows = setting_runs(runs, dataset, setting)
            for metric, feature, name, split in (
                ("test_error", "", "error", "test"),
                *worst,
                ("easy_probe_error", easy, f"{easy}_probe_error", "probe_test"),
                ("hard_probe_error", hard, f"{hard}_probe_error", "probe_test"),
            ):
                of_metric = (rows["metric"] == name) & (rows["split"] == split)
                table.append(
                    {
                        "dataset": dataset,
                        "method": setting.method.name,
                        "setting": setting.chosen,
                        "metric": metric,
                        "feature": feature,
                        **summarise(finished(rows).loc[of_metric, "value"]),
                        "lr": setting.lr,
                        "rho": setting.rho,
                        "diverged": count_diverged(rows),
                        "demonstration": each.description.demonstration,
                        "provenance": each.provenance,
                    }
                )
    return pd.DataFrame(table, columns=COLUMNS)


def readable(part: pd.DataFrame) -> pd.DataFrame:
    """Return one dataset's part with a row per setting and a column per metric, as text."""
    rows = []
    for _, metrics in part.groupby(["method", "setting"], sort=False):
        first = metrics.iloc[0]
        setting = Setting(METHODS[first["method"]], first["setting"], first["lr"], first["rho"])
        row = {
            "Method": setting.label,
            "lr": format_number(setting.lr),
            "ρ": format_number(setting.rho),
        }
        for _, metric in metrics.iterrows():
            heading = metric["metric"].replace("_", " ").replace("probe", "feature").capitalize()
            if metric["feature"]:
                heading = f"{heading.removesuffix(' error')}: {metric['feature']}"
            row[heading] = spread(metric)
        rows.append(row | {"Seeds": str(first["n_seeds"]), "Diverged": str(first["diverged"])})
    return pd.DataFrame(rows)


def selection_notes(dataset: TableDataset) -> list[str]:
    """Say how the settings were chosen, and what a method had to choose from."""
    choices = dataset.selection["choices"]
    lines = [f"Selected by: {dataset.selection['rule']}."]
    lines += [
        f"{METHODS[name].label}: {len(choice['tied'])} of {choice['candidates']} settings had the "
        "lowest validation error."
        for name, choice in choices.items()
    ]
    sgd = choices.get(BASELINE.name)
    trained = {(each["method"], each["lr"]) for each in dataset.selection["candidates"]}
    lines += [
        f"{METHODS[name].label} has {choice['candidates']} settings to choose from and "
        f"{BASELINE.label} {sgd['candidates']}, and a step of {METHODS[name].label} takes "
        f"{COSTS[METHODS[name].cost]}."
        for name, choice in choices.items()
        if sgd and name != BASELINE.name
    ]
    lines += [
        f"{METHODS[name].label} was not trained at {BASELINE.label}'s learning rate."
        for name in methods_of(dataset.selection)
        if sgd and (name, sgd["lr"]) not in trained
    ]
    if dataset.description.group_weights:
        lines.append(
            "Validation and test errors weight each group's error by its frequency in training."
        )
    return lines
