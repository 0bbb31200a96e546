"""How each dataset's networks are trained, apart from what the grid varies."""

from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator
from pydantic_core import PydanticCustomError

from feature_quality.config.provenance import cited, derived, ours, paper
from feature_quality.config.section import (
    Distinct,
    Fraction,
    NonNegativeNumber,
    PositiveWhole,
    Section,
    Span,
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
        description="Epochs after which the weights are kept for the figures over training, "
        "besides the last one; those after it are never reached."
    ),
]


def _require_share(span: tuple[float, float]) -> tuple[float, float]:
    if span[1] > 1:
        raise ValueError("should not exceed 1, the whole image")
    return span


Network = Annotated[
    Literal["resnet18", "resnet50", "cnn"],
    Field(
        description="torchvision's ResNet-18 or ResNet-50, or the three-layer CNN, for a quick "
        "trial."
    ),
]
Pretrained = Annotated[
    bool, Field(description="Whether a ResNet starts from torchvision's ImageNet weights.")
]
Scale = Annotated[
    Span,
    AfterValidator(_require_share),
    Field(description="Least and largest share of the image's area."),
]
Ratio = Annotated[Span, Field(description="Least and largest width over height.")]

_LOG_SCALE = "the paper does not say which checkpoints it shows; evenly on a logarithmic scale"


class ImageTraining(Section):
    """What the training of every image network has."""

    precision: Annotated[
        Literal["float32", "bfloat16"],
        Field(
            description="Of the networks' passes in training; bfloat16 is used on devices that "
            "compute with it, and float32 elsewhere."
        ),
    ] = ours("float32", "the paper does not say")
    compiled: Annotated[
        bool, Field(description="Whether PyTorch compiles the network; this needs a C++ compiler.")
    ] = ours(False, "the paper does not say; compiled arithmetic rounds differently")


class CifarMnistTraining(ImageTraining):
    """Training on CIFAR-MNIST."""

    network: Annotated[Literal["cnn"], Field(description="The three-layer CNN.")] = paper(
        "cnn", "Appendix B"
    )
    epochs: Epochs = paper(20, "Section 4.1")
    batch_size: BatchSize = paper(100, "Appendix B")
    momentum: Momentum = paper(0.9, "Appendix B")
    weight_decay: WeightDecay = paper(0.0, "Appendix B")
    snapshot_epochs: SnapshotEpochs = ours((1, 2, 5, 10), _LOG_SCALE)


class FmnistMnistTraining(CifarMnistTraining):
    """Training on FMNIST-MNIST."""

    epochs: Epochs = ours(20, "as for CIFAR-MNIST; the paper does not give it")


class DemonstrationTraining(ImageTraining):
    """Training on the demonstration dataset."""

    network: Annotated[Literal["cnn"], Field(description="The three-layer CNN.")] = ours(
        "cnn", "as for CIFAR-MNIST"
    )
    epochs: Epochs = ours(6, "training error is 0 by then")
    batch_size: BatchSize = ours(100, "as for CIFAR-MNIST")
    momentum: Momentum = ours(0.9, "as for CIFAR-MNIST")
    weight_decay: WeightDecay = ours(0.0, "as for CIFAR-MNIST")
    snapshot_epochs: SnapshotEpochs = ours((1, 2, 4), "evenly on a logarithmic scale")


class CelebaCrop(Section):
    """Random resized crops of CelebA's training images, half of them flipped."""

    scale: Scale = cited((0.7, 1.0), "Sagawa et al. (2020); the paper's pseudo-code is lost")
    ratio: Ratio = cited((1.0, 1.3333), "Sagawa et al. (2020); the paper's pseudo-code is lost")


class WaterbirdsCrop(CelebaCrop):
    """Random resized crops of Waterbirds' training images, half of them flipped."""

    ratio: Ratio = cited((0.75, 1.3333), "Sagawa et al. (2020); the paper's pseudo-code is lost")


class PhotoTraining(ImageTraining):
    """Training on photographs, as the paper does it but for augmentation."""

    network: Network = paper("resnet18", "Section 4.1")
    pretrained: Pretrained = paper(True, "Section 4.1")
    epochs: Epochs = paper(20, "Section 4.1")
    batch_size: BatchSize = paper(128, "Appendix B")
    momentum: Momentum = paper(0.9, "Appendix B")
    weight_decay: WeightDecay = derived(0.0001, "Appendix B: printed as “10 4”")
    snapshot_epochs: SnapshotEpochs = ours((1, 3, 10), _LOG_SCALE)
    update_bn_on_second_pass: Annotated[
        bool,
        Field(
            description="Whether SAM's second pass updates batch norm's running statistics too, "
            "rather than the first alone."
        ),
    ] = ours(False, "the paper does not say; the running statistics are those of the network")

    @model_validator(mode="after")
    def _agree(self) -> Self:
        """Refuse weights for a network that has none."""
        if self.pretrained and self.network == "cnn":
            raise PydanticCustomError("pretrained", "needs pretrained: false with network: cnn")
        return self


class OwnTraining(PhotoTraining):
    """Training on the user's own dataset, without augmentation: it might change the features."""

    network: Network = ours("cnn", "as for CIFAR-MNIST; quick without a GPU")
    pretrained: Pretrained = ours(False, "the CNN has no published weights")
    epochs: Epochs = ours(20, "as for CIFAR-MNIST")
    batch_size: BatchSize = ours(100, "as for CIFAR-MNIST")
    momentum: Momentum = ours(0.9, "as for CIFAR-MNIST")
    weight_decay: WeightDecay = ours(0.0, "as for CIFAR-MNIST")
    snapshot_epochs: SnapshotEpochs = ours((1, 2, 5, 10), "evenly on a logarithmic scale")


class CelebaTraining(PhotoTraining):
    """Training on CelebA."""

    crop: CelebaCrop = CelebaCrop()


class WaterbirdsTraining(CelebaTraining):
    """Training on Waterbirds."""

    epochs: Epochs = paper(100, "Section 4.1")
    snapshot_epochs: SnapshotEpochs = ours((1, 5, 25), _LOG_SCALE)
    crop: WaterbirdsCrop = WaterbirdsCrop()


class DigitsDomainsTraining(DemonstrationTraining):
    """Training on the domains made of digits."""

    epochs: Epochs = ours(8, "training error is near 0 by then")
    snapshot_epochs: SnapshotEpochs = ours((), "no figure shows them")


class DomainCrop(WaterbirdsCrop):
    """Random resized crops of DomainBed's training images, half of them flipped."""

    scale: Scale = ours((0.7, 1.0), "as for Waterbirds; the paper does not say")
    ratio: Ratio = ours((0.75, 1.3333), "as for Waterbirds; the paper does not say")


class DomainTraining(CelebaTraining):
    """Training on three domains of a dataset of DomainBed."""

    network: Network = ours("resnet18", "as for Waterbirds; the paper does not say")
    pretrained: Pretrained = ours(True, "as for Waterbirds; the paper does not say")
    epochs: Epochs = ours(20, "as for CelebA; the paper does not say")
    batch_size: BatchSize = ours(128, "as for CelebA; the paper does not say")
    momentum: Momentum = ours(0.9, "as for CelebA; the paper does not say")
    weight_decay: WeightDecay = ours(0.0001, "as for CelebA; the paper does not say")
    snapshot_epochs: SnapshotEpochs = ours((), "no figure shows them")
    crop: DomainCrop = DomainCrop()


class Training(Section):
    """The training of each dataset."""

    digits_photos: DemonstrationTraining = DemonstrationTraining()
    cifar_mnist: CifarMnistTraining = CifarMnistTraining()
    fmnist_mnist: FmnistMnistTraining = FmnistMnistTraining()
    celeba: CelebaTraining = CelebaTraining()
    waterbirds: WaterbirdsTraining = WaterbirdsTraining()
    own: OwnTraining = OwnTraining()
    digits_domains: DigitsDomainsTraining = DigitsDomainsTraining()
    pacs: DomainTraining = DomainTraining()
    vlcs: DomainTraining = DomainTraining()
    office_home: DomainTraining = DomainTraining()
