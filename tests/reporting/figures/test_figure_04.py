import pytest

from feature_quality.methods import METHODS
from feature_quality.reporting.figures.figure_04 import plot
from feature_quality.reporting.figures.style import FEATURES

RATE = "phantom/real rate, $\\tilde{w}_j/w_j$"


@pytest.mark.parametrize("seeds", [1, 10])
def test_lsam_is_shown_over_training_and_every_rho_beside_it(
    epochs_of, runs_of, seeds, assert_shows
) -> None:
    epochs, runs = epochs_of(seeds), runs_of(seeds, rho=(0.0, 0.1, 0.5))
    figure = plot(epochs, runs)
    left, right = figure.axes
    for feature, colour in FEATURES.items():
        name = f"{feature}_scaling"
        assert_shows(left, epochs[epochs["rho"] > 0], "epoch", name, colour)
        assert_shows(right, runs, "rho", name, colour)
    for panel in (left, right):
        (line,) = (line for line in panel.lines if line.get_linestyle() == ":")
        assert [*line.get_ydata()] == [1, 1]
    assert left.get_title() == "over training, ρ = 0.5"
    assert right.get_title() == "mean over training"
    assert (left.get_xlabel(), right.get_xlabel()) == ("epoch", "perturbation radius ρ")
    assert left.get_ylabel() == RATE
    assert right.get_ylabel() in ("", RATE)
    assert (left.get_xscale(), right.get_xscale()) == ("log", "linear")
    assert left.get_ylim() == right.get_ylim()
    legend = left.get_legend()
    texts = [text.get_text() for text in legend.get_texts()]
    colours = [handle.get_color() for handle in legend.legend_handles]
    assert dict(zip(texts, colours, strict=True)) == FEATURES
    assert not set(colours) & {method.colour for method in METHODS.values()}
    assert right.get_legend() is None
    figure.draw_without_rendering()
