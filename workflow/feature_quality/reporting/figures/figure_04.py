"""Figure 4: LSAM's phantom learning rates over the real ones."""

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import StrMethodFormatter

from feature_quality.artifacts.parquet import read_table
from feature_quality.artifacts.toy import EPOCHS, TOY_RUNS
from feature_quality.errors import InputError
from feature_quality.reporting.figures.drawing import Drawing, Inputs, bands_text
from feature_quality.reporting.figures.style import FEATURES, NEUTRAL, RHO, canvas, lines
from feature_quality.reporting.toy_runs import (
    SGD_RHO,
    comparable,
    diverged_text,
    lost_text,
    pole_text,
    without_lost,
)

INPUTS = {"toy": ["epochs", "shown"]}
CAPTION = (
    "Figure 4: phantom over real learning rates. LSAM's, for each feature. Left: at one ρ, the "
    "mean over each epoch; right: the mean over the whole of training against ρ. Above the dotted "
    "line, the feature learns faster than its real weight would have it."
)
SCALING = "phantom/real rate, $\\tilde{w}_j/w_j$"


def draw(inputs: Inputs, _: None) -> Drawing:
    """Draw the figure."""
    epochs = read_table(inputs["epochs"][0], EPOCHS)[0]
    shown = read_table(inputs["shown"][0], TOY_RUNS)[0]
    texts = [bands_text(shown["seed"].nunique()), *diverged_text(shown)]
    texts += lost_text(shown, "Left out on the right")
    texts += pole_text(without_lost(shown), "The right")
    return Drawing(plot(epochs, shown), texts)


def plot(epochs: pd.DataFrame, runs: pd.DataFrame) -> Figure:
    """Draw w̃_j/w_j of both features: over training at the shown ρ, and its mean against ρ.

    Against ρ, what claim 7 does not compare is left out.

    Args:
        epochs: the runs of the study of dynamics, one row per epoch.
        runs: those of the study of complexity, at the shown complexity.

    Raises:
        InputError: if every run of LSAM in ``epochs`` diverged.
    """
    figure, axes = canvas(1, 2, 2.4, sharey=True)
    left, right = axes[0]
    over_training = epochs[epochs["rho"] != SGD_RHO]
    # A run that diverged has measures until then.
    finite = over_training["hard_scaling"].notna().groupby(over_training["seed"]).transform("all")
    over_training = over_training[finite]
    if over_training.empty:
        raise InputError("toy: every run of LSAM diverged in the study of dynamics")
    lines(_by_feature(over_training, "epoch"), left, **_options("epoch"), marker=None)
    left.set(title=f"over training, ρ = {over_training['rho'].iloc[0]:g}", xlabel="epoch")
    left.set(xscale="log", ylabel=SCALING)
    left.xaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
    kept = without_lost(runs)
    lines(_by_feature(kept[comparable(kept)], "rho"), right, **_options("rho"), legend=False)
    right.set(title="mean over training", xlabel=RHO, ylabel="")
    for panel in (left, right):
        panel.axhline(1, color=NEUTRAL, linewidth=0.8, linestyle=":")
    left.get_legend().set_title(None)
    return figure


def _options(x: str) -> dict[str, object]:
    return {"x": x, "y": "scaling", "hue": "feature", "palette": FEATURES}


def _by_feature(table: pd.DataFrame, x: str) -> pd.DataFrame:
    columns = {f"{feature}_scaling": feature for feature in FEATURES}
    kept = table[[x, *columns]].rename(columns=columns)
    return kept.melt(id_vars=x, var_name="feature", value_name="scaling")
