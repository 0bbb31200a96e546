"""Figure 7: how evenly the examples are weighted over training."""

from feature_quality.reporting.figures.drawing import Drawing, Inputs
from feature_quality.reporting.figures.example_weights import read_weights, settings_text
from feature_quality.reporting.figures.lorenz_curves import lorenz_curves
from feature_quality.reporting.figures.style import BANDS

INPUTS = {"toy": ["points"], "dataset": ["importance"]}
CAPTION = "Figure 7. The Lorenz curves of Figure 3 through training."


def draw(inputs: Inputs, _: str | None) -> Drawing:
    """Draw the figure."""
    shown = read_weights(inputs)
    return Drawing(lorenz_curves(shown, shown.epochs), [BANDS, settings_text(shown)])
