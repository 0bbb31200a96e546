from itertools import product

import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import same_color

from feature_quality.artifacts.parquet import write_table
from feature_quality.artifacts.runs import RUNS
from feature_quality.methods import METHODS
from feature_quality.reporting.figures.style import sequence
from feature_quality.reporting.figures.sweep import draw, plot, unmeasured

RATES, RHO = (0.01, 0.05), (0.0, 0.1, 0.2)
COLOURS = sequence(pd.Series(RATES))
CHOSEN = {"sgd": (0.05, 0.0), "sam": (0.01, 0.2)}
PAIR = [METHODS[name] for name in CHOSEN]
METRICS = ("error", "shape_probe_error", "colour_probe_error")


@pytest.fixture
def make(rows_of):
    """Make the rows of a sweep; those of some settings were not measured, or diverged."""

    def runs(
        seeds: int = 3, measured=None, diverged=(), method: str = "sam", shift: float = 0.0
    ) -> pd.DataFrame:
        rng = np.random.default_rng(seeds)
        tables = []
        for lr, rho, seed in product(RATES, RHO, range(seeds)):
            errors = dict(zip(("test", "shape", "colour"), rng.uniform(size=3), strict=True))
            errors = {name: error + shift * rho for name, error in errors.items()}
            if measured is not None and (lr, rho) not in measured:
                errors = {}
            lost, selected = (lr, rho, seed) in diverged, (lr, rho) in CHOSEN.values()
            run = (method if rho else "sgd", lr, rho, seed)
            tables.append(rows_of(*run, **errors, diverged=lost, selected=selected))
        return pd.concat(tables, ignore_index=True)

    return runs


def values(runs: pd.DataFrame, metric: str, **where: float) -> pd.DataFrame:
    rows = runs[(runs["metric"] == metric) & ~runs["split"].isin(["train", "val"])]
    for name, value in where.items():
        rows = rows[rows[name] == value]
    return rows


def rings(panel) -> dict[str, tuple[float, float]]:
    """Return the place of each ring, by the method whose colour it has."""
    found = {}
    for line in panel.lines:
        if str(line.get_markerfacecolor()) == "none":
            (method,) = (n for n, m in METHODS.items() if same_color(m.colour, line.get_color()))
            found[method] = (*line.get_xdata(), *line.get_ydata())
    return found


LOST = {(0.01, 0.2, 1), (0.05, 0.1, 0), (0.05, 0.1, 1), (0.05, 0.1, 2), (0.05, 0.1, 3)}


@pytest.mark.parametrize(("seeds", "lost"), [(1, set()), (4, LOST)])
def test_a_panel_is_an_error_a_line_a_rate_and_what_was_chosen_has_a_ring(
    make, description_of, assert_shows, seeds, lost
) -> None:
    runs = make(seeds, diverged=lost)
    figure = plot(runs, description_of(), PAIR)
    keys = zip(runs["lr"], runs["rho"], runs["seed"], strict=True)
    rest = runs[[key not in lost for key in keys]]
    titles = ["test error", "probing error: shape", "probing error: colour"]
    assert [panel.get_title() for panel in figure.axes] == titles
    for panel, metric in zip(figure.axes, METRICS, strict=True):
        for lr in RATES:
            assert_shows(panel, values(rest, metric, lr=lr), "rho", "value", COLOURS[lr])
        assert panel.get_xlabel() == "perturbation radius ρ"
        assert panel.get_ylim()[0] == 0
        found = rings(panel)
        assert set(found) == set(CHOSEN)
        for method, (lr, rho) in CHOSEN.items():
            mean = values(rest, metric, lr=lr, rho=rho)["value"].mean()
            assert found[method] == pytest.approx((rho, mean))
    (legend,) = figure.legends
    texts = [text.get_text() for text in legend.get_texts()]
    assert texts == ["lr 0.01", "lr 0.05", "chosen for SGD", "chosen for SAM"]
    figure.draw_without_rendering()


def test_it_says_if_only_selected_runs_were_measured(make, description_of) -> None:
    runs = make(2, measured=CHOSEN.values())
    expected = "Only selected runs were tested and probed: 2 of 6 settings."
    assert unmeasured(runs) == expected
    assert unmeasured(make(1)) == ""
    figure = plot(runs, description_of(), PAIR)
    for panel in figure.axes:
        assert set(rings(panel)) == set(CHOSEN)
        drawn = [len(line.get_xdata()) for line in panel.lines if line.get_linestyle() == "-"]
        assert [length for length in drawn if length] == [1, 1]
    figure.draw_without_rendering()


def test_where_nothing_was_measured_the_panels_say_so(make, description_of) -> None:
    # Of a target domain the class alone is probed.
    figure = plot(make(1, measured=()), description_of(target="R"), PAIR)
    titles = [panel.get_title() for panel in figure.axes]
    assert titles == ["test error, training domains", "probing error: shape"]
    for panel in figure.axes:
        assert [text.get_text() for text in panel.texts] == ["no run was\nmeasured"]
        assert not rings(panel)
    figure.draw_without_rendering()


def test_where_every_run_diverged_the_panels_say_so(make, description_of) -> None:
    figure = plot(make(1, diverged=set(product(RATES, RHO, [0]))), description_of(), PAIR)
    for panel in figure.axes:
        assert [text.get_text() for text in panel.texts] == ["no run was\nmeasured"]
    figure.draw_without_rendering()


@pytest.mark.parametrize("method", ["sam", "asam"])
def test_it_is_drawn_of_sgd_and_one_method_on_one_dataset(
    make, examples_of, tmp_path, assert_shows, method
) -> None:
    lost = {(0.01, 0.1, 1)}
    both = {"sam": make(2, diverged=lost), "asam": make(2, diverged=lost, method="asam", shift=1)}
    # SGD's runs are there once.
    asam = both["asam"][both["asam"]["method"] == "asam"]
    other = make(2).assign(dataset="other", value=99.0)
    path = str(tmp_path / "runs.parquet")
    write_table(path, pd.concat([both["sam"], asam, other]), RUNS, {})
    drawing = draw({"examples": [examples_of()], "runs": [path]}, method)
    for panel, metric in zip(drawing.figure.axes, METRICS, strict=True):
        rows = values(both[method], metric, lr=0.05)
        assert_shows(panel, rows, "rho", "value", COLOURS[0.05])
        assert set(rings(panel)) == {"sgd", method}
    (legend,) = drawing.figure.legends
    assert legend.get_texts()[-1].get_text() == f"chosen for {METHODS[method].label}"
    lost = "Left out, as they diverged: runs 1 at lr 0.01, ρ 0.1."
    assert drawing.texts[1:] == ("", "", lost, "Shapes in colours:")
