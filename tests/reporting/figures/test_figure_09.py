import pandas as pd
import pytest

from feature_quality.reporting.figures.figure_09 import plot

METHODS = {"SGD": "#0072B2", "LSAM": "#D55E00"}
LEVELS = {"label": (0.0, 0.02, 0.1), "gaussian": (0.0, 0.4, 1.0), "dropout": (0.0, 0.2, 0.4)}
CELLS = [(noisy, kind) for noisy in ("both", "hard") for kind in LEVELS]


@pytest.fixture
def runs(runs_of, request) -> pd.DataFrame:
    seeds = getattr(request, "param", 3)
    each = [
        runs_of(seeds, noise=[kind], level=levels, noisy=["both", "hard"], rho=(0.0, 0.5))
        for kind, levels in LEVELS.items()
    ]
    # The kinds' runs differ.
    factors = zip(each, (1, 0.9, 0.8), strict=True)
    parts = [part.assign(hard_error=factor * part["hard_error"]) for part, factor in factors]
    return pd.concat(parts, ignore_index=True)


@pytest.mark.parametrize("runs", [1, 10], indirect=True)
def test_a_panel_shows_both_methods_at_a_kind_of_noise_and_where_it_is(runs, assert_shows) -> None:
    figure = plot(runs)
    for panel, (noisy, kind) in zip(figure.axes, CELLS, strict=True):
        rows = runs[(runs["noise"] == kind) & (runs["noisy"] == noisy)]
        for method, of_method in (("SGD", rows["rho"] == 0), ("LSAM", rows["rho"] > 0)):
            assert_shows(panel, rows[of_method], "level", "hard_error", METHODS[method])
    figure.draw_without_rendering()


def test_columns_are_kinds_with_their_symbols_and_rows_say_where(runs) -> None:
    panels = plot(runs).axes
    titles = ["label noise", "Gaussian noise", "feature dropout", "", "", ""]
    assert [panel.get_title() for panel in panels] == titles
    levels = ["probability of a flip p", "standard deviation σ", "probability of a drop q"]
    assert [panel.get_xlabel() for panel in panels] == ["", "", "", *levels]
    error = "hard probing error,\nnoise on "
    assert [panel.get_ylabel() for panel in panels] == [
        *(error + "both", "", ""),
        *(error + "hard only", "", ""),
    ]
    assert {panel.get_ylim() for panel in panels} == {panels[0].get_ylim()}
    assert panels[0].get_ylim()[0] == 0


def test_the_legend_names_the_methods_once(runs) -> None:
    first, *others = plot(runs).axes
    legend = first.get_legend()
    found = {
        text.get_text(): handle.get_color()
        for text, handle in zip(legend.get_texts(), legend.legend_handles, strict=True)
    }
    assert found == METHODS
    assert legend.get_title().get_text() in ("", "None")
    assert all(panel.get_legend() is None for panel in others)
