"""Figures 3 and 7."""

from itertools import product

import numpy as np
import pandas as pd
import pytest
from scipy.stats import t

from feature_quality.errors import InputError
from feature_quality.reporting.figures.example_weights import settings_text
from feature_quality.reporting.figures.lorenz_curves import (
    curves_texts,
    ginis,
    lorenz_curves,
    lorenz_curves_over_training,
)

METHODS = {"SGD": "#0072B2", "SAM": "#E69F00", "LSAM": "#D55E00", "ASAM": "#000000"}
EPOCHS = (1, 3, 10)
STYLES = {"weight": "--", "phantom_weight": "-"}
NAMES = {"weight": "real, λ", "phantom_weight": "phantom, $\\tilde{λ}$"}
POINTS = 20


@pytest.fixture
def points(points_of, request) -> pd.DataFrame:
    return points_of(getattr(request, "param", 3), epochs=EPOCHS, points=POINTS)


def part(points: pd.DataFrame, method: str, epoch: int) -> pd.DataFrame:
    return points[(points["rho"] == (0 if method == "SGD" else 0.5)) & (points["epoch"] == epoch)]


def without(points: pd.DataFrame, diverged: pd.Series) -> pd.DataFrame:
    """Return the points with the measures of some runs lost."""
    measures = ["easy_contribution", "hard_contribution", *STYLES]
    return points.assign(**{name: points[name].mask(diverged) for name in measures})


def curves_of(points: pd.DataFrame, kind: str, share: np.ndarray) -> np.ndarray:
    """Return the curve of each seed at some shares, between which it is straight."""
    found = []
    for _, weights in points.groupby("seed")[kind]:
        top = weights.sort_values(ascending=False).cumsum() / weights.sum()
        found.append(np.interp(share, np.arange(len(top) + 1) / len(top), [0, *top]))
    return np.array(found)


def gini_of(weights: pd.Series) -> float:
    values = weights.to_numpy()
    return float(np.abs(values[:, None] - values).mean() / (2 * values.mean()))


def assert_curves(panel, points: pd.DataFrame, epoch: int, methods, curves, bands) -> None:
    """Check both kinds of curves of both methods, which all stand in one panel."""
    for method, (kind, style) in product(methods, STYLES.items()):
        (line,) = curves(panel, METHODS[method], style)
        share, drawn = line.get_data()
        assert (share[0], share[-1]) == (0, 1)
        expected = curves_of(part(points, method, epoch), kind, share)
        np.testing.assert_allclose(drawn, expected.mean(axis=0))
        if len(expected) > 1:
            half = t.ppf(0.975, len(expected) - 1) * expected.std(axis=0, ddof=1)
            half /= len(expected) ** 0.5
            # Neither is any curve below the diagonal, nor above 1.
            ends = np.clip([drawn - half, drawn + half], share, 1).T
            assert any(
                np.allclose([*band.values()], ends) for band in bands(panel, METHODS[method])
            )
    (diagonal,) = (line for line in panel.lines if line.get_linestyle() == ":")
    np.testing.assert_array_equal(*diagonal.get_data())


@pytest.mark.parametrize(
    ("points", "method"),
    [(1, ""), (10, ""), (3, "sam"), (3, "lsam"), (3, "asam")],
    indirect=["points"],
)
def test_figure_3_has_all_curves_on_two_axes_and_their_coefficients(
    points, method, weighted, curves, bands
) -> None:
    names = ["SGD", method.upper() or "LSAM"]
    figure = lorenz_curves(weighted(points, method))
    linear, log, coefficients = figure.axes
    for panel in (linear, log):
        assert_curves(panel, points, 10, names, curves, bands)
    assert [panel.get_xscale() for panel in (linear, log)] == ["linear", "log"]
    assert log.get_xlim()[0] == pytest.approx(1 / POINTS, rel=0.1)
    (legend,) = figure.legends
    texts = [text.get_text() for text in legend.get_texts()]
    assert texts == [f"{name}: {kind}" for name, kind in product(names, NAMES.values())]
    means = [line.get_ydata()[0] for line in coefficients.lines if line.get_marker() == "s"]
    assert means == pytest.approx(
        [
            np.mean([gini_of(each) for _, each in part(points, name, 10).groupby("seed")[kind]])
            for name, kind in product(names, STYLES)
        ]
    )
    joined = [line.get_ydata() for line in coefficients.lines if line.get_marker() == "None"]
    np.testing.assert_allclose(
        [line for line in joined if len(line) == 2],
        [
            [gini_of(of_network[kind]) for kind in STYLES]
            for name in names
            for _, of_network in part(points, name, 10).groupby("seed")
        ],
    )
    figure.draw_without_rendering()


def test_figure_7_has_a_panel_per_epoch_and_coefficients_over_all(
    points, weighted, curves, bands, assert_shows
) -> None:
    shown = weighted(points)
    figure = lorenz_curves_over_training(shown)
    *panels, last = figure.axes
    assert [panel.get_title() for panel in panels] == [f"epoch {epoch}" for epoch in EPOCHS]
    for panel, epoch in zip(panels, EPOCHS, strict=True):
        assert_curves(panel, points, epoch, ("SGD", "LSAM"), curves, bands)
    table = ginis(shown, EPOCHS).assign(evenness=lambda rows: 1 - rows["gini"])
    for method, (kind, style) in product(("SGD", "LSAM"), STYLES.items()):
        rows = table[(table["method"] == method.lower()) & (table["kind"] == kind)]
        assert_shows(last, rows, "epoch", "evenness", METHODS[method], style)
    assert [text.get_text() for text in last.get_xticklabels()] == ["1", "3", "10"]
    figure.draw_without_rendering()


def test_a_seed_without_weight_is_left_out_and_counted_and_a_diverged_run_is_left_out(
    points, weighted, curves
) -> None:
    nothing = (points["rho"] == 0) & (points["seed"] == 1)
    weightless = points.assign(weight=points["weight"].mask(nothing, 0.0))
    diverged = (points["rho"] > 0) & (points["seed"] == 2)
    shown = weighted(without(weightless, diverged))
    panel = lorenz_curves(shown).axes[0]
    for method, style, rest in (("SGD", "--", ~nothing), ("LSAM", "-", ~diverged)):
        (line,) = curves(panel, METHODS[method], style)
        kind = "weight" if style == "--" else "phantom_weight"
        expected = curves_of(part(points[rest], method, 10), kind, line.get_xdata())
        np.testing.assert_allclose(line.get_ydata(), expected.mean(axis=0))
    texts = curves_texts(shown, [10])
    assert texts[-1] == "Without a coefficient, as all weights are 0: 1 times."
    real = np.mean(
        [gini_of(w) for _, w in part(points[~nothing], "SGD", 10).groupby("seed").weight]
    )
    assert texts[1].startswith(f"Gini coefficients at epoch 10: real weights of SGD {real:.4f}, ")
    assert len(curves_texts(weighted(points), [10])) == 2


def test_equal_weights_have_a_coefficient_of_0_whatever_the_rounding(points, weighted) -> None:
    figure = lorenz_curves(weighted(points.assign(weight=0.1, phantom_weight=0.7)))
    marks = [line for line in figure.axes[2].lines if line.get_marker() == "s"]
    assert [line.get_ydata()[0] for line in marks] == pytest.approx([0] * 4, abs=1e-12)


@pytest.mark.parametrize("method", ["", "asam"])
def test_without_a_finite_run_there_is_nothing_to_draw(points, weighted, method) -> None:
    lost = without(points, (points["rho"] > 0) & (points["epoch"] == 10))
    message = f"^{method.upper() or 'LSAM'}: no run is finite at epoch 10; there is nothing to draw"
    with pytest.raises(InputError, match=message):
        lorenz_curves_over_training(weighted(lost, method))


def test_the_caption_names_data_settings_and_radius(points, weighted) -> None:
    assert settings_text(weighted(points, "asam")) == (
        "Shapes in colours: SGD at lr 0.05 and ρ 0, ASAM at lr 0.01 and ρ 0.5; λ̃ at ρ 0.5."
    )
    assert settings_text(weighted(points)) == "LSAM and λ̃ at ρ = 0.5."
    assert weighted(points, "asam").epochs == [*EPOCHS]
