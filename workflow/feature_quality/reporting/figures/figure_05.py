"""Figure 5: which examples have weight at the end of training."""

from feature_quality.reporting.figures.drawing import Drawing, Inputs
from feature_quality.reporting.figures.example_weights import read_weights, settings_text
from feature_quality.reporting.figures.weight_maps import bins_text, weight_maps

INPUTS = {"toy": ["points"], "dataset": ["importance"]}
CAPTION = (
    "Figure 5: which examples have weight. The median weight of a training example at the end of "
    "training, real and phantom, and their ratio, by how much the easy and the hard feature "
    "contribute to its margin."
)


def draw(inputs: Inputs, _: str | None) -> Drawing:
    """Draw the figure."""
    shown = read_weights(inputs)
    return Drawing(weight_maps(shown, shown.epochs[-1:]), [bins_text(shown), settings_text(shown)])
