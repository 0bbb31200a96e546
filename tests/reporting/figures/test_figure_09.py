import pandas as pd
import pytest

from feature_quality.reporting.figures.figure_09 import plot

METHODS = {"SGD": "#0072B2", "LSAM": "#D55E00"}
LEVELS = {"label": (0.0, 0.02, 0.1), "gaussian": (0.0, 0.4, 1.0), "dropout": (0.0, 0.2, 0.4)}
CELLS = [(noisy, kind) for noisy in ("both", "hard") for kind in LEVELS]


@pytest.mark.parametrize("seeds", [1, 4])
def test_a_panel_shows_both_methods_at_a_kind_of_noise_and_where_it_is(
    runs_of, seeds, assert_shows
) -> None:
    # The kinds' runs differ.
    parts = [
        runs_of(seeds, noise=[kind], level=levels, noisy=["both", "hard"], rho=(0.0, 0.5)).assign(
            hard_error=lambda rows, factor=1 - 0.1 * number: factor * rows["hard_error"]
        )
        for number, (kind, levels) in enumerate(LEVELS.items())
    ]
    runs = pd.concat(parts, ignore_index=True)
    figure = plot(runs)
    panels = figure.axes
    for panel, (noisy, kind) in zip(panels, CELLS, strict=True):
        rows = runs[(runs["noise"] == kind) & (runs["noisy"] == noisy)]
        for method, of_method in (("SGD", rows["rho"] == 0), ("LSAM", rows["rho"] > 0)):
            assert_shows(panel, rows[of_method], "level", "hard_error", METHODS[method])
    titles = ["label noise", "Gaussian noise", "feature dropout", "", "", ""]
    assert [panel.get_title() for panel in panels] == titles
    levels = ["probability of a flip p", "standard deviation σ", "probability of a drop q"]
    assert [panel.get_xlabel() for panel in panels] == ["", "", "", *levels]
    error = "hard probing error,\nnoise on "
    labels = [error + "both", "", "", error + "hard only", "", ""]
    assert [panel.get_ylabel() for panel in panels] == labels
    assert {panel.get_ylim() for panel in panels} == {panels[0].get_ylim()}
    assert panels[0].get_ylim()[0] == 0
    legend = panels[0].get_legend()
    texts = [text.get_text() for text in legend.get_texts()]
    colours = [handle.get_color() for handle in legend.legend_handles]
    assert dict(zip(texts, colours, strict=True)) == METHODS
    assert legend.get_title().get_text() in ("", "None")
    assert all(panel.get_legend() is None for panel in panels[1:])
    figure.draw_without_rendering()
