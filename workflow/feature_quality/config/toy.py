"""The toy study (Sections 5 and 6, Appendices C, D, E, G and H)."""

from itertools import chain
from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from feature_quality.config.section import (
    Distinct,
    Fraction,
    NonNegativeNumber,
    NonNegativeNumbers,
    NotEmpty,
    PositiveNumber,
    PositiveNumbers,
    PositiveWhole,
    Probability,
    Section,
    Seed,
    by_provenance,
    constant,
    require,
    run_note,
)
from feature_quality.config.training import Epochs, SnapshotEpochs
from feature_quality.formatting import format_number
from feature_quality.provenance import derived, ours, paper

Study = Literal[
    "complexity",
    "dynamics",
    "interventions",
    "effects",
    "noise",
    "batch_size",
    "appendix_d",
    "constants",
]
Norm = Literal["constant", "tracking"]

Probabilities = Annotated[tuple[Probability, ...], NotEmpty, Distinct]
# A sweep over ρ has the runs that all others are compared with.
Sweep = Annotated[NonNegativeNumbers, require(lambda rho: 0 in rho, "should hold 0, which is SGD")]


class Shown(Section):
    """What the figures show where they show one value only."""

    complexity: PositiveNumber = constant(
        ours(270.0, "the least of the sweep at which SGD does not learn the spiral"),
        "Rotation of the spiral, degrees.",
    )
    rho: PositiveNumber = constant(
        ours(0.5, "within the sweep, and far from where the label is lost"), "Radius ρ of LSAM."
    )
    network_rho: PositiveNumber = constant(
        ours(0.1, "within the published sweep"),
        "Radius at which Appendix D's check perturbs an image network.",
    )


class Distribution(Section):
    """The data (Appendix E)."""

    train_points: PositiveWhole = constant(paper(300, "Appendix B"), "Training points.")
    test_points: PositiveWhole = constant(
        ours(2000, "the paper does not say; an error of 0.2 is then known to 0.01"),
        "Fresh points for the errors.",
    )
    gap: Fraction = constant(
        ours(0.1, "the paper's value is lost"), "Least size of the linear feature, unscaled."
    )
    easy_scale: PositiveNumber = constant(
        ours(1.0, "the paper's value is lost"), "Scale of the linear feature."
    )
    hard_scale: PositiveNumber = constant(
        ours(3.0, "chosen by SGD alone: docs/toy.md"), "Scale of the spiral."
    )
    inner_radius: Fraction = constant(
        ours(0.1, "the paper's form is lost; arms that start apart can be told apart"),
        "Radius at which the spiral starts, unscaled; it ends at 1.",
    )
    jitter: NonNegativeNumber = constant(
        ours(0.06, "the paper's value is lost; 0.02 of the scale"),
        "Half-width of the uniform noise on the spiral, after its scale.",
    )


class ToyTraining(Section):
    """The training: constant learning rate, no momentum, no weight decay."""

    lr: PositiveNumber = constant(paper(0.01, "Appendix B"), "Constant learning rate.")
    batch_size: PositiveWhole = constant(paper(5, "Appendix B"), "Examples per step.")
    epochs: Epochs = constant(ours(300, "the paper does not say; the label is learned by then"))


class Noise(Section):
    """Levels of each kind of noise on the training data (Appendix H.1); 0 is none."""

    label: Probabilities = constant(
        derived((0.0, 0.02, 0.04, 0.06, 0.08, 0.1), "Appendix H.1: from 0% to 10%"),
        "Probability that a feature has the other label's value.",
    )
    gaussian: NonNegativeNumbers = constant(
        derived((0.0, 0.2, 0.4, 0.6, 0.8, 1.0), "Appendix H.1: from 0 to 1.0"),
        "Standard deviation of what is added to every coordinate.",
    )
    dropout: Probabilities = constant(
        derived((0.0, 0.08, 0.16, 0.24, 0.32, 0.4), "Appendix H.1: from 0 to 0.4"),
        "Probability that a feature is replaced by 0.",
    )


class ToyGrid(Section):
    """The values along the figures' axes."""

    complexity: PositiveNumbers = constant(
        ours((180.0, 270.0, 360.0, 450.0, 540.0), "the paper's values are lost"),
        "Rotations of the spiral, degrees.",
    )
    rho: Sweep = constant(
        ours(
            (0.0, 0.1, 0.2, 0.3, 0.5, 0.7, 1.0, 1.5, 2.0, 3.0),
            "the paper's values are lost; up to where the label is lost",
        ),
        "Radii ρ of LSAM; 0 is SGD.",
    )
    alpha: PositiveNumbers = constant(
        ours((0.25, 0.5, 1.0, 2.0, 4.0), "the paper's values are lost"),
        "Ratios ŵ_h/ŵ_e of the interventions.",
    )
    kappa: Annotated[tuple[Norm, ...], NotEmpty, Distinct] = constant(
        ours(("constant", "tracking"), "Appendix C can be read both ways"),
        "Norm of the interventions' weights: √2 throughout, or ‖w‖ at the moment.",
    )
    batch_size: Annotated[tuple[PositiveWhole, ...], NotEmpty, Distinct] = constant(
        ours((1, 2, 5, 10, 20, 50, 100, 300), "the paper's values are lost"), "Batch sizes."
    )
    snapshot_epochs: SnapshotEpochs = constant(
        ours((1, 3, 10, 30, 100), "evenly on a logarithmic scale")
    )
    noise: Noise = Noise()


# The keys that studies vary, and on which of them depends what a figure is drawn from.
VARIED = ("shown.", "grid.", "lost_constants.")
DEPENDS_ON = {
    "complexity": ("grid.complexity", "grid.rho"),
    "shown": ("shown.complexity", "grid.rho"),
    "contours": ("shown.",),
    "points": ("shown.", "grid.snapshot_epochs"),
    "epochs": ("shown.",),
    "interventions": ("shown.complexity", "grid.alpha", "grid.kappa"),
    "constants": ("shown.complexity", "lost_constants."),
    "noise": ("shown.", "grid.noise"),
    "batch_size": ("shown.complexity", "grid.batch_size", "grid.rho"),
    "appendix_d": ("shown.",),
}


class LostConstants(Section):
    """The values of the lost constants in the study of them, one varied at a time.

    The extremes of the two scales are paired as well. ``shown.complexity`` is the rotation.
    """

    gap: Annotated[tuple[Fraction, ...], NotEmpty, Distinct] = constant(
        ours((0.0, 0.1, 0.3), "around the documented value"), "As toy.distribution.gap."
    )
    easy_scale: PositiveNumbers = constant(
        ours((0.5, 1.0, 2.0), "around the documented value"), "As toy.distribution.easy_scale."
    )
    hard_scale: PositiveNumbers = constant(
        ours((1.0, 3.0, 6.0), "those of the trial that chose the documented value"),
        "As toy.distribution.hard_scale.",
    )
    jitter: NonNegativeNumbers = constant(
        ours((0.0, 0.02, 0.05), "around the documented value"),
        "Half-width of the uniform noise on the spiral, as a share of its scale.",
    )
    epochs: Annotated[tuple[Epochs, ...], NotEmpty, Distinct] = constant(
        ours((100, 300), "a third of the documented value, and that value"),
        "As toy.training.epochs.",
    )
    initial: PositiveNumbers = constant(
        ours((0.5, 1.0), "half the documented value, and that value"),
        "w at the start, for both features; elsewhere it is 1.",
    )
    width: Annotated[tuple[PositiveWhole, ...], NotEmpty, Distinct] = constant(
        ours((50, 100, 200), "around the documented value"),
        "Units of a hidden layer; elsewhere there are 100.",
    )
    rho: Annotated[Sweep, require(lambda rho: max(rho) > 0, "should hold a ρ of LSAM")] = constant(
        ours((0.0, 0.5, 1.0, 2.0), "four of the sweep"), "Radii ρ of LSAM; 0 is SGD."
    )
    seeds: Annotated[tuple[Seed, ...], NotEmpty, Distinct] = constant(
        ours(tuple(range(5)), "half of the other studies', for there are many settings"),
        "Run seeds.",
    )


class Toy(Section):
    """The toy study."""

    studies: Annotated[
        tuple[Study, ...],
        Distinct,
        Field(description="The studies to run; figures need theirs. An empty list leaves it out."),
    ] = (
        *("complexity", "dynamics", "interventions", "effects", "noise", "batch_size"),
        "appendix_d",
    )
    seeds: Annotated[tuple[Seed, ...], NotEmpty, Distinct] = constant(
        ours(tuple(range(10)), "the paper does not say"),
        "Run seeds: data, initial weights and order. SGD and LSAM share them.",
    )
    shown: Shown = Shown()
    distribution: Distribution = Distribution()
    training: ToyTraining = ToyTraining()
    grid: ToyGrid = ToyGrid()
    lost_constants: LostConstants = LostConstants()

    @model_validator(mode="after")
    def _agree(self) -> Self:
        """Refuse sections that are right one by one and wrong together."""
        points = self.distribution.train_points
        sizes = [("training.batch_size", self.training.batch_size)]
        if "batch_size" in self.studies:
            sizes += [(f"grid.batch_size[{i}]", n) for i, n in enumerate(self.grid.batch_size)]
        faults = [
            f"toy.{key}: {size} should be at most toy.distribution.train_points, {points}"
            for key, size in sizes
            if size > points
        ]
        shown = {
            "complexity": (self.shown.complexity, self.grid.complexity),
            "rho": (self.shown.rho, self.grid.rho),
        }
        faults += [
            f"toy.shown.{key}: {value:g} should be among toy.grid.{key}"
            for key, (value, values) in shown.items()
            if "complexity" in self.studies and value not in values
        ]
        if faults:
            raise PydanticCustomError("disagreement", "{faults}", {"faults": "\n".join(faults)})
        return self

    def run_note(self, *inputs: str) -> str:
        """Say in a caption what the runs were, and which settings differ from the defaults.

        Args:
            inputs: what a figure is drawn from; what these do not depend on is left out.
        """
        prefixes = tuple(chain.from_iterable(DEPENDS_ON.get(name, VARIED) for name in inputs))
        constants = [
            each
            for each in self.constants("")
            if not inputs or not each.key.startswith(VARIED) or each.key.startswith(prefixes)
        ]
        seeds, epochs = (
            (
                self.lost_constants.seeds,
                sorted({self.training.epochs, *self.lost_constants.epochs}),
            )
            if inputs == ("constants",)
            else (self.seeds, (self.training.epochs,))
        )
        shown = "shown.complexity".startswith(prefixes)
        complexity = f"c = {format_number(self.shown.complexity)}°, " if shown else ""
        return f"Toy data: {complexity}{run_note(seeds, epochs, constants)}"

    def sources(self) -> dict[str, dict[str, Any]]:
        """Return every constant that results on the toy rest on, by where it comes from."""
        return by_provenance(self.constants("toy"))
