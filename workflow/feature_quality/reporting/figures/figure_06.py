"""Figure 6: each mechanism alone, by interventions on the gradient."""

from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import NullFormatter, ScalarFormatter

from feature_quality.artifacts.parquet import read_table, read_tables
from feature_quality.artifacts.toy import TOY_RUNS
from feature_quality.formatting import format_number
from feature_quality.methods import BASELINE
from feature_quality.reporting.figures.drawing import Drawing, Inputs, bands_text
from feature_quality.reporting.figures.style import (
    HARD_ERROR,
    HOLLOW,
    NEUTRAL,
    canvas,
    hollow_handles,
    lines,
)
from feature_quality.reporting.statistics import interval
from feature_quality.reporting.toy_runs import (
    INTERVENTIONS,
    KAPPAS,
    SGD_RHO,
    TOY_METHODS,
    breaks,
    comparable,
    diverged_text,
    lost_text,
    phantom_ratio,
    without_lost,
)

INPUTS = {"toy": ["interventions", "shown"]}
CAPTION = (
    "Figure 6: one mechanism of LSAM at a time. The hard feature's error when it is put into SGD. "
    "Grey lines: importance weights, learning rates, or both, against the ratio α = ŵ_h/ŵ_e of "
    "the weights that the intervention sets, whose norm is κ. Points: SGD and LSAM at each ρ, "
    "without an intervention, against w̃_h/w̃_e, the mean over training of the ratio of their "
    "phantom weights."
)
# Two quantities share the axis.
RATIOS = "α (interventions) or\n$\\tilde{w}_h/\\tilde{w}_e$ (SGD, LSAM)"
LINES: dict[str, Any] = {"constant": "-", "tracking": "--"}


def draw(inputs: Inputs, _: None) -> Drawing:
    """Draw the figure."""
    shown = read_table(inputs["shown"][0], TOY_RUNS)[0]
    runs = read_tables(inputs["interventions"], TOY_RUNS)
    texts = [bands_text(runs["seed"].nunique())]
    texts += diverged_text(pd.concat([runs, shown]))
    texts += lost_text(runs, "In the grey lines, but dropped by the claims")
    texts += lost_text(shown, "No part of the points")
    kept = without_lost(shown)
    if len(hidden := kept.loc[~comparable(kept), "rho"].unique()):
        radii = ", ".join(map(format_number, sorted(hidden)))
        texts.append(f"LSAM at ρ = {radii} is left out, as its ratio is not positive in some run.")
    return Drawing(plot(runs, kept), texts)


def ratio_by_rho(trained: pd.DataFrame) -> pd.Series:
    """Return the mean over seeds of w̃_h/w̃_e, of medians where its mean breaks, for each ρ.

    A ρ at which it is not positive in some run, or no run is known, is not there.
    """
    ratios = phantom_ratio(trained).where(comparable(trained))
    return ratios.groupby(trained["rho"]).mean().dropna()


def plot(intervened: pd.DataFrame, trained: pd.DataFrame) -> Figure:
    """Draw the hard feature's error against the ratio of weights, one panel per intervention.

    Args:
        intervened: runs under the interventions.
        trained: SGD and LSAM runs at the same complexity; each ρ stands at its mean over training
            of w̃_h/w̃_e, hollow and at the median where that mean breaks. Those that have lost the
            label have NaN.
    """
    figure, axes = canvas(1, 3, 2.8, sharey=True)
    for panel, (kind, title) in zip(axes[0], INTERVENTIONS.items(), strict=True):
        runs = intervened[intervened["intervention"] == kind]
        for kappa, linestyle in LINES.items():
            chosen = runs[runs["kappa"] == kappa]
            lines(chosen, panel, x="alpha", y="hard_error", color=NEUTRAL, linestyle=linestyle)
        _references(panel, trained)
        panel.set(title=title, xscale="log", xlabel=RATIOS, ylabel=HARD_ERROR)
        panel.set_xticks(sorted(runs["alpha"].unique()))
        panel.xaxis.set_major_formatter(ScalarFormatter())
        panel.xaxis.set_minor_formatter(NullFormatter())
        panel.label_outer()
    axes[0, 0].set_ylim(bottom=0)
    handles = _legend(sorted(intervened["kappa"].unique())) + hollow_handles(
        breaks(trained) & comparable(trained)
    )
    figure.legend(handles=handles, loc="outside upper center", ncols=len(handles))
    return figure


def _references(panel: Axes, runs: pd.DataFrame) -> None:
    """Draw SGD's point with a line at its error, and LSAM's points, joined by rising ρ."""
    x = ratio_by_rho(runs)
    runs = runs[runs["rho"].isin(x.index)]
    by_rho = runs.groupby("rho")
    y = by_rho["hard_error"].mean()
    broken = breaks(runs).groupby(runs["rho"]).any()
    spans = [interval(errors) for _, errors in by_rho["hard_error"]]
    bars = [(y - [low for low, _ in spans]), ([high for _, high in spans] - y)]
    of_sgd = y.index == SGD_RHO
    sgd, lsam = TOY_METHODS
    panel.plot(x, y, color=lsam.colour, linewidth=1)
    for method, chosen in ((sgd, of_sgd), (lsam, ~of_sgd)):
        panel.errorbar(
            x[chosen],
            y[chosen],
            [bar[chosen] for bar in bars],
            color=method.colour,
            fmt="o",
            elinewidth=0.8,
        )
        hollow = chosen & broken
        panel.plot(x[hollow], y[hollow], **HOLLOW, color=method.colour)
    for error in y[of_sgd]:
        panel.axhline(error, color=sgd.colour, linewidth=0.8, linestyle=":")


def _legend(kappas: list[str]) -> list[Line2D]:
    handles = [
        Line2D(
            [],
            [],
            color=method.colour,
            marker="o",
            linestyle=":" if method == BASELINE else "-",
            label=method.label,
        )
        for method in TOY_METHODS
    ]
    handles += [
        Line2D([], [], color=NEUTRAL, linestyle=LINES[kappa], label=label)
        for kappa, label in KAPPAS.items()
        if kappa in kappas
    ]
    return handles
