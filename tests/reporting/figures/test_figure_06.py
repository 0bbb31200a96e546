import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import same_color

from feature_quality.artifacts.parquet import write_table
from feature_quality.artifacts.toy import TOY_RUNS
from feature_quality.reporting.figures.figure_06 import draw, plot
from feature_quality.reporting.figures.style import NEUTRAL
from feature_quality.reporting.statistics import interval

METHODS = {"SGD": "#0072B2", "LSAM": "#D55E00"}
KINDS = {
    "importance_weighting": "importance weighting",
    "learning_rate": "learning rate",
    "both": "both",
}
KAPPAS = {"constant": "-", "tracking": "--"}
NAMES = {"constant": "κ = √2", "tracking": "κ = ‖w‖"}
ALPHA, RHO = (0.25, 1.0, 4.0), (0.0, 0.1, 0.3, 0.5)


def points(line) -> list[tuple[float, float]]:
    return [*zip(*line.get_data(), strict=True)]


def assert_references(panel, trained: pd.DataFrame, curves) -> None:
    """Check SGD's point and line, and LSAM's points with their intervals."""
    means = trained.groupby("rho")[["phantom_ratio_mean", "hard_error"]].mean()
    sgd, *lsam = (tuple(means.loc[rho]) for rho in RHO)
    (joined,) = curves(panel, METHODS["LSAM"], "-")
    np.testing.assert_allclose(points(joined), [sgd, *lsam])
    marks = {
        method: [line for line in curves(panel, colour) if line.get_linestyle() == "None"]
        for method, colour in METHODS.items()
    }
    np.testing.assert_allclose(points(*marks["SGD"]), [sgd])
    np.testing.assert_allclose(points(*marks["LSAM"]), lsam)
    (level,) = curves(panel, METHODS["SGD"], ":")
    assert [*level.get_ydata()] == pytest.approx([sgd[1]] * 2)
    for container, rhos in zip(panel.containers, (RHO[:1], RHO[1:]), strict=True):
        (bars,) = container.lines[2]
        errors = [trained[trained["rho"] == rho]["hard_error"].dropna() for rho in rhos]
        ends = [segment[:, 1] for segment in bars.get_segments()]
        np.testing.assert_allclose(ends, [interval(values) for values in errors])


# A grid may have one κ.
@pytest.mark.parametrize(
    ("seeds", "kappas"), [(1, ["constant"]), (3, ["tracking"]), (10, ["constant", "tracking"])]
)
def test_a_panel_shows_an_intervention_for_every_kappa_with_lsam_at_its_mean_ratio(
    runs_of, assert_shows, curves, seeds, kappas
) -> None:
    intervened = runs_of(seeds, intervention=KINDS, kappa=kappas, alpha=ALPHA)
    trained = runs_of(seeds, rho=RHO)
    figure = plot(intervened, trained)
    for panel, (kind, title) in zip(figure.axes, KINDS.items(), strict=True):
        assert panel.get_title() == title
        for kappa in kappas:
            chosen = (intervened["intervention"] == kind) & (intervened["kappa"] == kappa)
            assert_shows(panel, intervened[chosen], "alpha", "hard_error", NEUTRAL, KAPPAS[kappa])
        assert len(curves(panel, NEUTRAL)) == len(kappas)
        assert_references(panel, trained, curves)
        assert panel.get_xlabel().startswith("α (interventions) or\n")
        assert panel.get_xscale() == "log"
        assert panel.get_xticks().tolist() == [*ALPHA]
        assert [float(text.get_text()) for text in panel.get_xticklabels()] == [*ALPHA]
        assert panel.get_ylim() == figure.axes[0].get_ylim()
    assert [panel.get_ylabel() for panel in figure.axes] == ["hard feature's error", "", ""]
    assert figure.axes[0].get_ylim()[0] == 0
    (legend,) = figure.legends
    texts = [text.get_text() for text in legend.get_texts()]
    assert texts == ["SGD", "LSAM", *(NAMES[kappa] for kappa in kappas)]
    colours = [*METHODS.values(), *[NEUTRAL] * len(kappas)]
    for handle, colour in zip(legend.legend_handles, colours, strict=True):
        assert same_color(handle.get_color(), colour)
    figure.draw_without_rendering()


@pytest.fixture
def intervened(runs_of) -> pd.DataFrame:
    runs = runs_of(2, intervention=KINDS, kappa=["constant"], alpha=ALPHA)
    return runs.assign(train_error=0.0)


@pytest.fixture
def trained(runs_of) -> pd.DataFrame:
    return runs_of(rho=RHO).assign(train_error=0.0)


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
    trained.loc[one, ["hard_error", "phantom_ratio_mean", "phantom_easy_nonpositive"]] = np.nan
    assert_references(plot(intervened, trained).axes[0], trained, curves)


def test_what_claims_leave_out_is_left_out_and_said(intervened, trained, curves, tmp_path) -> None:
    """A ratio beyond the pole in one run, and a run that has lost the label."""
    one = trained["seed"] == 1
    ratios = ["phantom_ratio_mean", "phantom_ratio_median"]
    trained.loc[(trained["rho"] == 0.5) & one, ratios] = -1.0
    trained.loc[(trained["rho"] == 0.3) & one, "train_error"] = 0.03
    # Of the interventions, it is drawn.
    intervened.loc[intervened.index[:4], "train_error"] = 0.03
    files = {"shown": trained, "interventions": intervened}
    for name, table in files.items():
        write_table(tmp_path / name, table[TOY_RUNS.names], TOY_RUNS, {})
    drawing = draw({name: [str(tmp_path / name)] for name in files}, None)
    for panel in drawing.figure.axes:
        (joined,) = curves(panel, METHODS["LSAM"], "-")
        kept = trained[(trained["rho"] < 0.5) & (trained["train_error"] == 0)].groupby("rho")
        means = kept[["phantom_ratio_mean", "hard_error"]].mean()
        np.testing.assert_allclose(points(joined), means)
    drawn, lost, beyond = drawing.texts[-3:]
    assert drawn.startswith("In the grey lines, but dropped by the claims: label lost in 4 of 18")
    assert lost.startswith("No part of the points: label lost in 1 of")
    assert beyond == "LSAM at ρ = 0.5 is left out, as its ratio is not positive in some run."


def test_without_a_run_that_has_the_label_there_are_lines_alone(
    intervened, trained, curves, tmp_path
) -> None:
    files = {"shown": trained, "interventions": intervened}
    for name, table in files.items():
        table["train_error"] = 0.5
        write_table(tmp_path / name, table[TOY_RUNS.names], TOY_RUNS, {})
    figure = draw({name: [str(tmp_path / name)] for name in files}, None).figure
    for panel in figure.axes:
        assert len(curves(panel, NEUTRAL)) == 1
        assert not any(len(line.get_xdata()) for line in curves(panel, METHODS["LSAM"]))
    figure.draw_without_rendering()
