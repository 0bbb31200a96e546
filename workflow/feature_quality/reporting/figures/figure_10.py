"""Figure 10: the hard feature's error against ρ at every batch size."""

import pandas as pd
from matplotlib.figure import Figure

from feature_quality.artifacts.parquet import read_tables
from feature_quality.artifacts.toy import TOY_RUNS
from feature_quality.reporting.figures.drawing import Drawing, Inputs, bands_text
from feature_quality.reporting.figures.style import (
    HARD_ERROR,
    LOST,
    RHO,
    canvas,
    lines,
    lost_handles,
    sequence,
)
from feature_quality.reporting.toy_runs import diverged_text, lost, lost_points, lost_text

INPUTS = {"toy": ["batch_size"]}
CAPTION = (
    "Figure 10: error against ρ by batch size. The hard feature's error, left with equal numbers "
    "of updates, right with equal numbers of epochs."
)
TITLES = {"updates": "equal numbers of updates", "epochs": "equal numbers of epochs"}


def draw(inputs: Inputs, _: None) -> Drawing:
    """Draw the figure."""
    runs = read_tables(inputs["batch_size"], TOY_RUNS)
    texts = [bands_text(runs["seed"].nunique()), *diverged_text(runs)]
    texts += lost_text(runs, "Drawn, but dropped where claims compare runs")
    return Drawing(plot(runs), texts)


def plot(runs: pd.DataFrame) -> Figure:
    """Draw one line per batch size, and one panel per budget.

    Crosses mark settings that have lost the label in some run.
    """
    figure, axes = canvas(1, 2, 2.7, sharey=True)
    colours = sequence(runs["batch_size"])
    for panel, (budget, title) in zip(axes[0], TITLES.items(), strict=True):
        chosen = runs[runs["budget"] == budget]
        legend = "full" if budget == "epochs" else False
        options = {"hue": "batch_size", "palette": colours, "legend": legend}
        lines(chosen, panel, x="rho", y="hard_error", **options)
        crosses = lost_points(chosen, ["rho", "batch_size"])
        panel.plot(crosses.index.get_level_values("rho"), crosses, **LOST)
        panel.set(title=title, xlabel=RHO, ylabel=HARD_ERROR)
        panel.label_outer()
    axes[0, 0].set_ylim(bottom=0)
    axes[0, 1].legend(title="batch size", loc="center left", bbox_to_anchor=(1, 0.5))
    if marks := lost_handles(lost(runs)):
        figure.legend(handles=marks, loc="outside upper center")
    return figure
