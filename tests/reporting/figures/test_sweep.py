from itertools import product

import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import same_color
from scipy.stats import t

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


def lines(panel) -> dict[float, dict[float, tuple[float, float, float]]]:
    """Return what each learning rate's line shows: ρ to mean, low and high end of its bar."""
    found: dict[float, dict[float, tuple[float, float, float]]] = {}
    for container in panel.containers:
        line, _, (bars,) = container
        (lr,) = (lr for lr, colour in COLOURS.items() if same_color(colour, line.get_color()))
        ends = [segment[:, 1] for segment in bars.get_segments()]
        radii = [RHO[round(x)] for x in line.get_xdata()]
        found[lr] = {
            rho: (mean, *end) for rho, mean, end in zip(radii, line.get_ydata(), ends, strict=True)
        }
    return found


def expected(rows: pd.DataFrame) -> dict[float, tuple[float, float, float]]:
    spans = {}
    for rho, errors in rows.groupby("rho")["value"]:
        mean, n = errors.mean(), len(errors)
        half = t.ppf(0.975, n - 1) * errors.sem() if n > 1 else 0
        spans[rho] = pytest.approx((mean, max(mean - half, 0), mean + half))
    return spans


LOST = {(0.01, 0.2, 1), (0.05, 0.1, 0), (0.05, 0.1, 1), (0.05, 0.1, 2), (0.05, 0.1, 3)}


@pytest.mark.parametrize(("seeds", "lost"), [(1, set()), (4, LOST)])
def test_a_panel_is_an_error_a_line_a_rate_and_what_was_chosen_has_a_ring(
    make, description_of, seeds, lost
) -> None:
    runs = make(seeds, diverged=lost)
    figure = plot(runs, description_of(), PAIR)
    keys = zip(runs["lr"], runs["rho"], runs["seed"], strict=True)
    rest = runs[[key not in lost for key in keys]]
    names = ["test error", "probing error: shape", "probing error: colour"]
    assert [panel.get_ylabel() for panel in figure.axes] == names
    for panel, metric in zip(figure.axes, METRICS, strict=True):
        assert lines(panel) == {lr: expected(values(rest, metric, lr=lr)) for lr in RATES}
        # No rate's points lie on those of another.
        places = [container[0].get_xdata() for container in panel.containers]
        assert not {*places[0]} & {*places[1]}
        assert [text.get_text() for text in panel.get_xticklabels()] == ["0", "0.1", "0.2"]
        assert panel.get_xlabel() == "perturbation radius ρ"
        found = rings(panel)
        assert set(found) == set(CHOSEN)
        for method, (lr, rho) in CHOSEN.items():
            x, y = found[method]
            assert (RHO[round(x)], y) == (rho, pytest.approx(lines(panel)[lr][rho][0]))
    (legend,) = figure.legends
    texts = [text.get_text() for text in legend.get_texts()]
    assert texts == ["lr 0.01", "lr 0.05", "chosen for SGD", "chosen for SAM"]
    figure.draw_without_rendering()


def test_it_says_if_only_selected_runs_were_measured(make, description_of) -> None:
    runs = make(2, measured=CHOSEN.values())
    assert unmeasured(runs) == "Only selected runs were tested and probed: 2 of 6 settings."
    assert unmeasured(make(1)) == ""
    for panel in plot(runs, description_of(), PAIR).axes:
        assert set(rings(panel)) == set(CHOSEN)
        assert {lr: [*shown] for lr, shown in lines(panel).items()} == {0.01: [0.2], 0.05: [0.0]}


@pytest.mark.parametrize("lost", [{"measured": ()}, {"diverged": set(product(RATES, RHO, [0]))}])
def test_where_nothing_was_measured_the_panels_say_so(make, description_of, lost) -> None:
    # Of a target domain the class alone is probed.
    figure = plot(make(1, **lost), description_of(target="R"), PAIR)
    names = [panel.get_ylabel() for panel in figure.axes]
    assert names == ["test error, training domains", "probing error: shape"]
    for panel in figure.axes:
        assert [text.get_text() for text in panel.texts] == ["no run was\nmeasured"]
        assert not rings(panel)
    figure.draw_without_rendering()


@pytest.mark.parametrize("method", ["sam", "asam"])
def test_it_is_drawn_of_sgd_and_one_method_on_one_dataset(
    make, examples_of, tmp_path, method
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
        assert lines(panel)[0.05] == expected(values(both[method], metric, lr=0.05))
        assert set(rings(panel)) == {"sgd", method}
    (legend,) = drawing.figure.legends
    assert legend.get_texts()[-1].get_text() == f"chosen for {METHODS[method].label}"
    lost = "Diverged runs, left out: 1 at lr 0.01, ρ 0.1."
    assert drawing.texts[1:] == ("", "", lost, "Shapes in colours:")
