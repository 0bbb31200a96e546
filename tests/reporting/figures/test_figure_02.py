import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import same_color

from feature_quality.reporting.figures.figure_02 import plot
from feature_quality.reporting.figures.style import sequence
from feature_quality.reporting.toy_runs import breaks

COMPLEXITIES, RHO = (180.0, 270.0, 540.0), (0.0, 0.1, 0.5)


@pytest.fixture
def runs(runs_of) -> pd.DataFrame:
    return runs_of(complexity=COMPLEXITIES, rho=RHO)


def of(runs: pd.DataFrame, complexity: float, rho: float) -> pd.Series:
    return (runs["complexity"] == complexity) & (runs["rho"] == rho)


@pytest.fixture
def broken(runs: pd.DataFrame) -> pd.DataFrame:
    """Break one seed at 270° and ρ = 0.5, and all at 540° and ρ = 0.1."""
    share = pd.Series(0.01, index=runs.index)
    share[of(runs, 270, 0.5) & (runs["seed"] == 1)] = 0.011
    share[of(runs, 540, 0.1)] = 0.4
    return runs.assign(phantom_easy_nonpositive=share)


@pytest.mark.parametrize(("share", "expected"), [(0.0, False), (0.01, False), (0.0101, True)])
def test_a_mean_breaks_above_one_step_of_a_hundred(runs, share, expected) -> None:
    assert breaks(runs.assign(phantom_easy_nonpositive=share)).tolist() == [expected] * len(runs)


@pytest.mark.parametrize(("times", "expected"), [(1.0, False), (2.0, False), (2.1, True)])
def test_a_mean_far_beyond_the_median_breaks(runs, times, expected) -> None:
    far = runs.assign(phantom_ratio_mean=times * runs["phantom_ratio_median"])
    assert breaks(far).tolist() == [expected] * len(runs)


def test_one_seed_breaks_its_setting_and_no_other(runs, broken) -> None:
    expected = of(runs, 270, 0.5) | of(runs, 540, 0.1)
    assert expected.sum() == 6
    pd.testing.assert_series_equal(breaks(broken), expected, check_names=False)


def test_a_diverged_run_says_nothing_of_its_setting(broken) -> None:
    expected = breaks(broken)
    other = of(broken, 540, 0.1) & (broken["seed"] == 0)
    diverged = broken.assign(
        phantom_easy_nonpositive=broken["phantom_easy_nonpositive"].mask(other)
    )
    pd.testing.assert_series_equal(breaks(diverged), expected)


@pytest.mark.parametrize("complexities", [COMPLEXITIES, COMPLEXITIES[1:2]])
@pytest.mark.parametrize("seeds", [1, 10])
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


def test_labels(runs) -> None:
    left, right = plot(runs).axes
    assert (left.get_title(), right.get_title()) == ("A", "B")
    assert left.get_xlabel() == right.get_xlabel() == "perturbation radius ρ"
    assert left.get_ylabel() == "hard probing error"
    assert right.get_ylabel() == "weight ratio, hard/easy"
    assert left.get_ylim()[0] == 0
    (legend,) = left.figure.legends
    assert legend_of(left)[:3] == ["c = 180°", "c = 270°", "c = 540°"]
    colours = sequence(runs["complexity"]).values()
    for handle, colour in zip(legend.legend_handles[:3], colours, strict=True):
        assert same_color(handle.get_color(), colour)


def marks(panel) -> list[tuple[float, float]]:
    (line,) = (line for line in panel.lines if same_color(line.get_mfc(), "white"))
    return [*zip(line.get_xdata(), line.get_ydata(), strict=True)]


def legend_of(panel) -> list[str]:
    (legend,) = panel.figure.legends
    return [text.get_text() for text in legend.get_texts()]


def test_where_the_mean_breaks_the_median_is_drawn_hollow(broken, assert_shows) -> None:
    right = plot(broken).axes[1]
    median = of(broken, 270, 0.5) | of(broken, 540, 0.1)
    shown = broken["phantom_ratio_median"].where(median, broken["phantom_ratio_mean"])
    drawn = broken.assign(shown=shown)
    for value, colour in sequence(broken["complexity"]).items():
        rows = drawn[drawn["complexity"] == value]
        assert_shows(right, rows, "rho", "shown", colour, "-")
        assert_shows(right, rows, "rho", "real_ratio_mean", colour, "--")
    assert marks(right) == [
        (rho, pytest.approx(broken[of(broken, c, rho)]["phantom_ratio_median"].mean()))
        for c, rho in ((270, 0.5), (540, 0.1))
    ]
    assert legend_of(right)[5:] == ["median, as mean breaks"]


def test_without_a_break_nothing_is_hollow(runs) -> None:
    right = plot(runs).axes[1]
    assert marks(right) == []
    assert legend_of(right)[3:] == ["B: $\\tilde{w}_h/\\tilde{w}_e$", "B: $w_h/w_e$"]
    (legend,) = right.figure.legends
    assert [handle.get_linestyle() for handle in legend.legend_handles[3:]] == ["-", "--"]


def test_diverged_runs_are_left_out_of_the_means(runs, assert_shows) -> None:
    measures = ["hard_error", "phantom_ratio_mean", "phantom_ratio_median", "real_ratio_mean"]
    diverged = runs.copy()
    diverged.loc[of(runs, 270, 0.1) & (runs["seed"] == 0), measures] = np.nan
    rows = diverged[diverged["complexity"] == 270].dropna(subset=measures)
    left, right = plot(diverged).axes
    colour = sequence(runs["complexity"])[270]
    assert_shows(left, rows, "rho", "hard_error", colour, "-")
    assert_shows(right, rows, "rho", "phantom_ratio_mean", colour, "-")
