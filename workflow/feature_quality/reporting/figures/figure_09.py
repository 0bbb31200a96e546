"""Figure 9: the hard feature's error under each kind of noise."""

import pandas as pd
from matplotlib.figure import Figure

from feature_quality.artifacts.parquet import read_tables
from feature_quality.artifacts.toy import TOY_RUNS
from feature_quality.reporting.figures.drawing import Drawing, Inputs, bands_text
from feature_quality.reporting.figures.style import HARD_ERROR, canvas, lines
from feature_quality.reporting.toy_runs import TOY_METHODS, diverged_text, method_of

INPUTS = {"toy": ["noise"]}
CAPTION = (
    "Figure 9: errors under noise. The hard feature's error under SGD and LSAM against the level "
    "of noise in the training data. Columns: the kind of noise, with its level on the axis; upper "
    "row: noise on both features, lower row: on the hard one alone."
)
KINDS = {
    "label": ("label noise", "probability of a flip p"),
    "gaussian": ("Gaussian noise", "standard deviation σ"),
    "dropout": ("feature dropout", "probability of a drop q"),
}
ROWS = {"both": "on both", "hard": "on hard only"}


def draw(inputs: Inputs, _: None) -> Drawing:
    """Draw the figure."""
    runs = read_tables(inputs["noise"], TOY_RUNS)
    texts = [bands_text(runs["seed"].nunique()), f"LSAM at ρ = {max(runs['rho']):g}."]
    return Drawing(plot(runs), [*texts, *diverged_text(runs)])


def plot(runs: pd.DataFrame) -> Figure:
    """Draw SGD against LSAM over the levels: one column per kind of noise, one row per variant."""
    figure, axes = canvas(len(ROWS), len(KINDS), 3.8, sharey=True, sharex="col")
    labels = {method.name: method.label for method in TOY_METHODS}
    colours = {method.label: method.colour for method in TOY_METHODS}
    runs = runs.assign(method=method_of(runs["rho"]).map(labels))
    for row, (noisy, where) in enumerate(ROWS.items()):
        for column, (kind, (title, level)) in enumerate(KINDS.items()):
            panel = axes[row, column]
            chosen = runs[(runs["noise"] == kind) & (runs["noisy"] == noisy)]
            first = row == 0 and column == 0
            lines(
                chosen,
                panel,
                x="level",
                y="hard_error",
                hue="method",
                hue_order=list(colours),
                palette=colours,
                legend=first,
            )
            panel.set(xlabel=level, ylabel=f"{HARD_ERROR},\nnoise {where}")
            if row == 0:
                panel.set_title(title)
            panel.label_outer()
    axes[0, 0].set_ylim(bottom=0)
    axes[0, 0].get_legend().set_title(None)
    return figure
