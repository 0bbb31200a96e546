import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import same_color

from feature_quality.reporting.figures.figure_06 import plot
from feature_quality.reporting.figures.style import NEUTRAL
from feature_quality.reporting.statistics import interval

KINDS = {
    "importance_weighting": "importance weighting",
    "learning_rate": "learning rate",
    "both": "both",
}
KAPPAS = {"constant": "-", "tracking": "--"}
METHODS = {"SGD": "#0072B2", "LSAM": "#D55E00"}
ALPHA, RHO = (0.25, 1.0, 4.0), (0.0, 0.1, 0.3, 0.5)


@pytest.fixture
def seeds(request) -> int:
    return getattr(request, "param", 3)


@pytest.fixture
def intervened(runs_of, seeds) -> pd.DataFrame:
    return runs_of(seeds, intervention=KINDS, kappa=KAPPAS, alpha=ALPHA)


@pytest.fixture
def trained(runs_of, seeds) -> pd.DataFrame:
    return runs_of(seeds, rho=RHO)


def at(trained: pd.DataFrame, rho: tuple[float, ...]) -> list[tuple[float, float]]:
    means = trained.groupby("rho")[["phantom_ratio_mean", "hard_error"]].mean()
    return [tuple(means.loc[each]) for each in rho]


def points(line) -> list[tuple[float, float]]:
    return [*zip(*line.get_data(), strict=True)]


@pytest.mark.parametrize("seeds", [1, 10], indirect=True)
def test_a_panel_shows_an_intervention_for_both_kappas(intervened, trained, assert_shows) -> None:
    figure = plot(intervened, trained)
    for panel, (kind, title) in zip(figure.axes, KINDS.items(), strict=True):
        assert panel.get_title() == title
        for kappa, style in KAPPAS.items():
            chosen = (intervened["intervention"] == kind) & (intervened["kappa"] == kappa)
            assert_shows(panel, intervened[chosen], "alpha", "hard_error", NEUTRAL, style)
    figure.draw_without_rendering()


@pytest.mark.parametrize("kappa", KAPPAS)
def test_a_grid_may_have_one_kappa(intervened, trained, assert_shows, curves, kappa) -> None:
    chosen = intervened[intervened["kappa"] == kappa]
    figure = plot(chosen, trained)
    for panel, kind in zip(figure.axes, KINDS, strict=True):
        rows = chosen[chosen["intervention"] == kind]
        assert_shows(panel, rows, "alpha", "hard_error", NEUTRAL, KAPPAS[kappa])
        assert len(curves(panel, NEUTRAL)) == 1
    (legend,) = figure.legends
    names = {"constant": "κ = √2", "tracking": "κ = ‖w‖"}
    assert [text.get_text() for text in legend.get_texts()] == ["SGD", "LSAM", names[kappa]]
    figure.draw_without_rendering()


def assert_references(panel, trained, rho, curves) -> None:
    """Check SGD's point and line, and LSAM's points at ``rho`` with their intervals."""
    sgd, lsam = at(trained, (0,)), at(trained, rho)
    (joined,) = curves(panel, METHODS["LSAM"], "-")
    np.testing.assert_allclose(points(joined), sgd + lsam)
    marks = {
        method: [line for line in curves(panel, colour) if line.get_linestyle() == "None"]
        for method, colour in METHODS.items()
    }
    np.testing.assert_allclose(points(*marks["SGD"]), sgd)
    np.testing.assert_allclose(points(*marks["LSAM"]), lsam)
    (level,) = curves(panel, METHODS["SGD"], ":")
    assert [*level.get_ydata()] == pytest.approx([sgd[0][1]] * 2)
    for container, places in zip(panel.containers, ((0,), rho), strict=True):
        (bars,) = container.lines[2]
        errors = [trained[trained["rho"] == each]["hard_error"].dropna() for each in places]
        ends = [segment[:, 1] for segment in bars.get_segments()]
        np.testing.assert_allclose(ends, [interval(values) for values in errors])


@pytest.mark.parametrize("seeds", [1, 10], indirect=True)
def test_lsam_stands_at_its_mean_ratio_in_every_panel(intervened, trained, curves) -> None:
    for panel in plot(intervened, trained).axes:
        assert_references(panel, trained, RHO[1:], curves)


def test_a_rho_at_which_the_mean_breaks_is_hollow_at_its_median(intervened, trained) -> None:
    one = (trained["rho"] == 0.3) & (trained["seed"] == 2)
    broken = trained.assign(phantom_easy_nonpositive=np.where(one, 0.02, 0.01))
    medians = broken[broken["rho"] == 0.3][["phantom_ratio_median", "hard_error"]].mean()
    for panel in plot(intervened, broken).axes:
        hollow = [line for line in panel.lines if line.get_markerfacecolor() == "white"]
        marks = [point for line in hollow for point in points(line)]
        assert marks == [pytest.approx(tuple(medians))]
    (legend,) = panel.figure.legends
    assert legend.get_texts()[-1].get_text() == "median, as mean breaks"


def test_diverged_runs_are_left_out(intervened, trained, curves) -> None:
    one = (trained["rho"] == 0.5) & (trained["seed"] == 0)
    measures = ["hard_error", "phantom_ratio_mean", "phantom_easy_nonpositive"]
    diverged = trained.copy()
    diverged.loc[one, measures] = np.nan
    assert_references(plot(intervened, diverged).axes[0], diverged, RHO[1:], curves)


def test_labels(intervened, trained) -> None:
    panels = plot(intervened, trained).axes
    assert [panel.get_xlabel() for panel in panels] == ["ratio of weights, hard/easy"] * 3
    assert [panel.get_ylabel() for panel in panels] == ["hard probing error", "", ""]
    for panel in panels:
        assert panel.get_xscale() == "log"
        assert panel.get_xticks().tolist() == [*ALPHA]
        assert [float(text.get_text()) for text in panel.get_xticklabels()] == [*ALPHA]
        assert panel.get_ylim() == panels[0].get_ylim()
    assert panels[0].get_ylim()[0] == 0
    (legend,) = panels[0].figure.legends
    texts = [text.get_text() for text in legend.get_texts()]
    assert texts == ["SGD", "LSAM", "κ = √2", "κ = ‖w‖"]
    colours = [*METHODS.values(), NEUTRAL, NEUTRAL]
    for handle, colour in zip(legend.legend_handles, colours, strict=True):
        assert same_color(handle.get_color(), colour)
