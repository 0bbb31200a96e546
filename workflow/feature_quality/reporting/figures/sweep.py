"""The whole sweep: test and probing errors against ρ at every learning rate, selected or not."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from feature_quality.artifacts.parquet import read_table
from feature_quality.artifacts.prepared import Description, read_description
from feature_quality.artifacts.runs import RUNS
from feature_quality.formatting import format_number
from feature_quality.methods import BASELINE, METHODS, Method
from feature_quality.reporting.figures.drawing import (
    Drawing,
    Inputs,
    bands_text,
    dataset_texts,
    diverged_settings_text,
)
from feature_quality.reporting.figures.style import RHO, canvas, empty_panel, sequence
from feature_quality.reporting.metrics import finished, weighting_text
from feature_quality.reporting.statistics import interval

INPUTS = {"dataset": ["examples", "runs"]}
CAPTION = (
    "The sweep: errors against ρ. Test error and the probing error of each feature, at every "
    "learning rate. Axes of errors do not start at 0; learning rates stand beside one another at "
    "each ρ; rings mark what validation data chose."
)
# Around the point of a setting that validation data chose.
RING: dict[str, Any] = {
    "linestyle": "",
    "marker": "o",
    "markerfacecolor": "none",
    "markeredgewidth": 1.5,
    "markersize": 9,
    "zorder": 5,
}
# Beside one another, learning rates take this share of the distance between two ρ.
BESIDE = 0.4


def draw(inputs: Inputs, method: str) -> Drawing:
    """Draw the figure of a method's runs and SGD's, whose ρ is 0."""
    description = read_description(inputs["examples"][0])
    methods = [BASELINE, METHODS[method]]
    runs = read_table(inputs["runs"][0], RUNS)[0]
    shown = runs["method"].isin([each.name for each in methods])
    runs = runs[shown & (runs["dataset"] == description.dataset)]
    diverged = runs[(runs["metric"] == "diverged") & (runs["value"] == 1)][["lr", "rho"]]
    texts = dataset_texts(
        description,
        bands_text(runs["seed"].nunique()),
        weighting_text(description),
        unmeasured(runs),
        diverged_settings_text(diverged.itertuples(index=False)),
    )
    return Drawing(plot(runs, description, methods), texts)


def plot(runs: pd.DataFrame, description: Description, methods: Sequence[Method]) -> Figure:
    """Draw one panel per error and one line per learning rate, the chosen settings in rings.

    The ρ of the sweep stand at equal distances.

    Args:
        runs: the rows of ``runs.parquet`` of these methods on the dataset.
        description: of the dataset.
        methods: SGD and another.
    """
    tested = "test error" + (", training domains" if description.target else "")
    measures = {"error": tested} | {
        f"{feature}_probe_error": f"probing error: {feature}" for feature in description.probed
    }
    figure, axes = canvas(1, len(measures), 3)
    colours = sequence(runs["lr"])
    radii = sorted(runs["rho"].unique())
    parts = [finished(setting) for _, setting in runs.groupby(["lr", "rho"])]
    measured = pd.concat(parts)
    measured = measured[measured["split"].isin(["test", "probe_test"])]
    for panel, (metric, name) in zip(axes[0], measures.items(), strict=True):
        rows = measured[measured["metric"] == metric]
        if rows.empty:
            empty_panel(panel, "no run was\nmeasured")
        for place, (lr, colour) in enumerate(colours.items()):
            aside = BESIDE * ((place + 0.5) / len(colours) - 0.5)
            places = {rho: i + aside for i, rho in enumerate(radii)}
            of_rate = rows[rows["lr"] == lr]
            _line(panel, of_rate, places, colour)
            chosen = of_rate[of_rate["selected"]]
            for method in methods:
                point = chosen[chosen["method"] == method.name]
                if len(point):
                    at = (places[point["rho"].iloc[0]], point["value"].mean())
                    panel.plot(*at, **RING, color=method.colour, clip_on=False)
        panel.set_xticks(range(len(radii)), map(format_number, radii), rotation=90)
        panel.set(xlabel=RHO, ylabel=name, xlim=(-0.5, len(radii) - 0.5))
        panel.grid(visible=False, axis="x")
    handles = [
        Line2D([], [], color=colour, marker="o", label=f"lr {format_number(lr)}")
        for lr, colour in colours.items()
    ]
    handles += [
        Line2D([], [], **RING, color=method.colour, label=f"chosen for {method.label}")
        for method in methods
    ]
    figure.legend(handles=handles, loc="outside upper center", ncols=5, columnspacing=1)
    return figure


def unmeasured(runs: pd.DataFrame) -> str:
    """Say that only the selected runs were tested and probed, if there are others."""
    tested = runs[runs["split"] == "test"]
    settings, measured = (len(each[["lr", "rho"]].drop_duplicates()) for each in (runs, tested))
    if measured == settings:
        return ""
    return f"Only selected runs were tested and probed: {measured} of {settings} settings."


def _line(panel: Axes, rows: pd.DataFrame, places: dict[float, float], colour: Any) -> None:
    """Draw the means over seeds at one learning rate, with bars that are their intervals."""
    values = rows.groupby("rho")["value"]
    if not len(values):
        return
    means = values.mean()
    # No error is below 0, as an interval's end may be.
    spans = [(max(low, 0), high) for low, high in map(interval, (each for _, each in values))]
    low, high = np.transpose(spans)
    x = [places[rho] for rho in means.index]
    bars: dict[str, Any] = {"elinewidth": 0.8, "capsize": 1.5, "fmt": "o-"}
    panel.errorbar(x, means, [means - low, high - means], color=colour, **bars)
