"""The whole sweep: test and probing errors against ρ at every learning rate, selected or not."""

from collections.abc import Sequence
from typing import Any

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from feature_quality.artifacts.parquet import read_table
from feature_quality.artifacts.prepared import Description, read_description
from feature_quality.artifacts.runs import RUNS
from feature_quality.formatting import format_number
from feature_quality.methods import BASELINE, METHODS, Method
from feature_quality.reporting.figures.drawing import Drawing, Inputs, below, diverged, weighting
from feature_quality.reporting.figures.style import BANDS, RHO, canvas, empty_panel, lines, sequence
from feature_quality.reporting.metrics import finished

INPUTS = {"dataset": ["examples", "runs"]}
CAPTION = (
    "Test error and the probing error of each feature against ρ, at every learning rate of the"
    " sweep; rings mark what validation data chose."
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


def draw(inputs: Inputs, method: str) -> Drawing:
    """Draw the figure of a method's runs and SGD's, whose ρ is 0."""
    description = read_description(inputs["examples"][0])
    methods = [BASELINE, METHODS[method]]
    runs = read_table(inputs["runs"][0], RUNS)[0]
    shown = runs["method"].isin([each.name for each in methods])
    runs = runs[shown & (runs["dataset"] == description.dataset)]
    lost = runs[(runs["metric"] == "diverged") & (runs["value"] == 1)][["lr", "rho"]]
    texts = below(
        description,
        BANDS,
        weighting(description),
        unmeasured(runs),
        diverged(lost.itertuples(index=False)),
    )
    return Drawing(plot(runs, description, methods), texts)


def plot(runs: pd.DataFrame, description: Description, methods: Sequence[Method]) -> Figure:
    """Draw one panel per error and one line per learning rate, the chosen settings in rings.

    Args:
        runs: the rows of ``runs.parquet`` of these methods on the dataset.
        description: of the dataset.
        methods: SGD and another.
    """
    tested = "test error" + (", training domains" if description.target else "")
    measures = {"error": tested} | {
        f"{feature}_probe_error": f"probing error: {feature}" for feature in description.probed
    }
    figure, axes = canvas(1, len(measures), 2.8)
    colours = sequence(runs["lr"])
    parts = [finished(setting) for _, setting in runs.groupby(["lr", "rho"])]
    measured = pd.concat(parts)
    measured = measured[measured["split"].isin(["test", "probe_test"])]
    for panel, (metric, title) in zip(axes[0], measures.items(), strict=True):
        rows = measured[measured["metric"] == metric]
        if rows.empty:
            empty_panel(panel, "no run was\nmeasured")
        else:
            options = {"hue": "lr", "palette": colours, "legend": False}
            lines(rows, panel, x="rho", y="value", **options)
        chosen = rows[rows["selected"]]
        for method in methods:
            point = chosen[chosen["method"] == method.name]
            if len(point):
                place = (point["rho"].iloc[0], point["value"].mean())
                panel.plot(*place, **RING, color=method.colour, clip_on=False)
        panel.set(title=title, xlabel=RHO, ylabel="", ylim=(0, None))
    handles = [
        Line2D([], [], color=colour, marker="o", label=f"lr {format_number(lr)}")
        for lr, colour in colours.items()
    ]
    handles += [
        Line2D([], [], **RING, color=method.colour, label=f"chosen for {method.label}")
        for method in methods
    ]
    figure.legend(handles=handles, loc="outside upper center", ncols=6, columnspacing=1)
    return figure


def unmeasured(runs: pd.DataFrame) -> str:
    """Say that only the selected runs were tested and probed, if there are others."""
    tested = runs[runs["split"] == "test"]
    settings, measured = (len(each[["lr", "rho"]].drop_duplicates()) for each in (runs, tested))
    if measured == settings:
        return ""
    return f"Only selected runs were tested and probed: {measured} of {settings} settings."
