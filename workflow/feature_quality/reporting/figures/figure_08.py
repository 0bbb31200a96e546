"""Figure 8: which examples have weight over training."""

from feature_quality.reporting.figures.drawing import Drawing, Inputs
from feature_quality.reporting.figures.example_weights import read_weights, settings_text
from feature_quality.reporting.figures.weight_maps import bins_text, weight_maps

INPUTS = {"toy": ["points"], "dataset": ["importance"]}
CAPTION = (
    "Figure 8: weights of examples over training. The median weights of Figure 5 at several epochs."
)


def draw(inputs: Inputs, _: str | None) -> Drawing:
    """Draw the figure."""
    shown = read_weights(inputs)
    return Drawing(weight_maps(shown, shown.epochs), [bins_text(shown), settings_text(shown)])
