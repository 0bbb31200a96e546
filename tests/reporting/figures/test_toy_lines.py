"""Figures 2, 4, 9 and 10: lines of means over seeds with their intervals."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import same_color

from feature_quality.artifacts.parquet import write_table
from feature_quality.artifacts.toy import EPOCHS, TOY_RUNS
from feature_quality.errors import InputError
from feature_quality.reporting.figures import figure_02, figure_04, figure_09, figure_10
from feature_quality.reporting.figures.style import FEATURES, sequence

RHO, ERROR, RADIUS = (0.0, 0.1, 0.5), "hard feature's error", "perturbation radius ρ"
COMPLEXITIES, SIZES = (180.0, 270.0, 540.0), (1, 20, 300)
METHODS = {"SGD": "#0072B2", "LSAM": "#D55E00"}
LEVELS = {"label": (0.0, 0.02, 0.1), "gaussian": (0.0, 0.4, 1.0), "dropout": (0.0, 0.2, 0.4)}
NOISY = [(noisy, kind) for noisy in ("both", "hard") for kind in LEVELS]
BUDGETS = ("updates", "epochs")
# What a line shows: its panel, the rows, x, y, colour and style.
Line = tuple[int, pd.DataFrame, str, str, Any, str | None]


def lines_of_2(runs: pd.DataFrame) -> Iterator[Line]:
    for value, colour in sequence(runs["complexity"]).items():
        rows = runs[runs["complexity"] == value]
        yield 0, rows, "rho", "hard_error", colour, "-"
        yield 1, rows, "rho", "phantom_ratio_mean", colour, "-"
        yield 1, rows, "rho", "real_ratio_mean", colour, "--"


def lines_of_4(epochs: pd.DataFrame, runs: pd.DataFrame) -> Iterator[Line]:
    for feature, colour in FEATURES.items():
        yield 0, epochs[epochs["rho"] > 0], "epoch", f"{feature}_scaling", colour, None
        yield 1, runs, "rho", f"{feature}_scaling", colour, None


def lines_of_9(runs: pd.DataFrame) -> Iterator[Line]:
    for panel, (noisy, kind) in enumerate(NOISY):
        rows = runs[(runs["noise"] == kind) & (runs["noisy"] == noisy)]
        yield panel, rows[rows["rho"] == 0], "level", "hard_error", METHODS["SGD"], None
        yield panel, rows[rows["rho"] > 0], "level", "hard_error", METHODS["LSAM"], None


def lines_of_10(runs: pd.DataFrame) -> Iterator[Line]:
    colours = sequence(pd.Series(SIZES))
    for panel, budget in enumerate(BUDGETS):
        for size, rows in runs[runs["budget"] == budget].groupby("batch_size"):
            yield panel, rows, "rho", "hard_error", colours[size], None


@pytest.fixture
def tables(runs_of, epochs_of):
    """Make the tables of a figure."""

    def make(figure: int, seeds: int) -> list[pd.DataFrame]:
        if figure == 2:
            return [runs_of(seeds, complexity=COMPLEXITIES, rho=RHO).assign(train_error=0.0)]
        if figure == 4:
            return [epochs_of(seeds), runs_of(seeds, rho=RHO).assign(train_error=0.0)]
        if figure == 9:
            axes = {"noisy": ["both", "hard"], "rho": (0.0, 0.5)}
            parts = [runs_of(seeds, noise=[k], level=v, **axes) for k, v in LEVELS.items()]
            # The kinds' runs differ.
            parts = [
                rows.assign(hard_error=rows["hard_error"] / i) for i, rows in enumerate(parts, 1)
            ]
            return [pd.concat(parts, ignore_index=True)]
        runs = runs_of(seeds, batch_size=SIZES, budget=BUDGETS, rho=RHO).assign(train_error=0.0)
        # A size that one budget lacks has the same colour in both.
        return [runs[(runs["batch_size"] > 1) | (runs["budget"] == "epochs")]]

    return make


@pytest.mark.parametrize("seeds", [1, 4])
@pytest.mark.parametrize(
    ("number", "module", "lines", "titles", "xlabels", "ylabels"),
    [
        (
            *(2, figure_02, lines_of_2, ["A: error on the spiral", "B: ratio of weights"]),
            *([RADIUS] * 2, [ERROR, "weight ratio, hard/easy"]),
        ),
        (
            *(4, figure_04, lines_of_4, ["over training, ρ = 0.5", "mean over training"]),
            *(["epoch", RADIUS], ["phantom/real rate, $\\tilde{w}_j/w_j$", ""]),
        ),
        (
            *(9, figure_09, lines_of_9),
            ["label noise", "Gaussian noise", "feature dropout", "", "", ""],
            [
                *[""] * 3,
                *("probability of a flip p", "standard deviation σ", "probability of a drop q"),
            ],
            [f"{ERROR},\nnoise on both", "", "", f"{ERROR},\nnoise on hard only", "", ""],
        ),
        (
            *(10, figure_10, lines_of_10),
            *(["equal numbers of updates", "equal numbers of epochs"], [RADIUS] * 2, [ERROR, ""]),
        ),
    ],
)
def test_lines_are_those_of_the_runs(
    tables, assert_shows, seeds, number, module, lines, titles, xlabels, ylabels
) -> None:
    made = tables(number, seeds)
    figure = module.plot(*made)
    expected = [*lines(*made)]
    for panel, *shown in expected:
        assert_shows(figure.axes[panel], *shown)
    # There are no others but the dotted lines at 1.
    drawn = [line for panel in figure.axes for line in panel.lines if len(line.get_xdata()) > 1]
    assert len([line for line in drawn if line.get_linestyle() != ":"]) == len(expected)
    assert [panel.get_title() for panel in figure.axes] == titles
    assert [panel.get_xlabel() for panel in figure.axes] == xlabels
    assert [panel.get_ylabel() for panel in figure.axes] == ylabels
    if number != 4:
        assert figure.axes[0].get_ylim()[0] == 0
    if number != 2:
        assert len({panel.get_ylim() for panel in figure.axes}) == 1
    figure.draw_without_rendering()


@pytest.mark.parametrize(
    ("number", "module", "expected"),
    [(4, figure_04, FEATURES), (9, figure_09, METHODS), (10, figure_10, ["1", "20", "300"])],
)
def test_a_legend_names_the_lines_once(tables, number, module, expected) -> None:
    figure = module.plot(*tables(number, 1))
    (legend,) = (panel.get_legend() for panel in figure.axes if panel.get_legend())
    handles = {
        text.get_text(): handle.get_color()
        for text, handle in zip(legend.get_texts(), legend.legend_handles, strict=True)
    }
    assert [*handles] == [*expected]
    if number != 10:
        assert handles == expected


def of(runs: pd.DataFrame, complexity: float, rho: float) -> pd.Series:
    return (runs["complexity"] == complexity) & (runs["rho"] == rho)


def hollow_marks(panel) -> list[tuple[float, float]]:
    (line,) = (line for line in panel.lines if same_color(line.get_mfc(), "white"))
    return [*zip(line.get_xdata(), line.get_ydata(), strict=True)]


def legend_of_2(panel) -> list[str]:
    (legend,) = panel.figure.legends
    return [text.get_text() for text in legend.get_texts()]


def crosses(panel) -> list[tuple[float, float]]:
    (line,) = (line for line in panel.lines if line.get_marker() == "x")
    return [*zip(line.get_xdata(), line.get_ydata(), strict=True)]


RATIOS = ["B: $\\tilde{w}_h/\\tilde{w}_e$", "B: $w_h/w_e$"]


def test_figure_2_leaves_diverged_runs_out_of_the_means(tables, assert_shows) -> None:
    (runs,) = tables(2, 3)
    measures = ["hard_error", "phantom_ratio_mean", "phantom_ratio_median", "real_ratio_mean"]
    runs.loc[of(runs, 270, 0.1) & (runs["seed"] == 0), measures] = np.nan
    axes = figure_02.plot(runs).axes
    for panel, rows, *shown in lines_of_2(runs):
        assert_shows(axes[panel], rows.dropna(subset=measures), *shown)
    # Without a break nothing is hollow.
    assert hollow_marks(axes[1]) == []
    assert legend_of_2(axes[1]) == ["c = 180°", "c = 270°", "c = 540°", *RATIOS]


def test_figure_2_is_hollow_at_the_median_where_the_mean_breaks(tables, assert_shows) -> None:
    (runs,) = tables(2, 3)
    share = pd.Series(0.01, index=runs.index)
    share[of(runs, 270, 0.5) & (runs["seed"] == 1)] = 0.011
    share[of(runs, 540, 0.1)] = 0.4
    broken = runs.assign(phantom_easy_nonpositive=share)
    median = of(broken, 270, 0.5) | of(broken, 540, 0.1)
    shown = broken["phantom_ratio_median"].where(median, broken["phantom_ratio_mean"])
    right = figure_02.plot(broken).axes[1]
    for value, colour in sequence(broken["complexity"]).items():
        rows = broken.assign(shown=shown)[broken["complexity"] == value]
        assert_shows(right, rows, "rho", "shown", colour, "-")
    assert hollow_marks(right) == [
        (rho, pytest.approx(broken[of(broken, c, rho)]["phantom_ratio_median"].mean()))
        for c, rho in ((270, 0.5), (540, 0.1))
    ]
    assert legend_of_2(right)[3:] == [*RATIOS, "median, as mean breaks"]


def test_figure_2_leaves_out_ratios_beyond_the_pole(tables, assert_shows) -> None:
    """Where the mean breaks and the median of some run is not positive either."""
    (runs,) = tables(2, 3)
    at, one = of(runs, 540, 0.1), runs["seed"] == 1
    runs["phantom_easy_nonpositive"] = runs["phantom_easy_nonpositive"].mask(at, 0.6)
    runs["phantom_ratio_median"] = runs["phantom_ratio_median"].mask(at & one, -0.2)
    right = figure_02.plot(runs).axes[1]
    colour = sequence(runs["complexity"])[540]
    kept = runs[(runs["complexity"] == 540) & ~at]
    assert_shows(right, kept, "rho", "phantom_ratio_mean", colour, "-")
    assert hollow_marks(right) == []
    assert legend_of_2(right)[3:] == RATIOS


def test_figures_2_and_10_mark_settings_that_have_lost_the_label(tables) -> None:
    (runs,) = tables(2, 3)
    lost = of(runs, 270, 0.5) & (runs["seed"] == 1)
    left = figure_02.plot(runs.assign(train_error=0.03 * lost)).axes[0]
    assert crosses(left) == [(0.5, pytest.approx(runs[of(runs, 270, 0.5)]["hard_error"].mean()))]
    assert legend_of_2(left)[-1] == "label lost by a run"
    (runs,) = tables(10, 3)
    at = (runs["batch_size"] == 20) & (runs["rho"] == 0.1) & (runs["budget"] == "epochs")
    figure = figure_10.plot(runs.assign(train_error=0.03 * at))
    assert [crosses(panel) for panel in figure.axes] == [
        [],
        [(0.1, pytest.approx(runs[at]["hard_error"].mean()))],
    ]
    assert not figure_10.plot(runs).legends


def test_ratios_and_rates_of_runs_that_have_lost_the_label_are_left_out(
    tables, assert_shows
) -> None:
    # Nor do they break a mean, or make a setting incomparable.
    beyond = {"phantom_easy_nonpositive": 0.6, "phantom_ratio_median": -0.2, "train_error": 0.03}
    (runs,) = tables(2, 3)
    lost = of(runs, 270, 0.5) & (runs["seed"] == 1)
    runs = runs.assign(**{name: runs[name].mask(lost, value) for name, value in beyond.items()})
    axes = figure_02.plot(runs).axes
    for panel, rows, *shown in lines_of_2(runs):
        assert_shows(axes[panel], rows if panel == 0 else rows[~lost[rows.index]], *shown)
    assert hollow_marks(axes[1]) == []
    epochs, runs = tables(4, 3)
    lost = (runs["rho"] == 0.5) & (runs["seed"] == 1)
    runs = runs.assign(**{name: runs[name].mask(lost, value) for name, value in beyond.items()})
    figure = figure_04.plot(epochs, runs)
    for panel, rows, *shown in lines_of_4(epochs, runs):
        assert_shows(figure.axes[panel], rows if panel == 0 else rows[~lost[rows.index]], *shown)


def test_figure_4_leaves_out_rates_beyond_the_pole_and_says_so(
    tables, assert_shows, tmp_path
) -> None:
    epochs, runs = tables(4, 3)
    at = runs["rho"] == 0.5
    runs["phantom_easy_nonpositive"] = runs["phantom_easy_nonpositive"].mask(at, 0.6)
    runs["phantom_ratio_median"] = runs["phantom_ratio_median"].mask(at, -0.2)
    runs.loc[(runs["rho"] == 0.1) & (runs["seed"] == 1), "train_error"] = 0.5
    write_table(tmp_path / "epochs", epochs[EPOCHS.names], EPOCHS, {})
    write_table(tmp_path / "shown", runs[TOY_RUNS.names], TOY_RUNS, {})
    drawing = figure_04.draw({name: [str(tmp_path / name)] for name in ("epochs", "shown")}, None)
    for panel, rows, *shown in lines_of_4(epochs, runs):
        if panel == 1:
            kept = rows[~at & (rows["train_error"] == 0)]
            assert_shows(drawing.figure.axes[panel], kept, *shown)
    lost, pole = drawing.texts[-2:]
    assert lost == "Left out on the right: label lost in 1 of 9 runs (training error above 0.02)."
    assert pole.startswith("The right has no point where a component of the phantom weights")


def test_figure_4_without_a_finished_run_of_lsam_is_refused(tables) -> None:
    epochs, runs = tables(4, 2)
    epochs[["easy_scaling", "hard_scaling"]] = np.nan
    with pytest.raises(InputError, match="every run of LSAM diverged in the study of dynamics"):
        figure_04.plot(epochs, runs)


def test_epochs_before_a_run_diverged_are_left_out(epochs_of, tables, assert_shows) -> None:
    epochs, runs = tables(4, 4)
    broken = (epochs["seed"] == 2) & (epochs["rho"] > 0) & (epochs["epoch"] == 4)
    epochs.loc[broken, ["easy_scaling", "hard_scaling"]] = np.nan
    figure = figure_04.plot(epochs, runs)
    for panel, rows, *shown in lines_of_4(epochs[epochs["seed"] != 2], runs):
        assert_shows(figure.axes[panel], rows, *shown)
