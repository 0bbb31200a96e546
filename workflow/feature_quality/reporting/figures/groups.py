"""The test error of each group, under SGD and under another method."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import seaborn as sns
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from feature_quality.artifacts.embeddings import read_logits
from feature_quality.artifacts.prepared import Description, read_description
from feature_quality.methods import BASELINE, METHODS, Method
from feature_quality.reporting.figures.drawing import (
    Drawing,
    Inputs,
    bands_text,
    dataset_texts,
    diverged_settings_text,
    plain,
    setting_text,
)
from feature_quality.reporting.figures.style import canvas
from feature_quality.reporting.metrics import RUN
from feature_quality.reporting.statistics import interval

INPUTS = {"dataset": ["examples", "tests"]}
CAPTION = (
    "Groups: the test error of each. Both methods at the hyperparameters that validation data "
    "chose for them."
)
SHOWN = "Circles: seeds; squares: their means; n: test examples."
# How far from a group's line the methods stand, and a method's seeds from its mean.
APART, ASIDE = 0.16, 0.12


def draw(inputs: Inputs, method: str) -> Drawing:
    """Draw the figure of a method's selected runs and SGD's."""
    description = read_description(inputs["examples"][0])
    tests = [read_logits(path) for path in inputs["tests"]]
    errors = pd.concat([group_errors(*test) for test in tests if not test[2]["diverged"]])
    lost = diverged_settings_text((run["lr"], run["rho"]) for _, _, run in tests if run["diverged"])
    methods = [BASELINE, METHODS[method]]
    return Drawing(
        plot(errors, description, methods),
        dataset_texts(description, SHOWN, bands_text(errors["seed"].nunique()), lost),
    )


def group_errors(
    examples: pd.DataFrame, logits: npt.NDArray[np.float32], run: dict[str, Any]
) -> pd.DataFrame:
    """Return one run's error in each group of a split, and the group's number of examples.

    Args:
        examples: label and group of the n examples of the split.
        logits: (n, classes).
        run: the description of the run.
    """
    wrong = pd.Series(logits.argmax(axis=1) != examples["label"].to_numpy(), examples.index)
    errors = wrong.groupby(examples["group"]).agg(["mean", "size"])
    errors = errors.rename(columns={"mean": "error", "size": "examples"}).reset_index()
    return errors.assign(**{name: run[name] for name in RUN})


def plot(errors: pd.DataFrame, description: Description, methods: Sequence[Method]) -> Figure:
    """Draw one line per group: a faint point per seed and, beside them, means with intervals.

    Args:
        errors: of all runs, as ``group_errors`` returns them.
        description: of the dataset.
        methods: SGD and another.
    """
    sizes = errors.groupby("group")["examples"].first()
    places = pd.Series(range(len(sizes)), sizes.index)
    figure, axes = canvas(1, 1, 1.2 + 0.4 * len(sizes))
    panel = axes[0, 0]
    handles = []
    for side, method in zip((-1, 1), methods, strict=True):
        colour = method.colour
        of_method = errors[errors["method"] == method.name]
        chosen = setting_text(*of_method[["lr", "rho"]].iloc[0])
        handles.append(Line2D([], [], color=colour, marker="s", label=f"{method.label}: {chosen}"))
        across = places[of_method["group"]] + side * (APART + ASIDE)
        panel.plot(of_method["error"], across, "o", color=colour, alpha=0.4, clip_on=False)
        for group, values in of_method.groupby("group")["error"]:
            mean, (low, high) = values.mean(), interval(values)
            # No error is below 0, as the interval's end may be.
            bar = [[mean - max(low, 0)], [high - mean]]
            style = {"fmt": "s", "color": colour, "capsize": 2, "clip_on": False}
            panel.errorbar(mean, places[group] + side * APART, xerr=bar, **style)
    panel.set_yticks(places, [_name(group, sizes[group], description) for group in sizes.index])
    # The first group is at the top, and SGD above the other method.
    panel.set(xlim=(0, None), ylim=(len(places) - 0.5, -0.5), xlabel="test error")
    panel.set_title("group: " + " and ".join(description.features), loc="left")
    panel.grid(visible=False, axis="y")
    sns.despine(ax=panel)
    figure.legend(handles=handles, loc="outside upper center", ncols=2)
    return figure


def _name(group: int, size: int, description: Description) -> str:
    first, second = description.classes
    a, b = divmod(group, len(second))
    return f"{plain(first[a])}, {plain(second[b])} (n = {size:,})"
