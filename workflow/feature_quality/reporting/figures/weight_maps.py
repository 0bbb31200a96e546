"""Figures 5 and 8: median weights by how much each feature contributes to the margin."""

from collections.abc import Iterable, Sequence
from itertools import product
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter
from scipy.stats import binned_statistic_2d

from feature_quality.reporting.figures.example_weights import KINDS, panel_points
from feature_quality.reporting.figures.style import NEUTRAL, NO_DATA, canvas
from feature_quality.reporting.lorenz import Array
from feature_quality.reporting.weighted_points import FEWEST, WeightedPoints

RATIO = "$\\tilde{λ}$/λ, shares"
BINS = 16
# Contributions beyond these quantiles are few and far out.
INNER = (0.01, 0.99)
# The scale of colours ends at these quantiles of all medians.
SCALE = (0.02, 0.98)


def bins_text(shown: WeightedPoints) -> str:
    """Say in the caption what the maps show."""
    text = (
        f"Training points of all seeds; bins of fewer than {FEWEST} are grey. The axes hold the "
        "inner 98 % of each feature's contributions, and are the same for both methods; colours "
        "end at the 2nd and the 98th percentile of the medians, those of ratios as far from 1 on "
        "both sides. Ratios are of shares, each weight over its seed's sum of its kind: above 1, "
        "points gain weight at the cost of others. Dotted: equal contributions."
    )
    return (
        text if shown.of_toy else f"{text} Contributions are the margins of the features' probes."
    )


def weight_maps(shown: WeightedPoints, epochs: Sequence[int]) -> Figure:
    """Draw the medians of λ and λ̃, and the ratio of their shares, by both contributions.

    One checkpoint has a row per method (figure 5); several have a column each (figure 8).
    """
    single = len(epochs) == 1
    figure, axes = canvas(2, 3, 4.2) if single else canvas(6, len(epochs), 8.4, sharex="col")
    points = {
        (method, epoch): panel_points(shown, method, epoch)
        for method, epoch in product(shown.methods, epochs)
    }
    bins = {epoch: _edges([points[method, epoch] for method in shown.methods]) for epoch in epochs}
    maps = {key: _medians(of, bins[key[1]]) for key, of in points.items()}
    weights = _scale([each[kind] for each in maps.values() for kind in KINDS])
    ratios = _scale([each["ratio"] for each in maps.values()], around_1=True)
    norms = {"weight": weights, "phantom_weight": weights, "ratio": ratios}
    if shown.of_toy:
        easy, hard = "easy feature, $y w_e f_e$", "hard feature, $y w_h f_h$"
    else:
        easy, hard = (f"{each} feature, {shown.about[each]}" for each in ("easy", "hard"))
    images: dict[str, Any] = {}
    cells = product(shown.methods, norms, epochs)
    for (method, kind, epoch), panel in zip(cells, axes.flat, strict=True):
        colours = "PuOr_r" if kind == "ratio" else "viridis"
        images[kind] = _map(panel, maps[method, epoch][kind], bins[epoch], norms[kind], colours)
        name = f"{method.label}: {KINDS.get(kind, RATIO)}"
        place = panel.get_subplotspec()
        if single:
            panel.set_title(name)
            panel.label_outer()
        elif place.is_first_row():
            panel.set_title(f"epoch {epoch}")
        if not single and place.is_first_col():
            panel.set_ylabel(name)
        panel.locator_params(nbins=5 if single else 3)
        if not single:
            panel.locator_params(axis="x", nbins=2)
    axes[-1, (axes.shape[1] - 1) // 2].set_xlabel(f"contribution of the {easy}")
    figure.supylabel(f"contribution of the {hard}")
    bar: dict[str, Any] = {"location": "bottom", "extend": "both", "pad": 0.02}
    of_weights, of_ratios = (axes[:, :2], axes[:, 2]) if single else (axes, axes)
    weight_bar = figure.colorbar(
        images["weight"], ax=of_weights, label="median weight, λ or $\\tilde{λ}$", aspect=40, **bar
    )
    ratio_bar = figure.colorbar(
        images["ratio"],
        ax=of_ratios,
        label=f"ratio of medians, {RATIO}",
        aspect=20 if single else 40,
        **bar,
    )
    for each in (weight_bar, ratio_bar):
        # Within a decade or two, labels of the ticks between would overlap.
        each.ax.xaxis.set_minor_formatter(NullFormatter())
        low, high = each.ax.get_xlim()
        if high < 100 * low:
            # There may be one power of ten, or none.
            ticks = [low, (low * high) ** 0.5, high]
            each.set_ticks(ticks, labels=[f"{tick:.2g}" for tick in ticks])
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


def _medians(points: pd.DataFrame, bins: tuple[Array, Array]) -> dict[str, Array]:
    """Return the map of each kind, and that of the ratio of their shares.

    Claim 6 is about shares: the sum of all λ̃ is another than that of all λ.
    """
    places = points["easy_contribution"], points["hard_contribution"]
    found = {kind: median_by_bin(*places, points[kind], bins) for kind in KINDS}
    sums = points.groupby("seed")[[*KINDS]].transform("sum")
    shares = {kind: median_by_bin(*places, points[kind] / sums[kind], bins) for kind in KINDS}
    with np.errstate(divide="ignore", invalid="ignore"):
        found["ratio"] = shares["phantom_weight"] / shares["weight"]
    return found


def _edges(parts: Sequence[pd.DataFrame]) -> tuple[Array, Array]:
    """Return the edges of equal bins over the inner contributions to all parts, (BINS + 1,)."""
    points = pd.concat(parts)
    easy, hard = (
        np.histogram_bin_edges(values.clip(*values.quantile(INNER)), BINS)
        for values in (points["easy_contribution"], points["hard_contribution"])
    )
    return easy, hard


def _scale(maps: Iterable[Array], around_1: bool = False) -> LogNorm:
    """Return the scale of some maps' colours, which leaves out the outermost of their values."""
    values = np.concatenate([each.ravel() for each in maps])
    values = values[np.isfinite(values) & (values > 0)]
    # There may be no bin that has enough points, or one value alone.
    low, high = np.quantile(values, SCALE) if len(values) else (1, 1)
    if around_1:
        high = max(high, 1 / low)
        low = 1 / high
    return LogNorm(low, high) if high > low else LogNorm(0.9 * low, 1.1 * high)


def _map(
    panel: Axes, medians: Array, bins: tuple[Array, Array], norm: LogNorm, colours: str
) -> Any:
    # A median of 0 is beyond the scale, and not without data.
    shown = np.clip(medians, np.finfo(float).tiny, np.finfo(float).max).T
    # Edges of the colour of the face, as viewers of PDF files show gaps otherwise.
    edges: dict[str, Any] = {"edgecolors": "face", "linewidth": 0.2}
    image = panel.pcolormesh(*bins, shown, norm=norm, cmap=colours, **edges)
    panel.set_facecolor(NO_DATA)
    panel.axline((0, 0), slope=1, color=NEUTRAL, linewidth=0.7, linestyle=":")
    panel.axhline(0, color=NEUTRAL, linewidth=0.5)
    panel.axvline(0, color=NEUTRAL, linewidth=0.5)
    panel.set(xlim=bins[0][[0, -1]], ylim=bins[1][[0, -1]])
    panel.grid(visible=False)
    return image
