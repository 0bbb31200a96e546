import pandas as pd
import pytest

from feature_quality.methods import METHODS
from feature_quality.reporting.figures.figure_04 import plot
from feature_quality.reporting.figures.style import FEATURES

RATE = "phantom/real rate, $\\tilde{w}_j/w_j$"


@pytest.fixture
def tables(runs_of, epochs_of, request) -> tuple[pd.DataFrame, pd.DataFrame]:
    seeds = getattr(request, "param", 3)
    return epochs_of(seeds), runs_of(seeds, rho=(0.0, 0.1, 0.5))


@pytest.mark.parametrize("tables", [1, 10], indirect=True)
def test_lsam_is_shown_over_training_and_every_rho_beside_it(tables, assert_shows) -> None:
    epochs, runs = tables
    figure = plot(epochs, runs)
    left, right = figure.axes
    for feature, colour in FEATURES.items():
        name = f"{feature}_scaling"
        assert_shows(left, epochs[epochs["rho"] > 0], "epoch", name, colour)
        assert_shows(right, runs, "rho", name, colour)
    figure.draw_without_rendering()


def test_labels(tables) -> None:
    left, right = plot(*tables).axes
    assert left.get_title() == "over training, ρ = 0.5"
    assert right.get_title() == "mean over training"
    assert (left.get_xlabel(), right.get_xlabel()) == ("epoch", "perturbation radius ρ")
    assert left.get_ylabel() == RATE
    assert right.get_ylabel() in ("", RATE)
    assert (left.get_xscale(), right.get_xscale()) == ("log", "linear")
    assert left.get_ylim() == right.get_ylim()


def test_both_panels_have_a_line_where_the_rates_are_the_same(tables) -> None:
    for panel in plot(*tables).axes:
        (line,) = (line for line in panel.lines if line.get_linestyle() == ":")
        assert [*line.get_ydata()] == [1, 1]


def test_the_legend_names_the_features_whose_colours_are_no_methods(tables) -> None:
    left, right = plot(*tables).axes
    handles = left.get_legend().legend_handles
    texts = [text.get_text() for text in left.get_legend().get_texts()]
    found = dict(zip(texts, (handle.get_color() for handle in handles), strict=True))
    assert found == FEATURES
    assert not set(found.values()) & {method.colour for method in METHODS.values()}
    assert right.get_legend() is None
