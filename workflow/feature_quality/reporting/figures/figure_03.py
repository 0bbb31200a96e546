"""Figure 3: how evenly the examples are weighted at the end of training."""

from feature_quality.reporting.figures.drawing import Drawing, Inputs
from feature_quality.reporting.figures.example_weights import read_weights, settings_text
from feature_quality.reporting.figures.lorenz_curves import curves_texts, lorenz_curves

INPUTS = {"toy": ["points"], "dataset": ["importance"]}
CAPTION = (
    "Figure 3: how evenly examples are weighted. Lorenz curves of the weights of training "
    "examples at the end of training, those with the largest weight first: the nearer to the "
    "dotted line, the more evenly examples are weighted. The middle panel has the same curves "
    "with a logarithmic axis. Right: Gini coefficients, 0 for equal weights; points are seeds, "
    "with a line between those of one network, squares their means."
)


def draw(inputs: Inputs, _: str | None) -> Drawing:
    """Draw the figure."""
    shown = read_weights(inputs)
    texts = [*curves_texts(shown, shown.epochs[-1:]), settings_text(shown)]
    return Drawing(lorenz_curves(shown), texts)
