"""Made-up tables of the toy studies, and checks of what lines show."""

from collections.abc import Callable, Iterable
from dataclasses import asdict
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from matplotlib.axes import Axes
from matplotlib.collections import FillBetweenPolyCollection
from matplotlib.colors import to_rgb
from matplotlib.lines import Line2D
from scipy.stats import t

from feature_quality.artifacts.parquet import write_parquet
from feature_quality.artifacts.prepared import EXAMPLES, Description
from feature_quality.artifacts.toy import CONTOURS, EPOCHS, PERTURBATIONS, POINTS, TOY_RUNS
from feature_quality.reporting.weighted_points import WeightedPoints
from feature_quality.toy.runs import Run

# What a run is by default.
RUN = asdict(Run(seed=0, complexity=270.0, batch_size=5, steps=18_000))
RUN = {name: [value] for name, value in RUN.items() if name != "seed"}


def expand_grid(axes: dict[str, Iterable[Any]]) -> pd.DataFrame:
    return pd.DataFrame([dict(zip(axes, each, strict=True)) for each in product(*axes.values())])


def shuffled(table: pd.DataFrame, schema: pa.Schema) -> pd.DataFrame:
    """Return the table as it is read back, its rows in an order that says nothing."""
    ordered = table.sample(frac=1, random_state=1)
    return pa.Table.from_pandas(ordered, schema=schema, preserve_index=False).to_pandas()


@pytest.fixture(scope="session")
def runs_of() -> Callable[..., pd.DataFrame]:
    """Make the runs that ``axes`` span; every measure is some number of its own."""

    def make(seeds: int = 3, **axes: Iterable[Any]) -> pd.DataFrame:
        table = expand_grid({"seed": range(seeds)} | RUN | axes)
        rng = np.random.default_rng(len(table))
        measures = [name for name in TOY_RUNS.names if name not in table]
        values = pd.DataFrame(rng.uniform(0.1, 0.9, (len(table), len(measures))), columns=measures)
        # No mean is twice its median.
        for name in ("phantom_ratio_mean", "phantom_ratio_median"):
            values[name] = rng.uniform(0.5, 0.9, len(table))
        values = values.assign(diverged_step=pd.NA, phantom_easy_nonpositive=0.0)
        return shuffled(table.join(values), TOY_RUNS)

    return make


@pytest.fixture(scope="session")
def epochs_of() -> Callable[..., pd.DataFrame]:
    def make(seeds: int = 3) -> pd.DataFrame:
        table = expand_grid({"seed": range(seeds), "rho": (0.0, 0.5), "epoch": range(1, 5)})
        easy, hard = np.random.default_rng(seeds).uniform(0.5, 1.5, (2, len(table)))
        return shuffled(table.assign(easy_scaling=easy, hard_scaling=hard), EPOCHS)

    return make


@pytest.fixture(scope="session")
def points_of() -> Callable[..., pd.DataFrame]:
    def make(
        seeds: int = 2, rho: float = 0.5, epochs: Iterable[int] = (1, 10), points: int = 400
    ) -> pd.DataFrame:
        axes = {"seed": range(seeds), "rho": (0.0, rho), "epoch": epochs, "point": range(points)}
        table = expand_grid(axes)
        rng = np.random.default_rng(points)
        places = ("easy_x1", "easy_x2", "hard_x1", "hard_x2")
        table[list(places)] = rng.uniform(-3, 3, (len(table), 4))
        easy, hard = rng.normal(1, 2, (2, len(table)))
        # Contributions differ between runs, and so does what the weights make of them.
        easy += table["rho"] + table["epoch"] / 10
        table = table.assign(
            label=rng.choice([-1, 1], len(table)),
            easy_contribution=easy,
            hard_contribution=hard,
            weight=1 / (1 + np.exp(easy + hard)),
            phantom_weight=1 / (1 + np.exp((0.3 + table["rho"]) * (easy + 2 * hard))),
            random_weight=1 / (1 + np.exp(easy + 2 * hard)),
        )
        return shuffled(table, POINTS)

    return make


@pytest.fixture(scope="session")
def weighted() -> Callable[..., WeightedPoints]:
    """Take points as the toy's, or as those of a dataset on which a method is compared with SGD."""

    def make(points: pd.DataFrame, method: str = "") -> WeightedPoints:
        if not method:
            return WeightedPoints.of(points, {"rho": 0.5})
        runs = [
            {"method": name, "lr": lr, "rho": rho, "seed": seed}
            for name, lr, rho in ((method, 0.01, 0.5), ("sgd", 0.05, 0.0))
            for seed in (0, 1)
        ]
        about = {"dataset": "shapes", "title": "Shapes in colours", "easy": "colour"}
        about |= {"hard": "shape", "compared": method, "phantom_rho": 0.5}
        return WeightedPoints.of(points, about | {"runs": runs})

    return make


@pytest.fixture(scope="session")
def contours_of() -> Callable[..., pd.DataFrame]:
    """Make planes of f_j(x) = c_j·(x_1 + 2 x_2 − ρ): each has a zero line of its own."""

    def make(seed: int = 3) -> pd.DataFrame:
        axis = np.linspace(-1, 1, 9)
        axes = {"seed": [seed], "rho": (0.0, 0.5), "feature": ("easy", "hard")}
        table = expand_grid(axes | {"x1": axis, "x2": axis})
        scale = np.where(table["feature"] == "easy", 1, 3)
        places = table["x1"] + 2 * table["x2"] - table["rho"]
        table = table.assign(value=scale * places, x1=scale * table["x1"], x2=scale * table["x2"])
        return shuffled(table, CONTOURS)

    return make


@pytest.fixture(scope="session")
def perturbations_of() -> Callable[..., pd.DataFrame]:
    def make(
        networks: Iterable[str] = ("toy", "digits"), trained: Iterable[float] = (0.0, 0.5)
    ) -> pd.DataFrame:
        axes = {"network": networks, "seed": [0], "trained_rho": trained, "rho": [0.25]}
        table = expand_grid(axes | {"perturbed": ("last layer", "all"), "example": range(6)})
        rng = np.random.default_rng(len(table))
        margin, fall, norm = rng.uniform(0.1, 2, (3, len(table)))
        measures = {"margin": margin - 1, "phantom_margin": margin - 1 - fall}
        table = table.assign(**measures, gradient_norm=norm)
        return pa.Table.from_pandas(table, PERTURBATIONS, preserve_index=False).to_pandas()

    return make


@pytest.fixture
def examples_of(tmp_path: Path, description_of: Callable[..., Description]) -> Callable[..., str]:
    """Write the file that describes a dataset."""

    def make(**details: Any) -> str:
        path = tmp_path / "examples.parquet"
        write_parquet(path, EXAMPLES.empty_table(), asdict(description_of(**details)))
        return str(path)

    return make


@pytest.fixture(scope="session")
def curves() -> Callable[..., list[Line2D]]:
    """Find the lines of a panel by colour and style; those that only a legend shows are empty."""

    def find(panel: Axes, colour: Any, style: str | None = None) -> list[Line2D]:
        return [
            line
            for line in panel.lines
            if len(line.get_xdata())
            and np.allclose(to_rgb(line.get_color()), to_rgb(colour))
            and style in (None, line.get_linestyle())
        ]

    return find


@pytest.fixture(scope="session")
def bands() -> Callable[..., list[dict[float, tuple[float, float]]]]:
    """Find the bands of a colour: x to low and high."""

    def find(panel: Axes, colour: Any) -> list[dict[float, tuple[float, float]]]:
        found = []
        for band in panel.collections:
            if isinstance(band, FillBetweenPolyCollection) and np.allclose(
                band.get_facecolor()[0, :3], to_rgb(colour)
            ):
                vertices = [path.vertices for path in band.get_paths()]
                places = pd.DataFrame(np.concatenate([np.empty((0, 2)), *vertices]))
                spans = places.groupby(0)[1].agg(["min", "max"])
                found.append(dict(zip(spans.index, spans.to_numpy(), strict=True)))
        return found

    return find


@pytest.fixture(scope="session")
def assert_shows(
    curves: Callable[..., list[Line2D]],
    bands: Callable[..., list[dict[float, tuple[float, float]]]],
) -> Callable[..., None]:
    """Check that one line of that colour and style is at the means, with the intervals around."""

    def check(
        panel: Axes, rows: pd.DataFrame, x: str, y: str, colour: Any, style: str | None = None
    ) -> None:
        (line,) = curves(panel, colour, style)
        values = rows.groupby(x)[y]
        means = values.mean()
        assert len(means) > 1
        np.testing.assert_allclose(line.get_xdata(), means.index)
        np.testing.assert_allclose(line.get_ydata(), means)
        if values.size().min() < 2:
            return
        half = t.ppf(0.975, values.size() - 1) * values.sem()
        spans = np.stack([means - half, means + half], axis=1)
        drawn = bands(panel, colour)
        assert any(
            [*band] == [*means.index] and np.allclose([*band.values()], spans) for band in drawn
        ), drawn

    return check
