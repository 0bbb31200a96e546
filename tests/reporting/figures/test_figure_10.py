import pandas as pd
import pytest

from feature_quality.reporting.figures.figure_10 import plot
from feature_quality.reporting.figures.style import sequence

SIZES = (1, 20, 300)
BUDGETS = {"updates": "equal numbers of updates", "epochs": "equal numbers of epochs"}


# A size that one budget lacks has the same colour in both.
@pytest.mark.parametrize(("seeds", "lacking"), [(1, []), (4, [1])])
def test_every_budget_has_a_panel_and_every_size_a_line(
    runs_of, assert_shows, seeds, lacking
) -> None:
    runs = runs_of(seeds, batch_size=SIZES, budget=BUDGETS, rho=(0.0, 0.2, 0.5))
    runs = runs[~runs["batch_size"].isin(lacking) | (runs["budget"] == "epochs")]
    figure = plot(runs)
    colours = sequence(pd.Series(SIZES))
    for panel, (budget, title) in zip(figure.axes, BUDGETS.items(), strict=True):
        assert panel.get_title() == title
        of_budget = runs[runs["budget"] == budget]
        for size, rows in of_budget.groupby("batch_size"):
            assert_shows(panel, rows, "rho", "hard_error", colours[size])
        drawn = [line for line in panel.lines if len(line.get_xdata())]
        assert len(drawn) == of_budget["batch_size"].nunique()
    left, right = figure.axes
    assert left.get_xlabel() == right.get_xlabel() == "perturbation radius ρ"
    assert (left.get_ylabel(), right.get_ylabel()) == ("hard probing error", "")
    assert left.get_ylim() == right.get_ylim()
    assert left.get_ylim()[0] == 0
    assert left.get_legend() is None
    legend = right.get_legend()
    assert legend.get_title().get_text() == "batch size"
    assert [text.get_text() for text in legend.get_texts()] == ["1", "20", "300"]
    figure.draw_without_rendering()
