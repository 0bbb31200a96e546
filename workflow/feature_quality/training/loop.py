"""The training of one network on one dataset with one (method, lr, rho, seed)."""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, fields
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from feature_quality.artifacts.prepared import Description, Examples
from feature_quality.errors import InputError
from feature_quality.seeds import generator
from feature_quality.training.augmentation import Crop, center_crop, cut_windows, draw_windows
from feature_quality.training.checkpoint import Checkpoint
from feature_quality.training.device import memory_of
from feature_quality.training.models import Network, activation_bytes, normalise
from feature_quality.training.network import Normalisation
from feature_quality.training.sam import Perturbation, step
from feature_quality.training.sgd import SGD, cosine
from feature_quality.training.trained import TrainedRun

EVALUATION_BATCH = 500
# Values of the largest evaluation batch: those of so many photographs of 224 × 224 pixels.
EVALUATION_VALUES = EVALUATION_BATCH * 3 * 224 * 224
# No network is taken to keep more bytes of an image for the backward pass than this by one of its
# pixels' channels; it is 600 for a ResNet-50.
LARGEST_EXPANSION = 1000


@dataclass(frozen=True)
class TrainingConfig:
    """How a network is trained, apart from what the grid varies.

    Attributes:
        epochs, batch_size: passes over the training set, and examples per step.
        momentum, weight_decay: of the base optimizer.
        snapshot_epochs: epochs after which the weights are kept.
        crop: random resized crops and flips of the training images; None leaves them as they are.
        update_bn_on_second_pass: whether a second pass of the backbone, where the method has one,
            updates batch norm's running statistics too.
        precision: of the passes in training, ``float32`` or ``bfloat16``; weights, losses, updates
            and evaluation are float32 either way.
        compiled: whether ``torch.compile`` translates the network.
    """

    epochs: int
    batch_size: int
    momentum: float
    weight_decay: float
    snapshot_epochs: tuple[int, ...]
    crop: Crop | None = None
    update_bn_on_second_pass: bool = False
    precision: str = "float32"
    compiled: bool = False

    @classmethod
    def of(cls, settings: Mapping[str, Any]) -> "TrainingConfig":
        """Take from the settings of a dataset's training what this class has."""
        names = {each.name for each in fields(cls)}
        chosen = {name: value for name, value in settings.items() if name in names}
        if crop := settings.get("crop"):
            chosen["crop"] = Crop(**crop)
        return cls(**chosen)


@dataclass(frozen=True)
class DeviceSplit:
    """A split on the device.

    Attributes:
        images: uint8 (n, channels, height, width).
        labels: int64 (n,).
        weights: each example's share of the split's loss and error, float64 (n,), 1 in all.
        channel_mean, channel_std: float32 (channels,).
        view: (height, width) of the images' centre, which a network sees; None for all of them.
    """

    images: Tensor
    labels: Tensor
    weights: Tensor
    channel_mean: Tensor
    channel_std: Tensor
    view: tuple[int, int] | None = None

    @classmethod
    def of(
        cls,
        examples: Examples,
        description: Description,
        device: torch.device,
        normalisation: Normalisation | None = None,
    ) -> "DeviceSplit":
        """Move a split to ``device``, where it stays.

        Args:
            normalisation: of the network that it is for; None for the dataset's own.
        """
        table = examples.table
        own = description.channel_mean, description.channel_std
        mean, std = normalisation or own
        return cls(
            torch.from_numpy(examples.images).to(device),
            torch.from_numpy(table["label"].to_numpy("int64", copy=True)).to(device),
            torch.from_numpy(description.example_weights(table["group"].to_numpy())).to(device),
            torch.tensor(mean, dtype=torch.float32, device=device),
            torch.tensor(std, dtype=torch.float32, device=device),
            description.view,
        )

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def shape(self) -> tuple[int, int, int]:
        """The (channels, height, width) of what a network sees."""
        _, channels, *sides = self.images.shape
        height, width = self.view or sides
        return channels, height, width

    def take(self, rows: Tensor | slice, windows: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Return the normalised images of ``rows``, and the labels.

        They are the centres of the stored images, or their ``windows`` brought to the same size.
        """
        images = self.images[rows]
        if windows is None:
            images = center_crop(images, self.shape[1:])
        else:
            images = cut_windows(images.float(), windows, self.shape[1:])
        return normalise(images, self.channel_mean, self.channel_std), self.labels[rows]


def epoch_order(dataset: str, seed: int, epoch: int, examples: int) -> npt.NDArray[np.int64]:
    """Return the order of examples in ``epoch``: a function of the arguments alone."""
    return generator("order", dataset, seed, epoch).permutation(examples)


def split_batches(order: Tensor, batch_size: int) -> list[Tensor]:
    """Split an order of examples into batches; a last one of a single example joins the one before.

    Batch norm normalises a lone image by its own few values, or refuses to. Where an
    EfficientNet-Lite0 was fine-tuned, the gradient of such a step was up to 100 times the others'.
    """
    batches = list(torch.split(order, batch_size))
    if len(batches[-1]) == 1 < batch_size:
        batches[-2:] = [torch.cat(batches[-2:])]
    return batches


def epoch_windows(dataset: str, seed: int, epoch: int, images: Tensor, crop: Crop) -> Tensor:
    """Return the window of each image in ``epoch``, in the order in which the images are stored."""
    rng = generator("augment", dataset, seed, epoch)
    return draw_windows(rng, len(images), (images.shape[2], images.shape[3]), crop)


def train(
    model: Network,
    train_split: DeviceSplit,
    val_split: DeviceSplit,
    config: TrainingConfig,
    *,
    dataset: str,
    perturbation: Perturbation,
    lr: float,
    rho: float,
    seed: int,
    checkpoint: Checkpoint | None = None,
    progress: Callable[[Iterable[int]], Iterable[int]] = iter,
    report: Callable[[str], object] = str,
) -> TrainedRun:
    """Train ``model`` in place by a method, with a cosine schedule to 0, per step.

    The last, smaller batch of an epoch is kept, unless it is of a single example. Training loss and
    error are those of the batches as they were met; validation loss and error those of the whole
    split after the epoch. The device is waited for once per epoch: one in which the run diverges is
    gone through to its end.

    Args:
        perturbation: what the method perturbs, and how.
        checkpoint: where the state is kept after epochs; what it holds already is taken up.
        progress: wraps the epochs that are left, for a progress bar.
        report: takes one line per epoch.

    Raises:
        InputError: a batch is too large for the memory.
    """
    optimizer = SGD(
        model.parameters(), lr=lr, momentum=config.momentum, weight_decay=config.weight_decay
    )
    device = train_split.labels.device
    _require_memory(model, train_split, config, memory_of(device))
    embed, classify = passes(model, config, device)
    epochs = config.epochs
    run = TrainedRun(weights=_copy(model))
    if checkpoint and (state := checkpoint.read()):
        run, momentum = state
        model.load_state_dict(run.weights)
        run.weights = _copy(model)
        optimizer.restore(momentum)
        report(f"going on after epoch {len(run.history)}")
    for epoch in progress(range(len(run.history) + 1, epochs + 1)):
        model.train()
        order = torch.from_numpy(epoch_order(dataset, seed, epoch, len(train_split))).to(device)
        batches = split_batches(order, config.batch_size)
        steps = len(batches)
        windows = None
        if config.crop:
            windows = epoch_windows(dataset, seed, epoch, train_split.images, config.crop)
            windows = windows.to(device)
        # Losses, wrong answers and finite steps stay on the device until the epoch has ended.
        sums = torch.zeros(3, dtype=torch.float64, device=device)
        finite = torch.ones((), dtype=torch.bool, device=device)
        for number, rows in enumerate(batches):
            optimizer.lr = lr * cosine((epoch - 1) * steps + number, epochs * steps)
            images, labels = train_split.take(rows, None if windows is None else windows[rows])
            loss, logits, still_finite = step(
                partial(embed, images),
                partial(classify, labels),
                model,
                optimizer,
                perturbation,
                rho,
                update_bn_on_second_pass=config.update_bn_on_second_pass,
            )
            finite &= still_finite
            for name, tensor in model.state_dict().items():
                torch.where(finite, tensor, run.weights[name], out=run.weights[name])
            wrong = (logits.argmax(1) != labels).sum()
            sums += torch.stack([loss.double() * len(rows), wrong.double(), finite.double()])
        epoch_sums = torch.cat([sums, evaluate(model, val_split)]).tolist()
        loss_sum, wrong_sum, finite_steps, val_loss, val_error = epoch_sums
        if finite_steps < steps or not math.isfinite(val_loss):
            run.diverged = (epoch, min(int(finite_steps) + 1, steps))
            run.history.append({"epoch": epoch, "lr": optimizer.lr})
            model.load_state_dict(run.weights)
            report(f"epoch {epoch}, step {run.diverged[1]}: diverged")
            return run
        row = {
            "epoch": epoch,
            "lr": optimizer.lr,
            "train_loss": loss_sum / len(train_split),
            "train_error": wrong_sum / len(train_split),
            "val_loss": val_loss,
            "val_error": val_error,
        }
        run.history.append(row)
        report(", ".join(f"{name} {value:.6g}" for name, value in row.items()))
        if epoch in config.snapshot_epochs:
            run.snapshots[epoch] = _copy(model)
        if checkpoint:
            checkpoint.keep(run, optimizer.momentum_buffers())
    return run


def passes(
    model: Network, config: TrainingConfig, device: torch.device
) -> tuple[Callable[[Tensor], Tensor], Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]]:
    """Return the parts of a pass in training: φ of images; loss and logits of labels and φ.

    They have the precision that ``config`` names, and its compiled backbone.
    """
    if config.compiled:
        # The compiler has a switch of its own for this, which is set here and nowhere else.
        torch.use_deterministic_algorithms(True)
    # A graph for each size of a batch: a resumed run then meets those of an undisturbed one.
    backbone = torch.compile(model.backbone, dynamic=False) if config.compiled else model.backbone
    half = config.precision == "bfloat16"

    # Autocast keeps copies of the weights until its block ends: each pass needs a block of its own.
    def embed(images: Tensor) -> Tensor:
        with torch.autocast(device.type, torch.bfloat16, enabled=half):
            features: Tensor = backbone(images)
        return features

    def classify(labels: Tensor, features: Tensor) -> tuple[Tensor, Tensor]:
        with torch.autocast(device.type, torch.bfloat16, enabled=half):
            logits = model.head(features)
        return cross_entropy(logits.float(), labels), logits

    return embed, classify


def _require_memory(
    model: Network, split: DeviceSplit, config: TrainingConfig, memory: int
) -> None:
    batch_size = min(config.batch_size, len(split))
    # Seconds, which runs on images that cannot fill the memory need not spend.
    if batch_size * math.prod(split.shape) * LARGEST_EXPANSION < memory:
        return
    needed = activation_bytes(model, split.shape, batch_size)
    if config.precision == "bfloat16":
        needed //= 2
    if needed > memory:
        size = "x".join(map(str, split.shape))
        raise InputError(
            f"a step on a batch of {batch_size} images of {size} needs {needed / 2**30:.0f} GiB of "
            f"memory at least, and there are {memory / 2**30:.0f}: choose a smaller "
            "training.batch_size, resolution or network"
        )


@torch.no_grad()
def evaluate(model: nn.Module, split: DeviceSplit) -> Tensor:
    """Return the cross-entropy and the error of ``model`` on a split, without augmentation.

    Both are means with the split's own weights: float64 (2,), on the device.
    """
    model.eval()
    found = torch.zeros(2, dtype=torch.float64, device=split.labels.device)
    for rows in evaluation_batches(split):
        images, labels = split.take(rows)
        logits = model(images)
        losses = cross_entropy(logits, labels, reduction="none")
        each = torch.stack([losses, logits.argmax(1) != labels])
        found += (split.weights[rows] * each).sum(1)
    return found


def evaluation_batches(split: DeviceSplit) -> Iterator[slice]:
    """Yield the rows of a split, some at a time; of large images fewer, which fit into memory."""
    size = max(1, min(EVALUATION_BATCH, EVALUATION_VALUES // math.prod(split.shape)))
    for first in range(0, len(split), size):
        yield slice(first, first + size)


def _copy(model: nn.Module) -> dict[str, Tensor]:
    return {name: tensor.detach().clone() for name, tensor in model.state_dict().items()}
