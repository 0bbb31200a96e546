from itertools import product

import numpy as np
import pytest
from matplotlib.colors import same_color

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


def test_rows_are_methods_and_columns_features(figure) -> None:
    panels = figure.axes[:4]
    assert [panel.get_title() for panel in panels] == [
        *("SGD: $f_e$", "SGD: $f_h$"),
        *("LSAM, ρ = 0.5: $f_e$", "LSAM, ρ = 0.5: $f_h$"),
    ]
    assert [panel.get_xlabel() for panel in panels] == ["$x_{e,1}$", "$x_{h,1}$"] * 2
    assert [panel.get_ylabel() for panel in panels] == ["$x_{e,2}$", "$x_{h,2}$"] * 2
    assert [panel.get_aspect() for panel in panels] == [1] * 4
    assert [bar.get_ylabel() for bar in figure.axes[4:]] == ["$f_e$", "$f_h$"]
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
        run = points[(points["seed"] == 3) & (points["rho"] == rho) & (points["epoch"] == 10)]
        assert len(run) == 12
        marks = zip(panel.collections[2:], (-1, 1), ("white", "black"), strict=True)
        for scatter, label, colour in marks:
            expected = run[run["label"] == label][[f"{feature}_x1", f"{feature}_x2"]]
            np.testing.assert_allclose(scatter.get_offsets(), expected)
            assert same_color(scatter.get_facecolor()[0], colour)
    first, *others = figure.axes[:4]
    assert [text.get_text() for text in first.get_legend().get_texts()] == ["y = −1", "y = +1"]
    assert [panel.get_legend() for panel in others] == [None] * 3
    down, up = (scatter.get_paths()[0].vertices[:3, 1] for scatter in first.collections[2:])
    assert down.mean() > 0 > up.mean()
