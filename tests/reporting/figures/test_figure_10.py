import pandas as pd
import pytest

from feature_quality.reporting.figures.figure_10 import plot
from feature_quality.reporting.figures.style import sequence

SIZES = (1, 20, 300)
BUDGETS = {"updates": "equal numbers of updates", "epochs": "equal numbers of epochs"}


@pytest.fixture
def runs(runs_of) -> pd.DataFrame:
    return runs_of(batch_size=SIZES, budget=BUDGETS, rho=(0.0, 0.2, 0.5))


@pytest.mark.parametrize("seeds", [1, 10])
def test_every_budget_has_a_panel_and_every_size_a_line(runs_of, assert_shows, seeds) -> None:
    runs = runs_of(seeds, batch_size=SIZES, budget=BUDGETS, rho=(0.0, 0.2, 0.5))
    figure = plot(runs)
    colours = sequence(pd.Series(SIZES))
    for panel, (budget, title) in zip(figure.axes, BUDGETS.items(), strict=True):
        assert panel.get_title() == title
        for size in SIZES:
            rows = runs[(runs["budget"] == budget) & (runs["batch_size"] == size)]
            assert_shows(panel, rows, "rho", "hard_error", colours[size])
    figure.draw_without_rendering()


def test_a_size_that_one_budget_lacks_has_the_same_colour_in_both(runs, assert_shows) -> None:
    fewer = runs[(runs["batch_size"] > 1) | (runs["budget"] == "epochs")]
    left, right = plot(fewer).axes
    assert len([line for line in left.lines if len(line.get_xdata())]) == 2
    colours = sequence(pd.Series(SIZES))
    for panel, budget in ((left, "updates"), (right, "epochs")):
        rows = fewer[(fewer["budget"] == budget) & (fewer["batch_size"] == 300)]
        assert_shows(panel, rows, "rho", "hard_error", colours[300])


def test_labels(runs) -> None:
    left, right = plot(runs).axes
    assert left.get_xlabel() == right.get_xlabel() == "perturbation radius ρ"
    assert (left.get_ylabel(), right.get_ylabel()) == ("hard probing error", "")
    assert left.get_ylim() == right.get_ylim()
    assert left.get_ylim()[0] == 0
    assert left.get_legend() is None
    legend = right.get_legend()
    assert legend.get_title().get_text() == "batch size"
    assert [text.get_text() for text in legend.get_texts()] == ["1", "20", "300"]
