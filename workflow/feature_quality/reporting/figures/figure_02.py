"""Figure 2: the hard feature's error and the ratio of the last layer's weights against ρ."""

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from feature_quality.artifacts.parquet import read_tables
from feature_quality.artifacts.toy import TOY_RUNS
from feature_quality.reporting.figures.drawing import Drawing, Inputs, bands_text
from feature_quality.reporting.figures.style import (
    HARD_ERROR,
    HOLLOW,
    LOST,
    NEUTRAL,
    RHO,
    canvas,
    hollow_handles,
    lines,
    lost_handles,
    sequence,
)
from feature_quality.reporting.toy_runs import (
    breaks,
    comparable,
    diverged_text,
    lost,
    lost_points,
    lost_text,
    phantom_ratio,
    pole_text,
    without_lost,
)

INPUTS = {"toy": ["complexity"]}
CAPTION = (
    "Figure 2: error and weights against ρ. A: the error on the hard feature, a spiral that turns "
    "by c degrees from its centre to its end. B: the ratio of the last layer's weights of the "
    "hard and the easy feature, mean over training, at the phantom parameters (solid) and at the "
    "real ones (dashed)."
)


def draw(inputs: Inputs, _: None) -> Drawing:
    """Draw the figure."""
    runs = read_tables(inputs["complexity"], TOY_RUNS)
    texts = [bands_text(runs["seed"].nunique()), *diverged_text(runs)]
    texts += lost_text(runs, "Drawn in A alone, and dropped by the claims")
    texts += pole_text(without_lost(runs), "B: a solid line")
    return Drawing(plot(runs), texts)


def plot(runs: pd.DataFrame) -> Figure:
    """Draw panels A and B, one line per complexity.

    In A, crosses mark settings that have lost the label in some run. B is without those runs;
    settings where the mean over training breaks are hollow there, and stand at the median, and
    those whose median is not positive either are left out.
    """
    figure, axes = canvas(1, 2, 3.0)
    colours = sequence(runs["complexity"])
    options = {"x": "rho", "hue": "complexity", "palette": colours, "legend": False}
    left, right = axes[0]
    lines(runs, left, y="hard_error", **options)
    crosses = lost_points(runs, ["rho", "complexity"])
    left.plot(crosses.index.get_level_values("rho"), crosses, **LOST)
    left.set(title="A: error on the spiral", xlabel=RHO, ylabel=HARD_ERROR, ylim=(0, None))
    kept = without_lost(runs)
    kept = kept.assign(phantom=phantom_ratio(kept).where(comparable(kept)))
    lines(kept, right, y="phantom", **options)
    lines(kept, right, y="real_ratio_mean", linestyle="--", **options)
    broken = kept[breaks(kept)].groupby(["complexity", "rho"])["phantom"].mean().dropna()
    right.plot(broken.index.get_level_values("rho"), broken, **HOLLOW, color=NEUTRAL)
    right.set(title="B: ratio of weights", xlabel=RHO, ylabel="weight ratio, hard/easy")
    handles = [
        Line2D([], [], color=colour, marker="o", label=f"c = {value:g}°")
        for value, colour in colours.items()
    ]
    handles += [
        Line2D([], [], color=NEUTRAL, label="B: $\\tilde{w}_h/\\tilde{w}_e$"),
        Line2D([], [], color=NEUTRAL, linestyle="--", label="B: $w_h/w_e$"),
    ]
    handles += hollow_handles(breaks(kept) & comparable(kept)) + lost_handles(lost(runs))
    figure.legend(handles=handles, loc="outside upper center", ncols=4)
    return figure
