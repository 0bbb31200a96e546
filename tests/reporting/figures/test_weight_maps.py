"""Figures 5 and 8."""

from itertools import product

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from feature_quality.reporting.figures.weight_maps import bins_text, median_by_bin, weight_maps

METHODS, EPOCHS = ("SGD", "LSAM"), (3, 10)
KINDS = ("weight", "phantom_weight")
NAMES = {"weight": "λ", "phantom_weight": "$\\tilde{λ}$", "ratio": "$\\tilde{λ}$/λ"}


@pytest.fixture(scope="module")
def points(points_of) -> pd.DataFrame:
    return points_of(seeds=2, epochs=EPOCHS)


@pytest.fixture(scope="module")
def single(points, weighted) -> Figure:
    return weight_maps(weighted(points), [3])


@pytest.fixture(scope="module")
def several(points, weighted) -> Figure:
    return weight_maps(weighted(points), EPOCHS)


def part(points: pd.DataFrame, method: str, epoch: int) -> pd.DataFrame:
    return points[(points["rho"] == (0 if method == "SGD" else 0.5)) & (points["epoch"] == epoch)]


def places(figure: Figure) -> list[tuple[int, int]]:
    specs = [panel.get_subplotspec() for panel in figure.axes]
    return [(spec.rowspan.start, spec.colspan.start) for spec in specs if spec]


def bins_of(panel) -> tuple[np.ndarray, np.ndarray]:
    corners = panel.collections[0].get_coordinates()
    return corners[0, :, 0], corners[:, 0, 1]


def drawn(panel) -> np.ndarray:
    return np.ma.filled(panel.collections[0].get_array(), np.nan)


def expected(points: pd.DataFrame, kind: str, bins) -> np.ndarray:
    """Return the median in every bin, one row per bin of the hard contribution."""
    places = [
        np.digitize(points[f"{feature}_contribution"], edges) - 1
        for feature, edges in zip(("hard", "easy"), reversed(bins), strict=True)
    ]
    found = np.full([len(edges) - 1 for edges in reversed(bins)], np.nan)
    for place, weights in points.groupby(places)[kind]:
        inside = all(0 <= i < n for i, n in zip(place, found.shape, strict=True))
        if len(weights) >= 5 and inside:
            found[place] = weights.median()
    return found


def assert_maps(panels, points: pd.DataFrame) -> None:
    """Check the maps of λ, λ̃ and their ratio."""
    bins = bins_of(panels[0])
    for feature, edges in zip(("easy", "hard"), bins, strict=True):
        inner = points[f"{feature}_contribution"].quantile([0.01, 0.99])
        np.testing.assert_allclose(edges, np.linspace(*inner, 17))
    maps = {kind: expected(points, kind, bins) for kind in KINDS}
    assert np.isfinite(maps["weight"]).sum() > 20
    maps["ratio"] = maps["phantom_weight"] / maps["weight"]
    for panel, kind in zip(panels, NAMES, strict=True):
        np.testing.assert_array_equal(bins_of(panel), bins)
        np.testing.assert_allclose(drawn(panel), maps[kind])
        assert panel.get_xlim() == (bins[0][0], bins[0][-1])
        assert panel.get_ylim() == (bins[1][0], bins[1][-1])


def test_one_checkpoint_has_a_row_per_method(single, points) -> None:
    assert places(single)[:6] == [*product((0, 1), (0, 1, 2))]
    for row, method in enumerate(METHODS):
        panels = single.axes[3 * row : 3 * row + 3]
        assert_maps(panels, part(points, method, 3))
        titles = [f"{method}: {name}" for name in NAMES.values()]
        assert [panel.get_title() for panel in panels] == titles
    easy, hard = "easy, $y w_e f_e$", "hard, $y w_h f_h$"
    assert [panel.get_xlabel() for panel in single.axes[:6]] == [""] * 3 + [easy] * 3
    assert [panel.get_ylabel() for panel in single.axes[:6]] == [hard, "", ""] * 2
    single.draw_without_rendering()


def test_several_have_a_column_each(several, points) -> None:
    assert places(several)[:12] == [*product(range(6), range(2))]
    rows = np.reshape(several.axes[:12], (6, 2))
    for column, epoch in enumerate(EPOCHS):
        for first, method in enumerate(METHODS):
            assert_maps(rows[3 * first : 3 * first + 3, column], part(points, method, epoch))
    titles = [f"epoch {epoch}" for epoch in EPOCHS] + [""] * 10
    assert [panel.get_title() for panel in rows.flat] == titles
    assert [panel.get_ylabel() for panel in rows[:, 0]] == [
        f"{method}: {name}\nhard, $y w_h f_h$" for method, name in product(METHODS, NAMES.values())
    ]
    assert {panel.get_ylabel() for panel in rows[:, 1:].flat} == {""}
    assert {panel.get_xlabel() for panel in rows[-1]} == {"easy, $y w_e f_e$"}
    assert {panel.get_xlabel() for panel in rows[:-1].flat} == {""}
    several.draw_without_rendering()


@pytest.mark.parametrize("which", ["single", "several"])
def test_all_maps_of_a_kind_share_a_scale_that_the_bar_shows(request, which) -> None:
    *panels, weights, ratios = request.getfixturevalue(which).axes
    meshes = [panel.collections[0] for panel in panels]
    names = {(mesh.norm.vmin, mesh.norm.vmax, mesh.get_cmap().name) for mesh in meshes}
    assert len(names) == 2
    of_weights, of_ratios = sorted(names)
    assert of_weights[:2] == (1e-9, 1)
    # As far below 1 as above, and as far as any ratio goes.
    assert of_ratios[0] * of_ratios[1] == pytest.approx(1)
    maps = [drawn(panel) for panel in panels if panel.collections[0].norm.vmax > 1]
    assert len(maps) == len(panels) / 3
    reach = max(np.nanmax(np.abs(np.log(ratio))) for ratio in maps)
    assert np.log(of_ratios[1]) == pytest.approx(reach)
    assert weights.get_xlabel() == "median weight, λ or $\\tilde{λ}$"
    assert ratios.get_xlabel() == "ratio of medians, $\\tilde{λ}$/λ"
    assert weights.get_xlim() == pytest.approx(of_weights[:2])
    assert ratios.get_xlim() == pytest.approx(of_ratios[:2])


def test_one_seed_is_enough_and_a_diverged_run_is_left_out(points, points_of, weighted) -> None:
    one = points_of(seeds=1, epochs=(3,), points=300)
    panel = weight_maps(weighted(one), [3]).axes[0]
    medians = expected(part(one, "SGD", 3), "weight", bins_of(panel))
    assert np.isfinite(medians).any()
    np.testing.assert_allclose(drawn(panel), medians)

    diverged = (points["rho"] == 0) & (points["seed"] == 1)
    measures = ["easy_contribution", "hard_contribution", *KINDS]
    lost = points.assign(**{name: points[name].mask(diverged) for name in measures})
    figure = weight_maps(weighted(lost), [3])
    assert_maps(figure.axes[:3], part(points[~diverged], "SGD", 3))


def test_maps_of_few_points_are_blank(points_of, weighted) -> None:
    points = points_of(seeds=1, epochs=(3,), points=20)
    figure = weight_maps(weighted(points), [3])
    assert all(np.isnan(drawn(panel)).all() for panel in figure.axes[:6])
    figure.draw_without_rendering()
    # One value alone still has bins around it.
    panel = weight_maps(weighted(points.assign(hard_contribution=2.0)), [3]).axes[0]
    assert (np.diff(bins_of(panel)[1]) > 0).all()
    assert np.isfinite(drawn(panel)).any()


def test_a_dataset_has_the_same_maps_with_its_features_and_methods_names(
    points, weighted, single
) -> None:
    shown = weighted(points, "asam")
    figure = weight_maps(shown, [3])
    for panel, same in zip(figure.axes[:6], single.axes[:6], strict=True):
        np.testing.assert_array_equal(drawn(panel), drawn(same))
        assert panel.get_title() == same.get_title().replace("LSAM", "ASAM")
    assert [panel.get_xlabel() for panel in figure.axes[3:6]] == ["easy: colour"] * 3
    assert figure.axes[0].get_ylabel() == "hard: shape"
    toys = "Training points of all seeds; bins of fewer than 5 are blank."
    assert bins_text(weighted(points)) == toys
    assert bins_text(shown) == f"{toys} Contributions are the margins of the features' probes."


NAN = np.nan


@pytest.mark.parametrize(
    ("groups", "expected"),
    {
        "easy comes first": (
            [(2.5, 15, [5, 1, 2, 30, 4]), (0.5, 25, [6, 7, 8, 9, 10, 100])],
            [[NAN, 8.5], [NAN, NAN], [4, NAN]],
        ),
        "four points are blank, five are not": (
            [(1.5, 15, [0.5] * 4), (0.5, 15, [0.25] * 5)],
            [[0.25, NAN], [NAN, NAN], [NAN, NAN]],
        ),
        "points on an edge are in a bin": (
            [(0, 10, [1] * 5), (3, 30, [2] * 5), (1, 20, [3] * 5)],
            [[1, NAN], [NAN, 3], [NAN, 2]],
        ),
        "points beyond the edges are in none": (
            [(3.1, 15, [9] * 9), (-0.1, 15, [9] * 9), (0.5, 31, [9] * 9), (2.5, 15, [2] * 5)],
            [[NAN, NAN], [NAN, NAN], [2, NAN]],
        ),
    }.values(),
)
def test_medians_by_bin_by_hand(groups, expected) -> None:
    rows = [(easy, hard, weight) for easy, hard, group in groups for weight in group]
    bins = (np.array([0.0, 1, 2, 3]), np.array([10.0, 20, 30]))
    np.testing.assert_array_equal(median_by_bin(*zip(*rows, strict=True), bins), expected)
