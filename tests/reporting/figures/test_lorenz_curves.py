"""Figures 3 and 7."""

from itertools import product

import numpy as np
import pandas as pd
import pytest

from feature_quality.errors import InputError
from feature_quality.reporting.figures.example_weights import settings_text
from feature_quality.reporting.figures.lorenz_curves import lorenz_curves
from feature_quality.reporting.figures.weight_maps import weight_maps

METHODS = {"SGD": "#0072B2", "SAM": "#E69F00", "LSAM": "#D55E00", "ASAM": "#000000"}
EPOCHS = (1, 3, 10)
STYLES = {"weight": "--", "phantom_weight": "-"}
NAMES = {"weight": "λ", "phantom_weight": "$\\tilde{λ}$"}


@pytest.fixture
def points(points_of, request) -> pd.DataFrame:
    return points_of(getattr(request, "param", 3), epochs=EPOCHS, points=20)


def part(points: pd.DataFrame, method: str, epoch: int) -> pd.DataFrame:
    return points[(points["rho"] == (0 if method == "SGD" else 0.5)) & (points["epoch"] == epoch)]


def without(points: pd.DataFrame, diverged: pd.Series) -> pd.DataFrame:
    """Return the points with the measures of some runs lost."""
    measures = ["easy_contribution", "hard_contribution", *STYLES]
    return points.assign(**{name: points[name].mask(diverged) for name in measures})


def curves_of(points: pd.DataFrame, kind: str) -> pd.DataFrame:
    tables = []
    for _, weights in points.groupby("seed")[kind]:
        top = weights.sort_values(ascending=False)
        share = [0, *(top.cumsum() / top.sum())]
        tables.append(pd.DataFrame({"x": np.linspace(0, 1, len(share)), "y": share}))
    return pd.concat(tables)


def gini_of(points: pd.DataFrame, kind: str) -> float:
    ginis = []
    for _, weights in points.groupby("seed")[kind]:
        values = weights.to_numpy()
        ginis.append(np.abs(values[:, None] - values).mean() / (2 * values.mean()))
    return float(np.mean(ginis))


def assert_panel(panel, points: pd.DataFrame, method: str, assert_shows) -> None:
    for kind, style in STYLES.items():
        assert_shows(panel, curves_of(points, kind), "x", "y", METHODS[method], style)
    texts = [f"G({NAMES[kind]}) = {gini_of(points, kind):.4f}" for kind in STYLES]
    assert panel.get_xlabel().splitlines() == ["share of points", *texts]
    (legend,) = panel.figure.legends
    assert [text.get_text() for text in legend.get_texts()] == [
        f"real, {NAMES['weight']}",
        f"phantom, {NAMES['phantom_weight']}",
    ]
    assert [handle.get_linestyle() for handle in legend.legend_handles] == [*STYLES.values()]
    (diagonal,) = (line for line in panel.lines if line.get_linestyle() == ":")
    np.testing.assert_array_equal(diagonal.get_data(), [[0, 1], [0, 1]])
    assert (panel.get_xlim(), panel.get_ylim()) == ((0, 1), (0, 1))


@pytest.mark.parametrize(
    ("points", "method"),
    [(1, ""), (10, ""), (3, "sam"), (3, "lsam"), (3, "asam")],
    indirect=["points"],
)
def test_one_checkpoint_has_the_methods_side_by_side(points, method, weighted, assert_shows):
    figure = lorenz_curves(weighted(points, method), [3])
    names = ["SGD", method.upper() or "LSAM"]
    for panel, name in zip(figure.axes, names, strict=True):
        assert_panel(panel, part(points, name, 3), name, assert_shows)
    assert [panel.get_subplotspec().colspan.start for panel in figure.axes] == [0, 1]
    assert [panel.get_title() for panel in figure.axes] == [f"trained by {name}" for name in names]
    assert [panel.get_ylabel() for panel in figure.axes] == ["share of weight", ""]
    figure.draw_without_rendering()


def test_several_have_a_column_each_and_the_methods_rows(points, weighted, assert_shows) -> None:
    figure = lorenz_curves(weighted(points), EPOCHS)
    cells = [*product(("SGD", "LSAM"), EPOCHS)]
    for panel, (method, epoch) in zip(figure.axes, cells, strict=True):
        assert_panel(panel, part(points, method, epoch), method, assert_shows)
        spec = panel.get_subplotspec()
        place = (("SGD", "LSAM")[spec.rowspan.start], EPOCHS[spec.colspan.start])
        assert place == (method, epoch)
    titles = [panel.get_title() for panel in figure.axes]
    assert titles == [*(f"epoch {epoch}" for epoch in EPOCHS), "", "", ""]
    labels = [panel.get_ylabel().splitlines() for panel in figure.axes]
    rows = [[f"trained by {method}", "share of weight"] for method in ("SGD", "LSAM")]
    assert labels == [rows[0], [], [], rows[1], [], []]
    figure.draw_without_rendering()


def test_a_seed_without_weight_is_left_out_and_counted_and_a_diverged_run_is_left_out(
    points, weighted, assert_shows
) -> None:
    nothing = (points["rho"] == 0) & (points["seed"] == 1)
    weightless = points.assign(weight=points["weight"].mask(nothing, 0.0))
    diverged = (points["rho"] > 0) & (points["seed"] == 2)
    panel, lsam = lorenz_curves(weighted(without(weightless, diverged)), [3]).axes
    rest = part(weightless[~nothing], "SGD", 3)
    assert_panel(lsam, part(points[~diverged], "LSAM", 3), "LSAM", assert_shows)
    assert_shows(panel, curves_of(rest, "weight"), "x", "y", METHODS["SGD"], "--")
    _, real, note, phantom = panel.get_xlabel().splitlines()
    assert real == f"G(λ) = {gini_of(rest, 'weight'):.4f}"
    assert note == "(all 0: 1 of 3 seeds)"
    assert "seed" not in phantom


@pytest.mark.parametrize("draw", [lorenz_curves, weight_maps])
@pytest.mark.parametrize("method", ["", "asam"])
def test_without_a_finite_run_there_is_nothing_to_draw(points, weighted, draw, method) -> None:
    lost = without(points, (points["rho"] > 0) & (points["epoch"] == 10))
    message = f"^{method.upper() or 'LSAM'}: no run is finite at epoch 10; there is nothing to draw"
    with pytest.raises(InputError, match=message):
        draw(weighted(lost, method), EPOCHS)


def test_curves_of_many_points_stay_light_and_true(points_of, weighted) -> None:
    points = points_of(seeds=1, epochs=(3,), points=5000)
    panel = lorenz_curves(weighted(points, "sam"), [3]).axes[0]
    _, dashed, _ = panel.lines
    x, y = dashed.get_data()
    assert len(x) == 301
    weights = part(points, "SGD", 3)["weight"].sort_values(ascending=False)
    expected = [weights.iloc[: round(5000 * share)].sum() / weights.sum() for share in x]
    np.testing.assert_allclose(y, expected, atol=2e-3)


def test_the_text_below_names_data_settings_and_radius(points, weighted) -> None:
    assert settings_text(weighted(points, "asam")) == (
        "Shapes in colours: SGD at lr 0.05 and ρ 0, ASAM at lr 0.01 and ρ 0.5; "
        "$\\tilde{λ}$ at ρ 0.5."
    )
    assert settings_text(weighted(points)) == ""
    assert weighted(points, "asam").epochs == [*EPOCHS]
