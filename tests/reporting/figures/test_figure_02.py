import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import same_color

from feature_quality.reporting.figures.figure_02 import plot
from feature_quality.reporting.figures.style import sequence

COMPLEXITIES, RHO = (180.0, 270.0, 540.0), (0.0, 0.1, 0.5)


@pytest.fixture
def runs(runs_of) -> pd.DataFrame:
    return runs_of(complexity=COMPLEXITIES, rho=RHO)


def of(runs: pd.DataFrame, complexity: float, rho: float) -> pd.Series:
    return (runs["complexity"] == complexity) & (runs["rho"] == rho)


def hollow_marks(panel) -> list[tuple[float, float]]:
    (line,) = (line for line in panel.lines if same_color(line.get_mfc(), "white"))
    return [*zip(line.get_xdata(), line.get_ydata(), strict=True)]


def legend_of(panel) -> list[str]:
    (legend,) = panel.figure.legends
    return [text.get_text() for text in legend.get_texts()]


@pytest.mark.parametrize(("seeds", "complexities"), [(1, COMPLEXITIES), (10, COMPLEXITIES[1:2])])
def test_every_complexity_has_its_lines(runs_of, assert_shows, seeds, complexities) -> None:
    runs = runs_of(seeds, complexity=complexities, rho=RHO)
    figure = plot(runs)
    left, right = figure.axes
    for value, colour in sequence(runs["complexity"]).items():
        rows = runs[runs["complexity"] == value]
        assert_shows(left, rows, "rho", "hard_error", colour, "-")
        assert_shows(right, rows, "rho", "phantom_ratio_mean", colour, "-")
        assert_shows(right, rows, "rho", "real_ratio_mean", colour, "--")
    figure.draw_without_rendering()


def test_labels_and_diverged_runs_that_are_left_out_of_the_means(runs, assert_shows) -> None:
    measures = ["hard_error", "phantom_ratio_mean", "phantom_ratio_median", "real_ratio_mean"]
    diverged = runs.copy()
    diverged.loc[of(runs, 270, 0.1) & (runs["seed"] == 0), measures] = np.nan
    rows = diverged[diverged["complexity"] == 270].dropna(subset=measures)
    left, right = plot(diverged).axes
    colours = sequence(runs["complexity"])
    assert_shows(left, rows, "rho", "hard_error", colours[270], "-")
    assert_shows(right, rows, "rho", "phantom_ratio_mean", colours[270], "-")

    assert (left.get_title(), right.get_title()) == (
        "A: error on the spiral",
        "B: ratio of weights",
    )
    assert left.get_xlabel() == right.get_xlabel() == "perturbation radius ρ"
    assert left.get_ylabel() == "hard probing error"
    assert right.get_ylabel() == "weight ratio, hard/easy"
    assert left.get_ylim()[0] == 0
    (legend,) = left.figure.legends
    # Without a break nothing is hollow.
    assert hollow_marks(right) == []
    assert legend_of(left) == [
        *("c = 180°", "c = 270°", "c = 540°"),
        *("B: $\\tilde{w}_h/\\tilde{w}_e$", "B: $w_h/w_e$"),
    ]
    for handle, colour in zip(legend.legend_handles[:3], colours.values(), strict=True):
        assert same_color(handle.get_color(), colour)
    assert [handle.get_linestyle() for handle in legend.legend_handles[3:]] == ["-", "--"]


def test_where_the_mean_breaks_the_median_is_drawn_hollow(runs, assert_shows) -> None:
    share = pd.Series(0.01, index=runs.index)
    share[of(runs, 270, 0.5) & (runs["seed"] == 1)] = 0.011
    share[of(runs, 540, 0.1)] = 0.4
    broken = runs.assign(phantom_easy_nonpositive=share)
    right = plot(broken).axes[1]
    median = of(broken, 270, 0.5) | of(broken, 540, 0.1)
    shown = broken["phantom_ratio_median"].where(median, broken["phantom_ratio_mean"])
    drawn = broken.assign(shown=shown)
    for value, colour in sequence(broken["complexity"]).items():
        rows = drawn[drawn["complexity"] == value]
        assert_shows(right, rows, "rho", "shown", colour, "-")
        assert_shows(right, rows, "rho", "real_ratio_mean", colour, "--")
    assert hollow_marks(right) == [
        (rho, pytest.approx(broken[of(broken, c, rho)]["phantom_ratio_median"].mean()))
        for c, rho in ((270, 0.5), (540, 0.1))
    ]
    assert legend_of(right)[5:] == ["median, as mean breaks"]
