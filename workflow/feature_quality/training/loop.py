"""The training of one network on one dataset with one (lr, rho, seed)."""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from feature_quality.artifacts.prepared import Examples
from feature_quality.seeds import generator
from feature_quality.training.descent import Descent, cosine
from feature_quality.training.models import normalise
from feature_quality.training.sam import NonFiniteError, require_finite, step

EVALUATION_BATCH = 500


@dataclass(frozen=True)
class Batches:
    """A split on the device: uint8 ``images`` (n, channels, height, width), int64 ``labels``.

    ``channel_mean`` is float32 (channels,).
    """

    images: Tensor
    labels: Tensor
    channel_mean: Tensor

    @classmethod
    def of(
        cls, examples: Examples, channel_mean: Sequence[float], device: torch.device
    ) -> "Batches":
        """Move a split to ``device``, where it stays."""
        return cls(
            torch.from_numpy(examples.images).to(device),
            torch.from_numpy(examples.table["label"].to_numpy("int64", copy=True)).to(device),
            torch.tensor(channel_mean, dtype=torch.float32, device=device),
        )

    def __len__(self) -> int:
        return len(self.labels)

    def take(self, rows: Tensor | slice) -> tuple[Tensor, Tensor]:
        """Return the normalised images and the labels of ``rows``."""
        return normalise(self.images[rows], self.channel_mean), self.labels[rows]


@dataclass
class TrainedRun:
    """What training leaves.

    Attributes:
        weights: the last epoch's weights, or the last finite ones of a run that diverged.
        snapshots: the weights after each of the configured epochs that was reached.
        history: one row an epoch, the columns of ``artifacts.history.HISTORY``.
        diverged: (epoch, step), both from 1, at which loss, gradient or weights stopped being
            finite.
    """

    weights: dict[str, Tensor]
    snapshots: dict[int, dict[str, Tensor]] = field(default_factory=dict)
    history: list[dict[str, float]] = field(default_factory=list)
    diverged: tuple[int, int] | None = None


def epoch_order(dataset: str, seed: int, epoch: int, examples: int) -> npt.NDArray[np.int64]:
    """Return the order of examples in ``epoch``: a function of the arguments alone."""
    return generator("order", dataset, seed, epoch).permutation(examples)


def train(
    model: nn.Module,
    train_split: Batches,
    val_split: Batches,
    *,
    dataset: str,
    lr: float,
    rho: float,
    seed: int,
    epochs: int,
    batch_size: int,
    momentum: float,
    weight_decay: float,
    snapshot_epochs: Sequence[int],
    progress: Callable[[Iterable[int]], Iterable[int]] = iter,
    report: Callable[[str], object] = str,
) -> TrainedRun:
    """Train ``model`` in place by SGD (``rho`` = 0) or SAM with a cosine schedule to 0, per step.

    The last, smaller batch of an epoch is kept. Training loss and error are those of the batches as
    they were met; validation loss and error those of the whole split after the epoch.

    Args:
        progress: wraps the epochs, for a progress bar.
        report: takes one line an epoch.
    """
    optimizer = Descent(model.parameters(), lr=lr, momentum=momentum, weight_decay=weight_decay)
    steps = -(-len(train_split) // batch_size)
    run = TrainedRun(weights=_copy(model))
    for epoch in progress(range(1, epochs + 1)):
        model.train()
        order = torch.from_numpy(epoch_order(dataset, seed, epoch, len(train_split)))
        order = order.to(train_split.labels.device)
        loss_sum = wrong = 0.0
        for number, rows in enumerate(torch.split(order, batch_size)):
            optimizer.lr = lr * cosine((epoch - 1) * steps + number, epochs * steps)
            images, labels = train_split.take(rows)
            try:
                forward = partial(_loss_and_logits, model, images, labels)
                loss, logits = step(forward, model, optimizer, rho)
                require_finite(model.state_dict().values())
            except NonFiniteError:
                run.diverged = (epoch, number + 1)
                report(f"epoch {epoch}, step {number + 1}: diverged")
                return run
            _copy_into(run.weights, model)
            loss_sum += loss.item() * len(rows)
            wrong += (logits.argmax(1) != labels).sum().item()
        val_loss, val_error = evaluate(model, val_split)
        if not math.isfinite(val_loss):
            run.diverged = (epoch, steps)
            report(f"epoch {epoch}: diverged on the validation split")
            return run
        row = {
            "epoch": epoch,
            "lr": optimizer.lr,
            "train_loss": loss_sum / len(train_split),
            "train_error": wrong / len(train_split),
            "val_loss": val_loss,
            "val_error": val_error,
        }
        run.history.append(row)
        report(", ".join(f"{name} {value:.6g}" for name, value in row.items()))
        if epoch in snapshot_epochs:
            run.snapshots[epoch] = _copy(model)
    return run


def _loss_and_logits(model: nn.Module, images: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
    logits = model(images)
    return cross_entropy(logits, labels), logits


@torch.no_grad()
def evaluate(model: nn.Module, split: Batches) -> tuple[float, float]:
    """Return the mean cross-entropy and the error of ``model`` on a split, without augmentation."""
    model.eval()
    loss = wrong = 0.0
    for first in range(0, len(split), EVALUATION_BATCH):
        images, labels = split.take(slice(first, first + EVALUATION_BATCH))
        logits = model(images)
        loss += cross_entropy(logits, labels, reduction="sum").item()
        wrong += (logits.argmax(1) != labels).sum().item()
    return loss / len(split), wrong / len(split)


def _copy(model: nn.Module) -> dict[str, Tensor]:
    return {name: tensor.detach().clone() for name, tensor in model.state_dict().items()}


def _copy_into(weights: dict[str, Tensor], model: nn.Module) -> None:
    for name, tensor in model.state_dict().items():
        weights[name].copy_(tensor)
