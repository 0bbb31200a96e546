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
CHOSEN = {"sgd": (0.05, 0.0), "sam": (0.01, 0.2)}
PAIR = [METHODS[name] for name in CHOSEN]
METRICS = ("error", "shape_probe_error", "colour_probe_error")


@pytest.fixture
def make(rows_of):
    """Make the rows of a sweep; those of some settings were not measured, or diverged."""

    def runs(seeds: int = 3, measured=None, diverged=(), other: str = "sam") -> pd.DataFrame:
        rng = np.random.default_rng(seeds)
        tables = []
        for lr, rho, seed in product(RATES, RHO, range(seeds)):
            errors = dict(zip(("test", "shape", "colour"), rng.uniform(size=3), strict=True))
            if measured is not None and (lr, rho) not in measured:
                errors = {}
            lost = (lr, rho, seed) in diverged
            selected = (lr, rho) in CHOSEN.values()
            method = other if rho else "sgd"
            options = errors | {"diverged": lost, "selected": selected}
            tables.append(rows_of(method, lr, rho, seed, **options))
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


@pytest.mark.parametrize("seeds", [1, 4])
def test_a_panel_is_an_error_and_a_line_a_rate(make, description_of, assert_shows, seeds) -> None:
    runs = make(seeds)
    figure = plot(runs, description_of(), PAIR)
    colours = sequence(pd.Series(RATES))
    titles = ["test error", "probing error: shape", "probing error: colour"]
    assert [panel.get_title() for panel in figure.axes] == titles
    for panel, metric in zip(figure.axes, METRICS, strict=True):
        for lr in RATES:
            assert_shows(panel, values(runs, metric, lr=lr), "rho", "value", colours[lr])
        assert panel.get_xlabel() == "perturbation radius ρ"
        assert panel.get_ylim()[0] == 0
    (legend,) = figure.legends
    texts = [text.get_text() for text in legend.get_texts()]
    assert texts == ["lr 0.01", "lr 0.05", "chosen for SGD", "chosen for SAM"]
    figure.draw_without_rendering()


def test_what_was_chosen_has_a_ring(make, description_of) -> None:
    runs = make()
    for panel, metric in zip(plot(runs, description_of(), PAIR).axes, METRICS, strict=True):
        found = rings(panel)
        assert set(found) == set(CHOSEN)
        for method, (lr, rho) in CHOSEN.items():
            mean = values(runs, metric, lr=lr, rho=rho)["value"].mean()
            assert found[method] == pytest.approx((rho, mean))


def test_runs_that_diverged_are_left_out(make, description_of, assert_shows) -> None:
    lost = {(0.01, 0.2, 1), (0.05, 0.1, 0), (0.05, 0.1, 1), (0.05, 0.1, 2)}
    runs = make(diverged=lost)
    keys = zip(runs["lr"], runs["rho"], runs["seed"], strict=True)
    rest = runs[[key not in lost for key in keys]]
    colours = sequence(pd.Series(RATES))
    for panel, metric in zip(plot(runs, description_of(), PAIR).axes, METRICS, strict=True):
        for lr in RATES:
            assert_shows(panel, values(rest, metric, lr=lr), "rho", "value", colours[lr])
        mean = values(rest, metric, lr=0.01, rho=0.2)["value"].mean()
        assert rings(panel)["sam"] == pytest.approx((0.2, mean))


def test_it_says_if_only_selected_runs_were_measured(make, description_of) -> None:
    runs = make(measured=CHOSEN.values())
    expected = "Only selected runs were tested and probed: 2 of 6 settings."
    assert unmeasured(runs) == expected
    assert unmeasured(make()) == ""
    figure = plot(runs, description_of(), PAIR)
    for panel in figure.axes:
        assert set(rings(panel)) == set(CHOSEN)
        drawn = [len(line.get_xdata()) for line in panel.lines if line.get_linestyle() == "-"]
        assert [length for length in drawn if length] == [1, 1]
    figure.draw_without_rendering()


def test_where_nothing_was_measured_the_panels_say_so(make, description_of) -> None:
    figure = plot(make(measured=()), description_of(), PAIR)
    for panel in figure.axes:
        assert [text.get_text() for text in panel.texts] == ["no run was\nmeasured"]
        assert not rings(panel)
    figure.draw_without_rendering()


def test_of_a_target_domain_the_class_alone_is_probed(make, description_of) -> None:
    figure = plot(make(), description_of(target="R"), PAIR)
    titles = [panel.get_title() for panel in figure.axes]
    assert titles == ["test error, training domains", "probing error: shape"]


@pytest.mark.parametrize("method", ["sam", "asam"])
def test_it_is_drawn_of_sgd_and_one_method_on_one_dataset(
    make, examples_of, tmp_path, assert_shows, method
) -> None:
    parts = {name: make(2, other=name, diverged={(0.01, 0.1, 1)}) for name in ("sam", "asam")}
    other = make(2).assign(dataset="other", value=99.0)
    # SGD's runs once.
    runs = pd.concat([parts["sam"], parts["asam"].query("method == 'asam'"), other])
    path = str(tmp_path / "runs.parquet")
    write_table(path, runs, RUNS, {})
    drawing = draw({"examples": [examples_of()], "runs": [path]}, method)
    sgd = parts["sam"].query("method == 'sgd'")
    shown = pd.concat([sgd, parts[method].query("method == @method")])
    rest = shown[~((shown["lr"] == 0.01) & (shown["rho"] == 0.1) & (shown["seed"] == 1))]
    for panel, metric in zip(drawing.figure.axes, METRICS, strict=True):
        rows = values(rest, metric, lr=0.05)
        assert_shows(panel, rows, "rho", "value", sequence(pd.Series(RATES))[0.05])
        assert set(rings(panel)) == {"sgd", method}
    (legend,) = drawing.figure.legends
    assert legend.get_texts()[-1].get_text() == f"chosen for {METHODS[method].label}"
    lost = "Left out, as they diverged: runs 1 at lr 0.01, ρ 0.1."
    assert drawing.texts[1:] == ("", "", lost, "Shapes in colours:")
