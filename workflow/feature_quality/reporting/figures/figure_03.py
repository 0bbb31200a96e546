"""Figure 3: how evenly the examples are weighted at the end of training."""

from feature_quality.reporting.figures.drawing import Drawing, Inputs
from feature_quality.reporting.figures.example_weights import read_weights, settings_text
from feature_quality.reporting.figures.lorenz_curves import lorenz_curves
from feature_quality.reporting.figures.style import BANDS

INPUTS = {"toy": ["points"], "dataset": ["importance"]}
CAPTION = (
    "Figure 3. Lorenz curves of the weights of training examples at the end of training: "
    "the nearer to the diagonal, the more evenly examples are weighted. The number is the "
    "Gini coefficient."
)


def draw(inputs: Inputs, _: str | None) -> Drawing:
    """Draw the figure."""
    shown = read_weights(inputs)
    return Drawing(lorenz_curves(shown, shown.epochs[-1:]), [BANDS, settings_text(shown)])
