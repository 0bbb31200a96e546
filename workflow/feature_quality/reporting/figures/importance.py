"""Figures 3, 5, 7 and 8: how SGD and (L)SAM weight the training examples."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from feature_quality.errors import InputError
from feature_quality.formatting import format_number
from feature_quality.reporting.figures.style import (
    IMAGE_METHODS,
    METHODS,
    NEUTRAL,
    canvas,
    lines,
)
from feature_quality.reporting.lorenz import Array, edges, gini, lorenz, median_by_bin

KINDS = {"weight": "λ", "phantom_weight": "$\\tilde{λ}$"}
STYLES: dict[str, Any] = {"weight": "--", "phantom_weight": "-"}
RATIO = "$\\tilde{λ}$/λ"
BINS = 16
# Points of a curve: those of the toy, and enough for any number of examples.
STEPS = 300
BINS_OF_ALL = "Training points of all seeds; bins of fewer than 5 are blank."
# Contributions beyond these quantiles are few and far out.
INNER = (0.01, 0.99)
# Medians below this are drawn as if they were this.
FAINTEST = 1e-9


@dataclass(frozen=True)
class Subject:
    """What a figure is about.

    Attributes:
        points: the columns of ``IMPORTANCE``; images' contributions are margins of probes.
        methods: SGD and the method with ρ > 0, with their colours.
        axes: what the easy and the hard contribution are.
        bins: what the maps show, in sentences.
        remark: what the points are, a sentence or nothing.
    """

    points: pd.DataFrame
    methods: Mapping[str, str]
    axes: tuple[str, str]
    bins: str
    remark: str

    @classmethod
    def of(cls, points: pd.DataFrame, about: Mapping[str, Any]) -> "Subject":
        """Take the points of a file and its description; the toy's names no dataset."""
        if "dataset" not in about:
            axes = ("easy, $y w_e f_e$", "hard, $y w_h f_h$")
            return cls(points, METHODS, axes, BINS_OF_ALL, "")
        settings = {(run["lr"], run["rho"]) for run in about["runs"]}
        named = ", ".join(
            f"{'SAM' if rho else 'SGD'} at lr {format_number(lr)} and ρ {format_number(rho)}"
            for lr, rho in sorted(settings, key=lambda setting: setting[1])
        )
        at = format_number(about["runs"][0]["phantom_rho"])
        axes = (f"easy: {about['easy']}", f"hard: {about['hard']}")
        bins = f"{BINS_OF_ALL} Contributions are the margins of the features' probes."
        return cls(
            points,
            IMAGE_METHODS,
            axes,
            bins,
            f"{about['title']}: {named}; $\\tilde{{λ}}$ at ρ {at}.",
        )

    @property
    def epochs(self) -> list[int]:
        """All checkpoints."""
        return sorted(self.points["epoch"].unique())

    def part(self, method: str, epoch: int) -> pd.DataFrame:
        """Return the points of one panel, without those of runs that have diverged.

        Raises:
            InputError: there are none.
        """
        of_method = (self.points["rho"] > 0) == (method != "SGD")
        part = self.points[of_method & (self.points["epoch"] == epoch)].dropna()
        if part.empty:
            raise InputError(
                f"{method}: no run is finite at epoch {epoch}; there is nothing to draw"
            )
        return part


def lorenz_curves(subject: Subject, epochs: Sequence[int]) -> Figure:
    """Draw the Lorenz curves of λ and λ̃ with their Gini coefficients, means over seeds.

    One checkpoint puts the methods side by side (figure 3); several have a column each (figure 7).
    """
    single = len(epochs) == 1
    rows, columns, height = (1, 2, 3.2) if single else (2, len(epochs), 3.6)
    figure, axes = canvas(rows, columns, height, sharey=True)
    for (method, epoch), panel in zip(product(subject.methods, epochs), axes.flat, strict=True):
        coefficients = _lorenz_panel(panel, subject.part(method, epoch), subject.methods[method])
        panel.set(xlim=(0, 1), ylim=(0, 1), xticks=(0, 0.5, 1), yticks=(0, 0.5, 1))
        panel.set_aspect("equal")
        panel.set_xlabel(f"share of points\n{coefficients}", fontsize=8 if single else 6)
        place = panel.get_subplotspec()
        trained = f"trained by {method}"
        if single:
            panel.set_title(trained)
        elif place.is_first_row():
            panel.set_title(f"epoch {epoch}")
        label = "share of weight" if single else f"{trained}\nshare of weight"
        panel.set_ylabel(label if place.is_first_col() else "")
    handles = [
        Line2D([], [], color=NEUTRAL, linestyle=style, label=f"{kind}, {KINDS[column]}")
        for kind, (column, style) in zip(("real", "phantom"), STYLES.items(), strict=True)
    ]
    figure.legend(handles=handles, loc="outside upper center", ncols=len(handles))
    return figure


def median_weights(subject: Subject, epochs: Sequence[int]) -> Figure:
    """Draw the median of λ and λ̃, and their ratio, by the two features' contributions.

    One checkpoint has a row a method (figure 5); several have a column each (figure 8).
    """
    single = len(epochs) == 1
    figure, axes = canvas(2, 3, 4.4) if single else canvas(6, len(epochs), 8.2)
    maps = {
        (method, epoch): _medians(subject.part(method, epoch))
        for method, epoch in product(subject.methods, epochs)
    }
    ratios = np.concatenate([each["ratio"].ravel() for each, _ in maps.values()])
    # There may be no bin that has enough points.
    reach = np.max(np.abs(np.log10(ratios[np.isfinite(ratios) & (ratios > 0)])), initial=0.1)
    norms = {kind: LogNorm(FAINTEST, 1) for kind in KINDS} | {
        "ratio": LogNorm(10**-reach, 10**reach)
    }
    images: dict[str, Any] = {}
    cells = product(subject.methods, norms, epochs)
    for (method, kind, epoch), panel in zip(cells, axes.flat, strict=True):
        medians, bins = maps[method, epoch]
        images[kind] = _map(panel, medians[kind], bins, norms[kind])
        name = f"{method}: {KINDS.get(kind, RATIO)}"
        place = panel.get_subplotspec()
        if single:
            panel.set_title(name)
        elif place.is_first_row():
            panel.set_title(f"epoch {epoch}")
        if place.is_last_row():
            panel.set_xlabel(subject.axes[0])
        if place.is_first_col():
            hard = subject.axes[1]
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


def _lorenz_panel(panel: Axes, points: pd.DataFrame, colour: str) -> str:
    """Draw the curves of one network over its seeds; return their Gini coefficients as text."""
    panel.plot([0, 1], [0, 1], color=NEUTRAL, linewidth=0.7, linestyle=":")
    noted = []
    for kind, name in KINDS.items():
        weights = [each[kind].to_numpy() for _, each in points.groupby("seed")]
        curves = [_curve(each) for each in weights]
        options: dict[str, Any] = {"color": colour, "linestyle": STYLES[kind], "marker": None}
        lines(pd.concat(curves, ignore_index=True), panel, x="x", y="y", legend=False, **options)
        coefficients = pd.Series([gini(each) for each in weights])
        noted.append(f"G({name}) = {coefficients.mean():.4f}")
        if coefficients.isna().any():
            noted.append(f"(all 0: {coefficients.isna().sum()} of {len(coefficients)} seeds)")
    return "\n".join(noted)


def _curve(weights: Array) -> pd.DataFrame:
    """Return the Lorenz curve at no more points than can be seen."""
    share = np.linspace(0, 1, min(len(weights), STEPS) + 1)
    return pd.DataFrame({"x": share, "y": np.interp(share, *lorenz(weights))})


def _medians(points: pd.DataFrame) -> tuple[dict[str, Array], tuple[Array, Array]]:
    """Return the map of each kind over bins that all of them share, and the bins."""
    easy, hard = points["easy_contribution"], points["hard_contribution"]
    bins = (
        edges(easy.clip(*easy.quantile(INNER)), BINS),
        edges(hard.clip(*hard.quantile(INNER)), BINS),
    )
    found = {kind: median_by_bin(easy, hard, points[kind], bins) for kind in KINDS}
    with np.errstate(divide="ignore", invalid="ignore"):
        found["ratio"] = found["phantom_weight"] / found["weight"]
    return found, bins


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
