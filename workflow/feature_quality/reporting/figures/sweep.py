"""The whole sweep: test and probing errors against ρ at every learning rate, selected or not."""

from typing import Any

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from feature_quality.artifacts.prepared import Description
from feature_quality.formatting import format_number
from feature_quality.reporting.figures.style import (
    IMAGE_METHODS,
    RHO,
    canvas,
    empty_panel,
    lines,
    sequence,
)
from feature_quality.reporting.table1 import finished

# Around the point of a setting that validation data chose.
RING: dict[str, Any] = {
    "linestyle": "",
    "marker": "o",
    "markerfacecolor": "none",
    "markeredgewidth": 1.5,
    "markersize": 9,
    "zorder": 5,
}


def sweep(runs: pd.DataFrame, description: Description) -> Figure:
    """Draw a panel an error and a line a learning rate, the chosen settings in rings.

    Args:
        runs: the dataset's rows of ``runs.parquet``.
        description: of the dataset.
    """
    tested = "test error" + (", training domains" if description.target else "")
    measures = {"error": tested} | {
        f"{feature}_probe_error": f"probing error: {feature}" for feature in description.probed
    }
    figure, axes = canvas(1, len(measures), 2.8)
    colours = sequence(runs["lr"])
    of_setting = runs.groupby(["lr", "rho"], group_keys=False)
    measured = of_setting[[*runs]].apply(finished)
    measured = measured[measured["split"].isin(["test", "probe_test"])]
    for panel, (metric, title) in zip(axes[0], measures.items(), strict=True):
        rows = measured[measured["metric"] == metric]
        if rows.empty:
            empty_panel(panel, "no run was\nmeasured")
        else:
            options = {"hue": "lr", "palette": colours, "legend": False}
            lines(rows, panel, x="rho", y="value", **options)
        chosen = rows[rows["selected"]]
        for method, colour in IMAGE_METHODS.items():
            point = chosen[(chosen["rho"] > 0) == (method != "SGD")]
            if len(point):
                place = (point["rho"].iloc[0], point["value"].mean())
                panel.plot(*place, **RING, color=colour, clip_on=False)
        panel.set(title=title, xlabel=RHO, ylabel="", ylim=(0, None))
    handles = [
        Line2D([], [], color=colour, marker="o", label=f"lr {format_number(lr)}")
        for lr, colour in colours.items()
    ]
    handles += [
        Line2D([], [], **RING, color=colour, label=f"chosen for {method}")
        for method, colour in IMAGE_METHODS.items()
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
