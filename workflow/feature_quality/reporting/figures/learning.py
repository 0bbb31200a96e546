"""Learning curves: how fast the runs of a sweep learn, at each learning rate and ρ."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from feature_quality.artifacts.history import HISTORY
from feature_quality.artifacts.parquet import read_table
from feature_quality.artifacts.prepared import read_description
from feature_quality.formatting import format_number
from feature_quality.methods import BASELINE, METHODS
from feature_quality.reporting.figures.drawing import (
    Drawing,
    Inputs,
    bands_text,
    dataset_texts,
    diverged_settings_text,
)
from feature_quality.reporting.figures.style import canvas, empty_panel, lines, sequence
from feature_quality.reporting.metrics import weighting_text

INPUTS = {"dataset": ["examples", "histories"]}
CAPTION = (
    "Learning curves: errors and losses by epoch. Validation error after each epoch, and training "
    "loss over its batches, at every learning rate and ρ of the sweep. Axes are linear next to 0, "
    "and logarithmic beyond."
)
Run = tuple[pd.DataFrame, dict[str, Any]]
MEASURES = {"val_error": "validation error", "train_loss": "training loss"}
# There may be a hundred epochs and seven lines. The last epoch, which validation judges, is marked.
FINE: dict[str, Any] = {
    "linewidth": 1,
    "markersize": 3,
    "markevery": [-1],
    "err_kws": {"alpha": 0.1, "linewidth": 0},
}


def draw(inputs: Inputs, method: str) -> Drawing:
    """Draw the figure of a method's runs and SGD's."""
    description = read_description(inputs["examples"][0])
    histories = [read_table(path, HISTORY) for path in inputs["histories"]]
    diverged = ((run["lr"], run["rho"]) for _, run in histories if run["diverged"])
    texts = dataset_texts(
        description,
        bands_text(len({run["seed"] for _, run in histories})),
        f"Runs with ρ > 0: {METHODS[method].label}.",
        weighting_text(description),
        diverged_settings_text(diverged),
    )
    return Drawing(plot(epochs_of(histories)), texts)


def epochs_of(histories: Sequence[Run]) -> pd.DataFrame:
    """Join the epochs of all runs, one row per epoch.

    The columns are epoch and ``MEASURES``; the run's lr (with which the schedule in its history
    begins), rho and seed; and whether it diverged. A run that diverged in its first epoch has one
    row without measures, so that its learning rate keeps its column.
    """
    return pd.concat(
        [
            history[["epoch", *MEASURES]]
            .reindex(range(max(len(history), 1)))
            .assign(
                lr=run["lr"], rho=run["rho"], seed=run["seed"], diverged=run["diverged"] is not None
            )
            for history, run in histories
        ],
        ignore_index=True,
    )


def plot(epochs: pd.DataFrame) -> Figure:
    """Draw one column per learning rate and one line per ρ; runs that diverged are left out.

    Args:
        epochs: as ``epochs_of`` returns them.
    """
    rates = sorted(epochs["lr"].unique())
    figure, axes = canvas(2, len(rates), 3.8, sharex=True, sharey="row")
    colours = sequence(epochs["rho"])
    finished = epochs[~epochs["diverged"]]
    for row, (measure, name) in zip(axes, MEASURES.items(), strict=True):
        for panel, lr in zip(row, rates, strict=True):
            runs = finished[finished["lr"] == lr]
            if runs.empty:
                empty_panel(panel, "every run\ndiverged")
            else:
                options = FINE | {"hue": "rho", "palette": colours, "legend": False}
                lines(runs, panel, x="epoch", y=measure, **options)
            place = panel.get_subplotspec()
            panel.set(
                title=f"lr {format_number(lr)}" if place.is_first_row() else "",
                xlabel="epoch" if place.is_last_row() else "",
                ylabel=name if place.is_first_col() else "",
            )
    for panel, measure in zip(axes[:, 0], MEASURES, strict=True):
        means = finished.groupby(["lr", "rho", "epoch"])[measure].mean()
        if (means > 0).any():
            # Errors reach 0 before the end, and losses go on falling by orders of magnitude.
            panel.set_yscale("symlog", linthresh=10 ** np.floor(np.log10(means[means > 0].min())))
        panel.set_ylim(0, None)
    axes[0, 0].xaxis.set_major_locator(MaxNLocator(4, integer=True))
    handles = [Line2D([], [], color=colour, label=_label(rho)) for rho, colour in colours.items()]
    figure.legend(handles=handles, loc="outside upper center", ncols=7, columnspacing=1)
    return figure


def _label(rho: float) -> str:
    return f"ρ {format_number(rho)}" + ("" if rho else f" ({BASELINE.label})")
