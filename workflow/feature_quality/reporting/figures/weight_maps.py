"""Figures 5 and 8: median weights by how much each feature contributes to the margin."""

from collections.abc import Sequence
from itertools import product
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from scipy.stats import binned_statistic_2d

from feature_quality.reporting.figures.example_weights import KINDS, panel_points
from feature_quality.reporting.figures.style import NEUTRAL, canvas
from feature_quality.reporting.lorenz import Array
from feature_quality.reporting.weighted_points import FEWEST, WeightedPoints

RATIO = "$\\tilde{λ}$/λ"
BINS = 16
# Contributions beyond these quantiles are few and far out.
INNER = (0.01, 0.99)
# Medians below this are drawn as if they were this.
FAINTEST = 1e-9


def bins_text(shown: WeightedPoints) -> str:
    """Say below the figure what the maps show."""
    text = f"Training points of all seeds; bins of fewer than {FEWEST} are blank."
    return (
        text if shown.of_toy else f"{text} Contributions are the margins of the features' probes."
    )


def weight_maps(shown: WeightedPoints, epochs: Sequence[int]) -> Figure:
    """Draw the median of λ and λ̃, and their ratio, by the two features' contributions.

    One checkpoint has a row per method (figure 5); several have a column each (figure 8).
    """
    single = len(epochs) == 1
    figure, axes = canvas(2, 3, 4.4) if single else canvas(6, len(epochs), 8.2)
    maps = {
        (method, epoch): _medians(panel_points(shown, method, epoch))
        for method, epoch in product(shown.methods, epochs)
    }
    ratios = np.concatenate([each["ratio"].ravel() for each, _ in maps.values()])
    # There may be no bin that has enough points.
    reach = np.max(np.abs(np.log10(ratios[np.isfinite(ratios) & (ratios > 0)])), initial=0.1)
    norms = {kind: LogNorm(FAINTEST, 1) for kind in KINDS} | {
        "ratio": LogNorm(10**-reach, 10**reach)
    }
    if shown.of_toy:
        easy, hard = "easy, $y w_e f_e$", "hard, $y w_h f_h$"
    else:
        easy, hard = (f"{each}: {shown.about[each]}" for each in ("easy", "hard"))
    images: dict[str, Any] = {}
    cells = product(shown.methods, norms, epochs)
    for (method, kind, epoch), panel in zip(cells, axes.flat, strict=True):
        medians, bins = maps[method, epoch]
        images[kind] = _map(panel, medians[kind], bins, norms[kind])
        name = f"{method.label}: {KINDS.get(kind, RATIO)}"
        place = panel.get_subplotspec()
        if single:
            panel.set_title(name)
        elif place.is_first_row():
            panel.set_title(f"epoch {epoch}")
        if place.is_last_row():
            panel.set_xlabel(easy)
        if place.is_first_col():
            panel.set_ylabel(hard if single else f"{name}\n{hard}")
    bar: dict[str, Any] = {
        "ax": axes,
        "location": "bottom",
        "shrink": 0.6,
        "aspect": 40,
        "pad": 0.02,
    }
    figure.colorbar(images["weight"], label="median weight, λ or $\\tilde{λ}$", extend="min", **bar)
    figure.colorbar(images["ratio"], label=f"ratio of medians, {RATIO}", **bar)
    return figure


def median_by_bin(
    easy: npt.ArrayLike, hard: npt.ArrayLike, weights: npt.ArrayLike, bins: Sequence[Array]
) -> Array:
    """Return the median weight in each bin of the two contributions.

    Args:
        easy, hard: signed contributions of the two features, (n,).
        weights: (n,).
        bins: edges of the easy and of the hard contribution's bins.

    Returns:
        (easy bins, hard bins), NaN where there are fewer than five points.
    """
    median = binned_statistic_2d(easy, hard, weights, statistic="median", bins=bins).statistic
    count = binned_statistic_2d(easy, hard, None, statistic="count", bins=bins).statistic
    blanked: Array = np.where(count >= FEWEST, median, np.nan)
    return blanked


def _medians(points: pd.DataFrame) -> tuple[dict[str, Array], tuple[Array, Array]]:
    """Return the map of each kind over bins that all of them share, and the bins."""
    easy, hard = points["easy_contribution"], points["hard_contribution"]
    bins = _edges(easy), _edges(hard)
    found = {kind: median_by_bin(easy, hard, points[kind], bins) for kind in KINDS}
    with np.errstate(divide="ignore", invalid="ignore"):
        found["ratio"] = found["phantom_weight"] / found["weight"]
    return found, bins


def _edges(contribution: pd.Series) -> Array:
    """Return the edges of equal bins over the inner contributions, (BINS + 1,)."""
    return np.histogram_bin_edges(contribution.clip(*contribution.quantile(INNER)), BINS)


def _map(panel: Axes, medians: Array, bins: tuple[Array, Array], norm: LogNorm) -> Any:
    # What is around 1 diverges, what ends at 1 does not.
    colours = "PuOr_r" if norm.vmax is not None and norm.vmax > 1 else "viridis"
    image = panel.pcolormesh(*bins, medians.T, norm=norm, cmap=colours, rasterized=True)
    panel.axline((0, 0), slope=1, color=NEUTRAL, linewidth=0.7, linestyle=":")
    panel.axhline(0, color=NEUTRAL, linewidth=0.5)
    panel.axvline(0, color=NEUTRAL, linewidth=0.5)
    panel.set(xlim=bins[0][[0, -1]], ylim=bins[1][[0, -1]])
    panel.grid(visible=False)
    return image
