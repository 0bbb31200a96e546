"""Figure 7: how evenly the examples are weighted over training."""

from feature_quality.reporting.figures.drawing import Drawing, Inputs
from feature_quality.reporting.figures.example_weights import read_weights, settings_text
from feature_quality.reporting.figures.lorenz_curves import (
    curves_texts,
    lorenz_curves_over_training,
)

INPUTS = {"toy": ["points"], "dataset": ["importance"]}
CAPTION = (
    "Figure 7: evenness of weights over training. The Lorenz curves of Figure 3 at several "
    "epochs, with the share of points on a logarithmic axis and equal weights as a dotted line; "
    "last, 1 less the Gini coefficient at each of these epochs."
)


def draw(inputs: Inputs, _: str | None) -> Drawing:
    """Draw the figure."""
    shown = read_weights(inputs)
    texts = [*curves_texts(shown, shown.epochs), settings_text(shown)]
    return Drawing(lorenz_curves_over_training(shown), texts)
