"""The test error of each group, under SGD and SAM."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import seaborn as sns
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from feature_quality.artifacts.prepared import Description
from feature_quality.reporting.figures.figure_text import plain, setting
from feature_quality.reporting.figures.style import IMAGE_METHODS, canvas
from feature_quality.reporting.statistics import interval

# How far from a group's line the methods stand, and a method's seeds from its mean.
APART, ASIDE = 0.16, 0.12


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
    method = "SAM" if run["rho"] > 0 else "SGD"
    return errors.assign(method=method, **{name: run[name] for name in ("lr", "rho", "seed")})


def groups(errors: pd.DataFrame, description: Description) -> Figure:
    """Draw a line a group: a faint point a seed and, beside them, means with intervals.

    Args:
        errors: of all runs, as ``group_errors`` returns them.
        description: of the dataset.
    """
    sizes = errors.groupby("group")["examples"].first()
    places = pd.Series(range(len(sizes)), sizes.index)
    figure, axes = canvas(1, 1, 1.2 + 0.4 * len(sizes))
    panel = axes[0, 0]
    handles = []
    for side, (method, colour) in zip((-1, 1), IMAGE_METHODS.items(), strict=True):
        of_method = errors[errors["method"] == method]
        chosen = setting(*of_method[["lr", "rho"]].iloc[0])
        handles.append(Line2D([], [], color=colour, marker="s", label=f"{method}: {chosen}"))
        across = places[of_method["group"]] + side * (APART + ASIDE)
        panel.plot(of_method["error"], across, "o", color=colour, alpha=0.4, clip_on=False)
        for group, values in of_method.groupby("group")["error"]:
            mean, (low, high) = values.mean(), interval(values)
            # No error is below 0, as the interval's end may be.
            bar = [[mean - max(low, 0)], [high - mean]]
            style = {"fmt": "s", "color": colour, "capsize": 2, "clip_on": False}
            panel.errorbar(mean, places[group] + side * APART, xerr=bar, **style)
    panel.set_yticks(places, [_name(group, sizes[group], description) for group in sizes.index])
    # The first group is at the top, and SGD above SAM.
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
