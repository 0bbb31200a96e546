"""How networks are trained, apart from what the grid varies: one type for all datasets."""

from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, model_validator
from pydantic_core import PydanticCustomError

from feature_quality.config.section import (
    Distinct,
    Fraction,
    NoBraces,
    NonNegativeNumber,
    PositiveWhole,
    Section,
    Several,
    Span,
    constant,
    require,
)
from feature_quality.errors import InputError
from feature_quality.provenance import ours
from feature_quality.training.network_list import NAMES, find_network

Epochs = Annotated[PositiveWhole, Field(description="Passes over the training set.")]
SnapshotEpochs = Annotated[
    tuple[PositiveWhole, ...],
    Distinct,
    Field(
        description="Epochs after which the weights are kept for the figures over training, "
        "besides the last one; those after it are never reached."
    ),
]


def _require_network(name: str) -> str:
    try:
        find_network(name)
    except InputError as error:
        raise ValueError(f"should be {', '.join(NAMES)}") from error
    return name


def _require_weights(weights: Any) -> Any:
    if weights is None or weights == "imagenet":
        return weights
    path = Path(weights) if isinstance(weights, str) else None
    if path is None or path.suffix not in (".safetensors", ".pth") or not path.is_file():
        raise ValueError("should be null, imagenet, or a .safetensors or .pth file that exists")
    return weights


class Crop(Section):
    """Random resized crops of the training images, half of them flipped."""

    scale: Annotated[
        Span,
        require(lambda span: span[1] <= 1, "should not exceed 1, the whole image"),
        Field(description="Least and largest share of the image's area."),
    ]
    ratio: Annotated[Span, Field(description="Least and largest width over height.")]


class TrainingSettings(Section):
    """The training of a dataset's networks."""

    network: Annotated[
        str,
        AfterValidator(_require_network),
        Field(
            description="`cnn` (the three-layer CNN of Appendix B), `resnet18`, `resnet50`, or a "
            "timm model by its name, as `timm:tf_efficientnet_lite0`."
        ),
    ]
    weights: Annotated[str | None, BeforeValidator(_require_weights), NoBraces] = constant(
        ours(None, "random ones"),
        "The weights from which the network starts: null for random ones, "
        "`imagenet` for those that torchvision publishes, or a `.safetensors` or `.pth` file; "
        "relative to the working directory.",
    )
    epochs: Epochs
    batch_size: Annotated[
        Several,
        Field(description="Examples per step; a last batch of a single one joins the one before."),
    ]
    momentum: Annotated[Fraction, Field(description="Momentum of the base optimizer.")]
    weight_decay: Annotated[
        NonNegativeNumber,
        Field(description="L2 penalty of the base optimizer, at the real parameters."),
    ]
    snapshot_epochs: SnapshotEpochs
    update_bn_on_second_pass: bool = constant(
        ours(False, "the paper does not say; the running statistics are those of the network"),
        "Whether a method's second pass updates batch norm's running statistics "
        "too, rather than the first alone.",
    )
    precision: Literal["float32", "bfloat16"] = constant(
        ours("float32", "the paper does not say"),
        "Of the networks' passes in training; bfloat16 is for devices that compute with it.",
    )
    compiled: bool = constant(
        ours(False, "the paper does not say; compiled arithmetic rounds differently"),
        "Whether PyTorch compiles the network; this needs a C++ compiler.",
    )
    crop: Crop | None = constant(
        ours(None, "no augmentation"),
        "Random resized crops and flips of the training images; null for none.",
    )

    @model_validator(mode="after")
    def _agree(self) -> Self:
        """Refuse published weights for a network that has none."""
        if self.weights == "imagenet" and not find_network(self.network).published:
            raise PydanticCustomError(
                "published",
                "weights: should be null or a file; {network} has no published weights here",
                {"network": self.network},
            )
        return self
