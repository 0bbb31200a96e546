"""Figure 9: the hard feature's error under each kind of noise."""

import pandas as pd
from matplotlib.figure import Figure

from feature_quality.reporting.figures.style import HARD_ERROR, METHODS, canvas, lines, method_of

KINDS = {
    "label": ("label noise", "probability of a flip p"),
    "gaussian": ("Gaussian noise", "standard deviation σ"),
    "dropout": ("feature dropout", "probability of a drop q"),
}
ROWS = {"both": "on both", "hard": "on hard only"}


def noise(runs: pd.DataFrame) -> Figure:
    """Draw SGD against LSAM over the levels of noise: a column a kind, a row a variant."""
    figure, axes = canvas(len(ROWS), len(KINDS), 3.8, sharey=True, sharex="col")
    runs = runs.assign(method=method_of(runs["rho"]))
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
                hue_order=list(METHODS),
                palette=METHODS,
                legend=first,
            )
            panel.set(xlabel=level, ylabel=f"{HARD_ERROR},\nnoise {where}")
            if row == 0:
                panel.set_title(title)
            panel.label_outer()
    axes[0, 0].set_ylim(bottom=0)
    axes[0, 0].get_legend().set_title(None)
    return figure
