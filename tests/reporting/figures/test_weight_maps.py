"""Figures 5 and 8."""

from itertools import product

import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import same_color
from matplotlib.figure import Figure

from feature_quality.reporting.figures.weight_maps import bins_text, median_by_bin, weight_maps

METHODS, EPOCHS = ("SGD", "LSAM"), (3, 10)
KINDS = ("weight", "phantom_weight")
NAMES = {"weight": "λ", "phantom_weight": "$\\tilde{λ}$", "ratio": "$\\tilde{λ}$/λ, shares"}


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


def assert_maps(panels, points: pd.DataFrame, epoch: int) -> None:
    """Check the maps of λ, λ̃ and their ratio of both methods, which share their bins."""
    at = points[points["epoch"] == epoch]
    bins = bins_of(panels[0])
    for feature, edges in zip(("easy", "hard"), bins, strict=True):
        inner = at[f"{feature}_contribution"].quantile([0.01, 0.99])
        np.testing.assert_allclose(edges, np.linspace(*inner, 17))
    cells = product(METHODS, NAMES)
    for panel, (method, kind) in zip(panels, cells, strict=True):
        chosen = part(points, method, epoch)
        maps = {each: expected(chosen, each, bins) for each in KINDS}
        assert np.isfinite(maps["weight"]).any()
        sums = chosen.groupby("seed")[[*KINDS]].sum().loc[chosen["seed"]].to_numpy()
        shares = chosen.assign(**(chosen[[*KINDS]] / sums))
        below, above = (expected(shares, each, bins) for each in KINDS)
        maps["ratio"] = above / below
        np.testing.assert_array_equal(bins_of(panel), bins)
        np.testing.assert_allclose(drawn(panel), maps[kind])
        assert (panel.get_xlim(), panel.get_ylim()) == tuple((e[0], e[-1]) for e in bins)


def test_one_checkpoint_has_a_row_per_method(single, points) -> None:
    assert places(single)[:6] == [*product((0, 1), (0, 1, 2))]
    assert_maps(single.axes[:6], points, 3)
    titles = [f"{method}: {name}" for method, name in product(METHODS, NAMES.values())]
    assert [panel.get_title() for panel in single.axes[:6]] == titles
    assert single.axes[4].get_xlabel() == "contribution of the easy feature, $y w_e f_e$"
    assert single.get_supylabel() == "contribution of the hard feature, $y w_h f_h$"
    single.draw_without_rendering()


def test_several_have_a_column_each(several, points) -> None:
    assert places(several)[:12] == [*product(range(6), range(2))]
    rows = np.reshape(several.axes[:12], (6, 2))
    for column, epoch in enumerate(EPOCHS):
        assert_maps(rows[:, column], points, epoch)
    titles = [f"epoch {epoch}" for epoch in EPOCHS] + [""] * 10
    assert [panel.get_title() for panel in rows.flat] == titles
    names = [f"{method}: {name}" for method, name in product(METHODS, NAMES.values())]
    assert [panel.get_ylabel() for panel in rows[:, 0]] == names
    assert {panel.get_ylabel() for panel in rows[:, 1]} == {""}
    several.draw_without_rendering()


@pytest.mark.parametrize("which", ["single", "several"])
def test_all_maps_of_a_kind_share_a_scale_that_the_bar_shows(request, which) -> None:
    *panels, weights, ratios = request.getfixturevalue(which).axes
    scales: dict[str, set] = {"viridis": set(), "PuOr_r": set()}
    shown: dict[str, list] = {name: [] for name in scales}
    for panel in panels:
        (mesh,) = panel.collections
        scales[mesh.get_cmap().name].add((mesh.norm.vmin, mesh.norm.vmax))
        shown[mesh.get_cmap().name].append(drawn(panel))
        # Where there is no median, this is seen, and no colour of the scales is like it.
        assert same_color(panel.get_facecolor(), "#CCCCCC")
    (of_weights,), (of_ratios,) = scales.values()
    ends = np.nanquantile(shown["viridis"], [0.02, 0.98])
    assert of_weights == pytest.approx(tuple(ends))
    low, high = np.nanquantile(shown["PuOr_r"], [0.02, 0.98])
    reach = max(high, 1 / low)
    assert of_ratios == pytest.approx((1 / reach, reach))
    assert weights.get_xlabel() == "median weight, λ or $\\tilde{λ}$"
    assert ratios.get_xlabel() == "ratio of medians, $\\tilde{λ}$/λ, shares"
    assert weights.get_xlim() == pytest.approx(of_weights)
    assert ratios.get_xlim() == pytest.approx(of_ratios)


def test_the_bar_of_a_narrow_scale_is_labelled_at_its_ends(points, weighted) -> None:
    """It may hold one power of ten, or none."""
    near = points.assign(**points[[*KINDS]].clip(0.3, 0.5))
    for bar in weight_maps(weighted(near), [3]).axes[6:]:
        ends = bar.get_xlim()
        middle = (ends[0] * ends[1]) ** 0.5
        labels = [label.get_text() for label in bar.get_xticklabels()]
        assert labels == [f"{tick:.2g}" for tick in (ends[0], middle, ends[1])]


def test_a_median_of_0_is_not_shown_as_without_data(points, weighted) -> None:
    # One point has all the weight, so that there are shares.
    first = ~points.duplicated(["seed", "rho", "epoch"])
    zero = points.assign(
        weight=1.0 * first, phantom_weight=points["phantom_weight"] * (points["rho"] > 0)
    )
    panels = weight_maps(weighted(zero), [3]).axes[:6]
    finite = np.isfinite(drawn(panels[4]))
    assert finite.sum() > 20
    for panel, infinite in ((panels[3], False), (panels[5], True)):
        values = drawn(panel)[finite]
        assert (values > 1e300).all() if infinite else ((values > 0) & (values < 1e-300)).all()
    # 0/0 is no ratio.
    assert np.isnan(drawn(panels[2])).all()


def test_one_seed_is_enough_and_a_diverged_run_is_left_out(points, points_of, weighted) -> None:
    one = points_of(seeds=1, epochs=(3,), points=300)
    assert_maps(weight_maps(weighted(one), [3]).axes[:6], one, 3)

    diverged = (points["rho"] == 0) & (points["seed"] == 1)
    measures = ["easy_contribution", "hard_contribution", *KINDS]
    lost = points.assign(**{name: points[name].mask(diverged) for name in measures})
    assert_maps(weight_maps(weighted(lost), [3]).axes[:6], points[~diverged], 3)


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
    assert figure.axes[4].get_xlabel() == "contribution of the easy feature, colour"
    assert figure.get_supylabel() == "contribution of the hard feature, shape"
    toys = bins_text(weighted(points))
    assert "bins of fewer than 5 are grey" in toys
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
