"""How each dataset's networks are trained, apart from what the grid varies."""

from typing import Annotated

from pydantic import Field

from feature_quality.config.provenance import ours, paper
from feature_quality.config.section import (
    Distinct,
    Fraction,
    NonNegativeNumber,
    PositiveWhole,
    Section,
)

Epochs = Annotated[PositiveWhole, Field(description="Passes over the training set.")]
BatchSize = Annotated[PositiveWhole, Field(description="Examples a step.")]
Momentum = Annotated[Fraction, Field(description="Momentum of the base optimizer.")]
WeightDecay = Annotated[
    NonNegativeNumber,
    Field(description="L2 penalty of the base optimizer, at the real parameters."),
]
SnapshotEpochs = Annotated[
    tuple[PositiveWhole, ...],
    Distinct,
    Field(
        description="Epochs after which the weights are kept for the figures over training; "
        "those after the last epoch are never reached."
    ),
]

_SNAPSHOTS = ours((1, 2, 5, 10, 20), "the paper does not say which checkpoints it shows")


class CifarMnistTraining(Section):
    """Training on CIFAR-MNIST."""

    epochs: Epochs = paper(20, "Section 4.1")
    batch_size: BatchSize = paper(100, "Appendix B")
    momentum: Momentum = paper(0.9, "Appendix B")
    weight_decay: WeightDecay = paper(0.0, "Appendix B")
    snapshot_epochs: SnapshotEpochs = _SNAPSHOTS


class FmnistMnistTraining(CifarMnistTraining):
    """Training on FMNIST-MNIST."""

    epochs: Epochs = ours(20, "as for CIFAR-MNIST; the paper does not give it")


class DemonstrationTraining(Section):
    """Training on the demonstration dataset."""

    epochs: Epochs = ours(6, "training error is 0 by then")
    batch_size: BatchSize = ours(100, "as for CIFAR-MNIST")
    momentum: Momentum = ours(0.9, "as for CIFAR-MNIST")
    weight_decay: WeightDecay = ours(0.0, "as for CIFAR-MNIST")
    snapshot_epochs: SnapshotEpochs = ours((1, 2, 4, 6), "evenly on a logarithmic scale")


class Training(Section):
    """The training of each dataset."""

    digits_photos: DemonstrationTraining = DemonstrationTraining()
    cifar_mnist: CifarMnistTraining = CifarMnistTraining()
    fmnist_mnist: FmnistMnistTraining = FmnistMnistTraining()
