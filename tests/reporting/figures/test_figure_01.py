from itertools import product

import numpy as np
import pytest
from matplotlib.colors import same_color

from feature_quality.errors import InputError
from feature_quality.reporting.figures.figure_01 import plot

RHO = (0.0, 0.5)
CELLS = [*product(RHO, ("easy", "hard"))]
# The hard feature's plane is larger; see ``contours_of``.
SCALE = {"easy": 1, "hard": 3}


@pytest.fixture(scope="module")
def points(points_of):
    return points_of(seeds=4, epochs=(1, 10), points=12)


@pytest.fixture(scope="module")
def figure(contours_of, points):
    return plot(contours_of(seed=3), points)


def run_of(points, rho: float):
    return points[(points["seed"] == 3) & (points["rho"] == rho) & (points["epoch"] == 10)]


def test_rows_are_methods_and_columns_features_with_their_errors(figure, points) -> None:
    panels = figure.axes[:4]
    for panel, (rho, feature) in zip(panels, CELLS, strict=True):
        wrong = (run_of(points, rho)[f"{feature}_contribution"] <= 0).mean()
        name = "LSAM, ρ = 0.5" if rho else "SGD"
        title = f"{name}: $f_{feature[0]}$\ntraining error {wrong:.3f}"
        assert panel.get_title() == title
        assert panel.get_xlabel() == f"$x_{{{feature[0]},1}}$"
        assert panel.get_aspect() == 1
    assert [bar.get_xlabel() for bar in figure.axes[4:]] == ["$f_e$", "$f_h$"]
    figure.draw_without_rendering()


def test_the_line_is_where_the_feature_is_0_and_both_methods_have_the_same_levels(figure) -> None:
    levels = {}
    for panel, (rho, feature) in zip(figure.axes, CELLS, strict=False):
        filled, line = panel.collections[:2]
        (path,) = line.get_paths()
        x1, x2 = path.vertices.T
        assert len(x1) > 4
        np.testing.assert_allclose(x1 + 2 * x2, SCALE[feature] * rho, atol=1e-5)
        assert line.levels.tolist() == [0]
        levels[rho, feature] = filled.levels
    for feature in SCALE:
        np.testing.assert_array_equal(levels[0.0, feature], levels[0.5, feature])
        np.testing.assert_allclose(levels[0.0, feature], -levels[0.0, feature][::-1], atol=1e-12)
    assert levels[0.0, "hard"][-1] > 2 * levels[0.0, "easy"][-1]


def test_points_are_those_of_the_run_at_the_last_checkpoint_by_label(figure, points) -> None:
    for panel, (rho, feature) in zip(figure.axes, CELLS, strict=False):
        run = run_of(points, rho)
        assert len(run) == 12
        places = run[[f"{feature}_x1", f"{feature}_x2"]]
        *labels, wrong = panel.collections[2:]
        for scatter, label, colour in zip(labels, (-1, 1), ("white", "black"), strict=True):
            np.testing.assert_allclose(scatter.get_offsets(), places[run["label"] == label])
            assert same_color(scatter.get_facecolor()[0], colour)
        expected = places[run[f"{feature}_contribution"] <= 0]
        np.testing.assert_allclose(wrong.get_offsets(), expected)
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == ["y = −1", "y = +1", "wrong"]
    down, up = (each.get_paths()[0].vertices[:3, 1] for each in figure.axes[0].collections[2:4])
    assert down.mean() > 0 > up.mean()


def test_a_run_that_diverged_is_said(contours_of, points) -> None:
    contours = contours_of(seed=3)
    contours.loc[contours["rho"] > 0, "value"] = np.nan
    with pytest.raises(InputError, match="a run of every seed has diverged"):
        plot(contours, points)
