from itertools import product
from typing import Any

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from feature_quality.artifacts.history import HISTORY
from feature_quality.artifacts.parquet import write_table
from feature_quality.reporting.figures.learning import draw, epochs_of, plot
from feature_quality.reporting.figures.style import sequence

RATES, RHO = (0.01, 0.05), (0.0, 0.1, 0.2)
COLOURS = sequence(pd.Series(RHO))


def histories(seeds: int = 3, epochs: int = 4, diverged: Any = ()) -> list[Any]:
    """Make runs, of which those at the settings of ``diverged`` ended after two epochs."""
    rng = np.random.default_rng(seeds)
    made = []
    for lr, rho, seed in product(RATES, RHO, range(seeds)):
        lost = (lr, rho) in diverged
        length = 2 if lost else epochs
        table = pd.DataFrame({"epoch": range(1, length + 1), "lr": np.linspace(lr, 0, length)})
        for name in ("train_loss", "train_error", "val_loss", "val_error"):
            table[name] = rng.uniform(0.1, 0.9, length)
        run = {"lr": lr, "rho": rho, "seed": seed, "diverged": "epoch 3" if lost else None}
        made.append((table, run))
    return made


def panels(figure: Figure) -> dict[tuple[str, float], Any]:
    return dict(zip(product(("val_error", "train_loss"), RATES), figure.axes, strict=True))


@pytest.mark.parametrize(("seeds", "diverged"), [(1, set()), (4, {(0.05, 0.1)})])
def test_a_panel_is_a_rate_and_a_line_a_rho_without_the_runs_that_diverged(
    assert_shows, curves, seeds, diverged
) -> None:
    epochs = epochs_of(histories(seeds, diverged=diverged))
    assert set(epochs["lr"]) == set(RATES)
    assert epochs["diverged"].sum() == 2 * seeds * len(diverged)
    figure = plot(epochs)
    for ((name, lr), panel), rho in product(panels(figure).items(), RHO):
        rows = epochs[(epochs["lr"] == lr) & (epochs["rho"] == rho)]
        if (lr, rho) in diverged:
            assert not curves(panel, COLOURS[rho])
        else:
            assert_shows(panel, rows, "epoch", name, COLOURS[rho])
    assert [panel.get_title() for panel in figure.axes] == ["lr 0.01", "lr 0.05", "", ""]
    labels = [panel.get_ylabel() for panel in figure.axes]
    assert labels == ["validation error", "", "training loss", ""]
    assert [panel.get_xlabel() for panel in figure.axes] == ["", "", "epoch", "epoch"]
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == ["ρ 0 (SGD)", "ρ 0.1", "ρ 0.2"]
    errors, _, losses, _ = figure.axes
    for panel in (errors, losses):
        assert (panel.get_yscale(), panel.get_ylim()[0]) == ("symlog", 0)
    figure.draw_without_rendering()
    assert all(tick == int(tick) for tick in errors.get_xticks())


def test_axes_are_linear_below_the_smallest_mean_above_0() -> None:
    epochs = epochs_of(histories(2))
    epochs.loc[epochs["epoch"] == 4, "train_loss"] = 0.002
    epochs.loc[epochs["epoch"] == 3, "train_loss"] = 0.0
    losses = plot(epochs).axes[2]
    assert losses.yaxis.get_transform().linthresh == pytest.approx(0.001)
    weightless = epochs.assign(train_loss=0.0)
    assert plot(weightless).axes[2].get_yscale() == "linear"


def test_the_last_epoch_is_marked_even_if_it_is_the_first(curves) -> None:
    figure = plot(epochs_of(histories(1, epochs=1)))
    (line,) = curves(figure.axes[0], COLOURS[0.1])
    assert (line.get_marker(), line.get_markevery()) == ("o", [-1])


@pytest.mark.parametrize("rates", [RATES[1:], RATES])
def test_a_rate_at_which_every_run_diverged_says_so(rates) -> None:
    figure = plot(epochs_of(histories(1, diverged=set(product(rates, RHO)))))
    for (_, lr), panel in panels(figure).items():
        texts = [text.get_text() for text in panel.texts]
        assert texts == (["every run\ndiverged"] if lr in rates else [])
    figure.draw_without_rendering()


def test_a_rate_at_which_every_run_diverged_in_its_first_epoch_keeps_its_column() -> None:
    runs = histories(1, diverged=set(product(RATES[1:], RHO)))
    runs = [(table[:0] if run["diverged"] else table, run) for table, run in runs]
    figure = plot(epochs_of(runs))
    assert [panel.get_title() for panel in figure.axes[:2]] == ["lr 0.01", "lr 0.05"]
    assert [text.get_text() for text in figure.axes[1].texts] == ["every run\ndiverged"]
    figure.draw_without_rendering()


def test_it_is_drawn_in_the_methods_name_and_says_what_diverged(tmp_path, examples_of) -> None:
    paths = []
    for number, (table, run) in enumerate(histories(2, diverged={(0.05, 0.1)})):
        paths.append(str(tmp_path / str(number)))
        write_table(paths[-1], table, HISTORY, run)
    inputs = {"examples": [examples_of(group_weights=(0.25,) * 4)], "histories": paths}
    drawing = draw(inputs, "asam")
    assert [panel.get_title() for panel in drawing.figure.axes[:2]] == ["lr 0.01", "lr 0.05"]
    assert drawing.texts == (
        "Means over 2 seeds with 95 % t-intervals.",
        "Runs with ρ > 0: ASAM.",
        "Validation and test errors weight each group's error by its frequency in training.",
        "Diverged runs, left out: 2 at lr 0.05, ρ 0.1.",
        "Shapes in colours:",
    )
