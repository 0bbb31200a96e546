"""The training methods: each is one entry of ``METHODS``, and nothing else needs to know of it.

A method's name stands in paths and in the configuration, its label in tables and figures.
"""

from dataclasses import dataclass
from typing import Any, Literal


@dataclass(frozen=True)
class Method:
    """How a training step perturbs the parameters before it takes the gradient that it descends.

    Attributes:
        name: in paths and in the configuration.
        label: in tables and figures.
        colour: in figures; Okabe and Ito's, which the colour-blind can tell apart.
        perturbed: the parameters that are moved by ρ: none, all, or those of the last layer.
        adaptive: whether the perturbation is scaled by the size of each weight (ASAM).
    """

    name: str
    label: str
    colour: str
    perturbed: Literal["none", "all", "last_layer"]
    adaptive: bool = False

    @property
    def perturbation(self) -> dict[str, Any]:
        """What a training job has to know of the method; its name and looks retrain nothing."""
        return {"perturbed": self.perturbed, "adaptive": self.adaptive}

    @property
    def cost(self) -> int:
        """The gradients of the whole network that a step computes.

        The second gradient of a method that perturbs the last layer alone is of that layer: the
        representation of the batch is the same at the phantom parameters.
        """
        return 2 if self.perturbed == "all" else 1


METHODS = {
    method.name: method
    for method in (
        # Equations 2, 3 and 5, and Kwon et al. (2021).
        Method("sgd", "SGD", "#0072B2", "none"),
        Method("sam", "SAM", "#E69F00", "all"),
        Method("lsam", "LSAM", "#D55E00", "last_layer"),
        Method("asam", "ASAM", "#000000", "all", adaptive=True),
    )
}

# What every other method is compared with; its ρ is 0.
BASELINE = METHODS["sgd"]
# The method of the paper's claims about images.
PAPER_METHOD = METHODS["sam"]
