"""Embeddings in their two principal components, coloured by each feature."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import seaborn as sns
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from feature_quality.artifacts.embeddings import Embeddings, read_embeddings
from feature_quality.artifacts.prepared import Description, read_description
from feature_quality.methods import METHODS
from feature_quality.reporting.figures.drawing import (
    Drawing,
    Inputs,
    dataset_texts,
    plain,
    setting_text,
)
from feature_quality.reporting.figures.style import canvas
from feature_quality.seeds import generator

INPUTS = {"dataset": ["examples", "embeddings"]}
CAPTION = (
    "Embeddings: two principal components, coloured by each feature. Rows: one selected network "
    "of SGD and one of the method that is compared with it; columns: the features."
)
# Okabe and Ito's colours without those of SGD and SAM.
VALUES = ("#56B4E9", "#D55E00", "#000000", "#009E73", "#CC79A7")
# More would hide one another.
POINTS = 2000
SHOWN = (
    f"Probe-test examples, equally many of every group and at most {POINTS:,}, the same for two "
    "networks of one seed. Principal components (PC) with their shares of the variance, of each "
    "network's own."
)

Array = npt.NDArray[np.float64]


def draw(inputs: Inputs, _: str) -> Drawing:
    """Draw the figure."""
    description = read_description(inputs["examples"][0])
    networks = dict(map(named, map(read_embeddings, inputs["embeddings"])))
    return Drawing(plot(networks, description), dataset_texts(description, SHOWN))


def value_colours(count: int) -> list[Any]:
    """Return a colour for each value of a feature; many can be told apart only by their hue."""
    return list(VALUES[:count]) if count <= len(VALUES) else list(sns.husl_palette(count))


def named(network: tuple[Embeddings, dict[str, Any]]) -> tuple[str, Embeddings]:
    """Name a network, by the description of its run, before its embeddings."""
    embeddings, run = network
    label = METHODS[run["method"]].label
    return f"{label}: {setting_text(run['lr'], run['rho'])}, seed {run['seed']}", embeddings


def drawn_rows(groups: npt.NDArray[np.integer], *names: str | int) -> npt.NDArray[np.int64]:
    """Draw equally many examples of every group, at most ``POINTS`` in all, in random order.

    Args:
        groups: the group of each example, (n,).
        names: name the seed of the draw.
    """
    rng = generator("points of the embedding figure", *names)
    found, sizes = np.unique(groups, return_counts=True)
    count = min(sizes.min(), POINTS // len(found))
    rows = [rng.permutation(np.flatnonzero(groups == group))[:count] for group in found]
    return rng.permutation(np.concatenate(rows))


def principal_plane(points: npt.NDArray[np.floating]) -> tuple[Array, Array]:
    """Return the two principal components of embeddings (n, features), and shares of the variance.

    They are those of a full decomposition, of the products of the embeddings with each other, for
    there are thousands of features. The sign of a component is arbitrary: the largest entry of its
    direction shall be positive.
    """
    centred = points.astype(np.float64) - points.mean(axis=0, dtype=np.float64)
    variances, vectors = np.linalg.eigh(centred @ centred.T)
    # Ascending, and those that should be 0 may come out below it.
    variances, vectors = np.maximum(variances[::-1], 0), vectors[:, :-3:-1]
    directions = centred.T @ vectors
    largest = np.abs(directions).argmax(axis=0)
    signs = np.where(directions[largest, [0, 1]] < 0, -1, 1)
    # A dead network embeds everything in one point, which has no variance.
    total = max(variances.sum(), np.finfo(float).tiny)
    return vectors * np.sqrt(variances[:2]) * signs, variances[:2] / total


def plot(networks: Mapping[str, Embeddings], description: Description) -> Figure:
    """Draw one row per network and one column per feature; the points of a row are the same.

    Args:
        networks: the embeddings of the same examples by each network, by its name.
        description: of the dataset.
    """
    figure, axes = canvas(len(networks), 2, 4.8)
    for row, (name, shown) in zip(axes, networks.items(), strict=True):
        rows = drawn_rows(shown.table["group"].to_numpy(), description.dataset)
        places, shares = principal_plane(shown.embedding[rows])
        along, across = (f"PC {i} ({100 * share:.0f} %)" for i, share in enumerate(shares, 1))
        columns = zip(row, ("feature_a", "feature_b"), description.classes, strict=True)
        for panel, column, names in columns:
            colours = np.array(value_colours(len(names)))[shown.table[column].iloc[rows]]
            panel.scatter(*places.T, c=colours, s=4, alpha=0.6, linewidths=0, rasterized=True)
            # Distances mean the same along both axes.
            panel.set_aspect("equal", adjustable="datalim")
            panel.set(xlabel=along, ylabel="")
        row[0].set_ylabel(f"{name}\n{across}")
    for panel, feature, names in zip(
        axes[0], description.features, description.classes, strict=True
    ):
        handles = [
            Line2D([], [], color=colour, linestyle="", marker="o", label=plain(value))
            for colour, value in zip(value_colours(len(names)), names, strict=True)
        ]
        panel.legend(
            handles=handles,
            title=feature,
            loc="lower center",
            bbox_to_anchor=(0.5, 1),
            ncols=3,
            columnspacing=1,
            handletextpad=0,
        )
    return figure
