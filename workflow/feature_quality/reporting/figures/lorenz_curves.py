"""Figures 3 and 7: Lorenz curves of the weights of training examples, and Gini coefficients."""

from collections.abc import Sequence
from itertools import product
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import NullFormatter
from scipy.stats import t

from feature_quality.reporting.figures.drawing import bands_text
from feature_quality.reporting.figures.example_weights import KINDS, panel_points
from feature_quality.reporting.figures.style import NEUTRAL, canvas, lines
from feature_quality.reporting.lorenz import Array, gini, lorenz
from feature_quality.reporting.statistics import interval
from feature_quality.reporting.weighted_points import WeightedPoints

STYLES: dict[str, Any] = {"weight": "--", "phantom_weight": "-"}
WORDS = {"weight": "real", "phantom_weight": "phantom"}
# Points of a curve, evenly on a linear and on a logarithmic axis.
STEPS = 200
COLUMNS = 3
SHARE, WEIGHT = "share of points", "share of weight"


def lorenz_curves(shown: WeightedPoints) -> Figure:
    """Draw the Lorenz curves of λ and λ̃ of both methods at the last checkpoint (figure 3).

    They stand in one panel twice, with a linear and with a logarithmic axis, on which curves can
    be told apart even if nearly all weight lies on few points. Gini coefficients stand beside.
    """
    figure, (panels,) = canvas(1, COLUMNS, 2.5)
    epoch = shown.epochs[-1]
    for panel, scale in zip(panels, ("linear", "log"), strict=False):
        _curves(panel, shown, epoch, scale)
        panel.set(title=f"{scale} axis", ylabel=WEIGHT)
        panel.label_outer(remove_inner_ticks=True)
    panels[1].set_yticklabels([])
    _coefficients(panels[2], shown, ginis(shown, [epoch]))
    _legend(figure, shown)
    return figure


def lorenz_curves_over_training(shown: WeightedPoints) -> Figure:
    """Draw the Lorenz curves at every checkpoint and, last, Gini coefficients over all (figure 7).

    The share of points is on a logarithmic axis.
    """
    rows = -(-(len(shown.epochs) + 1) // COLUMNS)
    figure, axes = canvas(rows, COLUMNS, 0.5 + 1.7 * rows)
    *panels, last = axes.flat[: len(shown.epochs) + 1]
    for panel, epoch in zip(panels, shown.epochs, strict=True):
        _curves(panel, shown, epoch, "log")
        place = panel.get_subplotspec()
        panel.set(title=f"epoch {epoch}", ylabel=WEIGHT if place.is_first_col() else "")
        if not place.is_first_col():
            panel.set_yticklabels([])
    for panel in axes.flat[len(shown.epochs) + 1 :]:
        panel.remove()
    over_training = ginis(shown, shown.epochs)
    over_training["evenness"] = 1 - over_training["gini"]
    for method, kind in product(shown.methods, KINDS):
        chosen = (over_training["method"] == method.name) & (over_training["kind"] == kind)
        options = {"color": method.colour, "linestyle": STYLES[kind], "legend": False}
        lines(over_training[chosen], last, x="epoch", y="evenness", **options)
    # Coefficients near 1 can be told apart by what they lack.
    last.set(title="1 − Gini coefficient", xscale="log", yscale="log", ylabel="")
    last.set_xticks(shown.epochs, [str(epoch) for epoch in shown.epochs])
    last.xaxis.set_minor_formatter(NullFormatter())
    _legend(figure, shown)
    return figure


def ginis(shown: WeightedPoints, epochs: Sequence[int]) -> pd.DataFrame:
    """Return the Gini coefficient of each kind of weights of each run; NaN if all are 0.

    Columns: method, epoch, kind, seed, gini.
    """
    return pd.DataFrame(
        {"method": method.name, "epoch": epoch, "kind": kind, "seed": seed, "gini": gini(of[kind])}
        for method, epoch in product(shown.methods, epochs)
        for seed, of in panel_points(shown, method, epoch).groupby("seed")
        for kind in KINDS
    )


def curves_texts(shown: WeightedPoints, epochs: Sequence[int]) -> list[str]:
    """Return what the caption adds: of how many seeds, the last coefficients, which are missing."""
    table = ginis(shown, epochs)
    means = table[table["epoch"] == epochs[-1]].groupby(["method", "kind"])["gini"].mean()
    noted = (
        f"{WORDS[kind]} weights of {method.label} {means[method.name, kind]:.4f}"
        for method, kind in product(shown.methods, KINDS)
    )
    texts = [bands_text(table["seed"].nunique())]
    texts += [f"Gini coefficients at epoch {epochs[-1]}: {', '.join(noted)}."]
    lost = int(table["gini"].isna().sum())
    texts += [f"Without a coefficient, as all weights are 0: {lost} times."] if lost else []
    return texts


def _curves(panel: Axes, shown: WeightedPoints, epoch: int, scale: str) -> None:
    """Draw both kinds of weights of both methods, and the diagonal, below which no curve lies."""
    parts = {method: panel_points(shown, method, epoch) for method in shown.methods}
    most = max(int(points.groupby("seed").size().max()) for points in parts.values())
    share = _shares(most)
    for method, points in parts.items():
        for kind, style in STYLES.items():
            curves = [np.interp(share, *lorenz(each)) for _, each in points.groupby("seed")[kind]]
            _line(panel, share, np.stack(curves), color=method.colour, linestyle=style)
    panel.plot(share, share, color=NEUTRAL, linewidth=0.7, linestyle=":")
    panel.set(xscale=scale, ylim=(0, 1), xlabel=SHARE, yticks=(0, 0.5, 1))
    panel.set_xlim(1 / most if scale == "log" else 0, 1)


def _shares(points: int) -> Array:
    """Return shares of so many points at which curves are drawn, from 0 to 1."""
    return np.unique(
        np.concatenate([np.linspace(0, 1, STEPS + 1), np.geomspace(1 / points, 1, STEPS)])
    )


def _line(panel: Axes, share: Array, curves: Array, **options: Any) -> None:
    """Draw the mean of curves (seeds, shares) and its interval, where a curve can lie at all."""
    finite = curves[np.isfinite(curves).all(axis=1)]
    if not len(finite):
        return
    mean, n = finite.mean(axis=0), len(finite)
    panel.plot(share, mean, **options)
    if n > 1:
        half = t.ppf(0.975, n - 1) * finite.std(axis=0, ddof=1) / n**0.5
        low, high = np.clip(mean - half, share, 1), np.clip(mean + half, share, 1)
        panel.fill_between(share, low, high, color=options["color"], alpha=0.15, linewidth=0)


def _coefficients(panel: Axes, shown: WeightedPoints, table: pd.DataFrame) -> None:
    """Draw one column per method and kind: a faint point per seed, and the mean's interval.

    A line joins both points of a network.
    """
    columns = [*product(shown.methods, KINDS)]
    for first, method in enumerate(shown.methods):
        of_network = table[table["method"] == method.name].pivot_table(
            index="kind", columns="seed", values="gini", dropna=False
        )
        ends = [first * len(KINDS) + step - 0.15 for step in range(len(KINDS))]
        panel.plot(ends, of_network.loc[[*KINDS]], color=method.colour, alpha=0.4, linewidth=0.6)
    for place, (method, kind) in enumerate(columns):
        chosen = (table["method"] == method.name) & (table["kind"] == kind)
        values, colour = table.loc[chosen, "gini"], method.colour
        panel.plot([place - 0.15] * len(values), values, "o", color=colour, alpha=0.4)
        if values.notna().any():
            # No coefficient is below 0 or above 1, as an interval's ends may be.
            mean, (low, high) = values.mean(), np.clip(interval(values), 0, 1)
            filled = colour if kind == "phantom_weight" else "white"
            style: dict[str, Any] = {"fmt": "s", "color": colour, "markerfacecolor": filled}
            bars = np.maximum([[mean - low], [high - mean]], 0)
            panel.errorbar(place + 0.15, mean, bars, capsize=2, **style)
    panel.set_xticks(
        range(len(columns)), [f"{KINDS[kind]}\n{method.label}" for method, kind in columns]
    )
    panel.set(title="Gini coefficient", xlim=(-0.6, len(columns) - 0.4))
    panel.grid(visible=False, axis="x")


def _legend(figure: Figure, shown: WeightedPoints) -> None:
    handles = [
        Line2D(
            [],
            [],
            color=method.colour,
            linestyle=STYLES[kind],
            label=f"{method.label}: {WORDS[kind]}, {KINDS[kind]}",
        )
        for method, kind in product(shown.methods, KINDS)
    ]
    figure.legend(handles=handles, loc="outside upper center", ncols=len(handles), columnspacing=1)
