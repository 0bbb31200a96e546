import copy
import hashlib
import math
import random
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
import pytest
import torch
from pytorch_optimizer import SAM
from pytorch_optimizer.optimizer.utils import disable_running_stats, enable_running_stats
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from torch.optim.lr_scheduler import LambdaLR

from feature_quality.artifacts.history import HISTORY
from feature_quality.artifacts.prepared import Description, Examples, Prepared
from feature_quality.training.loop import (
    EVALUATION_BATCH,
    Batches,
    TrainedRun,
    epoch_order,
    evaluate,
    train,
)
from feature_quality.training.models import convolutional_network

MEAN = (0.25, 0.5)


def split(examples: int, seed: int = 0) -> Batches:
    source = np.random.default_rng(seed)
    images = source.integers(0, 256, (examples, 2, 6, 5), dtype=np.uint8)
    labels = source.integers(0, 3, examples).astype(np.int16)
    return Batches.of(Examples(images, pd.DataFrame({"label": labels})), MEAN, torch.device("cpu"))


TRAIN, VAL = split(23, 1), split(11, 2)
SETTINGS = {
    "dataset": "tiny",
    "lr": 0.2,
    "rho": 0.0,
    "seed": 4,
    "epochs": 3,
    "batch_size": 5,
    "momentum": 0.9,
    "weight_decay": 0.01,
    "snapshot_epochs": (),
}


def network() -> nn.Sequential:
    torch.manual_seed(3)
    model = nn.Sequential(
        nn.Conv2d(2, 4, 3, stride=2, padding=1),
        nn.BatchNorm2d(4),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(36, 3),
    )
    return model.to(memory_format=torch.channels_last)


def linear(scale: float = 1.0) -> nn.Sequential:
    torch.manual_seed(3)
    layer = nn.Linear(60, 3)
    with torch.no_grad():
        layer.weight.mul_(scale)
    return nn.Sequential(nn.Flatten(), layer)


class Times(nn.Module):
    def __init__(self, factor: float) -> None:
        super().__init__()
        self.factor = factor

    def forward(self, inputs: Tensor) -> Tensor:
        return self.factor * inputs


class Fuse(nn.Module):
    """Multiplies by NaN in one training pass, counted from 1, and by nothing in all others."""

    def __init__(self, blows: int) -> None:
        super().__init__()
        self.blows = blows
        self.passes = 0

    def forward(self, inputs: Tensor) -> Tensor:
        self.passes += self.training
        return inputs * math.nan if self.training and self.passes == self.blows else inputs


def run(model: nn.Module, train_split: Batches = TRAIN, **changes) -> TrainedRun:
    return train(model, train_split, VAL, **(SETTINGS | changes))


def state(model: nn.Module) -> dict[str, Tensor]:
    return copy.deepcopy(model.state_dict())


def assert_bits(actual: dict[str, Tensor], expected: dict[str, Tensor]) -> None:
    assert actual.keys() == expected.keys()
    for name, tensor in actual.items():
        assert torch.equal(tensor, expected[name]), name


def assert_close(actual: dict[str, Tensor], expected: dict[str, Tensor]) -> None:
    assert actual.keys() == expected.keys()
    for name, tensor in actual.items():
        torch.testing.assert_close(
            tensor, expected[name], rtol=1e-4, atol=1e-5, msg=lambda text, name=name: name + text
        )


@dataclass
class Reference:
    steps: list[dict[str, Tensor]] = field(default_factory=list)
    epochs: list[dict[str, Tensor]] = field(default_factory=list)
    history: list[dict[str, float]] = field(default_factory=list)


def reference(model: nn.Module, **changes) -> Reference:
    """The same training by ``torch.optim.SGD``, ``LambdaLR`` and pytorch_optimizer's SAM."""
    chosen = SETTINGS | changes
    size, rho = chosen["batch_size"], chosen["rho"]
    options = {name: chosen[name] for name in ("lr", "momentum", "weight_decay")}
    if rho:
        sam = SAM(model.parameters(), torch.optim.SGD, rho=rho, perturb_eps=0.0, **options)
        sgd = sam.base_optimizer
    else:
        sgd = torch.optim.SGD(model.parameters(), **options)
    total = chosen["epochs"] * math.ceil(len(TRAIN) / size)
    schedule = LambdaLR(sgd, lambda step: (1 + math.cos(math.pi * step / total)) / 2)
    result = Reference()
    for epoch in range(1, chosen["epochs"] + 1):
        order = epoch_order(chosen["dataset"], chosen["seed"], epoch, len(TRAIN))
        loss_sum, wrong = 0.0, 0
        for first in range(0, len(TRAIN), size):
            images, labels = TRAIN.take(torch.tensor(order[first : first + size]))
            model.train()

            def closure(images: Tensor = images, labels: Tensor = labels) -> tuple[Tensor, Tensor]:
                sgd.zero_grad()
                logits = model(images)
                loss = cross_entropy(logits, labels)
                torch.autograd.backward(loss)
                return loss, logits

            loss, logits = closure()
            if rho:
                sam.first_step(zero_grad=True)
                disable_running_stats(model)
                closure()
                enable_running_stats(model)
                # That sets batch norm's momentum to 0: the batch is counted all the same.
                model[1].num_batches_tracked -= 1
                sam.second_step()
            else:
                sgd.step()
            lr = schedule.get_last_lr()[0]
            schedule.step()
            loss_sum += loss.item() * len(labels)
            wrong += (logits.argmax(1) != labels).sum().item()
            result.steps.append(state(model))
        model.eval()
        with torch.no_grad():
            images, labels = VAL.take(slice(None))
            logits = model(images)
        result.epochs.append(state(model))
        result.history.append(
            {
                "epoch": epoch,
                "lr": lr,
                "train_loss": loss_sum / len(TRAIN),
                "train_error": wrong / len(TRAIN),
                "val_loss": cross_entropy(logits, labels).item(),
                "val_error": (logits.argmax(1) != labels).sum().item() / len(VAL),
            }
        )
    return result


# Whole runs


def test_without_rho_a_run_is_torchs_sgd_bit_for_bit():
    model, other = network(), network()
    result = run(model)
    reference(other)
    assert_bits(result.weights, other.state_dict())
    assert_bits(model.state_dict(), other.state_dict())
    assert result.diverged is None


def test_a_run_of_sam_agrees_with_pytorch_optimizer():
    result, expected = run(network(), rho=0.1), reference(network(), rho=0.1)
    assert_close(result.weights, expected.steps[-1])
    for actual, row in zip(result.history, expected.history, strict=True):
        assert actual == pytest.approx(row, rel=1e-4)


def test_history_is_that_of_an_independent_loop():
    result, expected = run(network()), reference(network())
    assert [row["epoch"] for row in result.history] == [1, 2, 3]
    for actual, row in zip(result.history, expected.history, strict=True):
        assert list(actual) == HISTORY.names
        assert actual == pytest.approx(row, rel=1e-6)
    # The last step's rate, of the three epochs' five steps each.
    assert result.history[0]["lr"] == pytest.approx(0.1 * (1 + math.cos(math.pi * 4 / 15)))


def test_losses_and_errors_by_numpy():
    """So small a rate changes no bit, and every loss is that of the initial weights."""
    model = linear()
    initial = state(model)
    weight, bias = (initial[name].double().numpy() for name in ("1.weight", "1.bias"))
    result = run(model, epochs=1, lr=1e-30)
    assert_bits(result.weights, initial)
    [row] = result.history
    for name, data in (("train", TRAIN), ("val", VAL)):
        pixels = data.images.numpy() / 255 - np.array(MEAN)[:, None, None]
        logits = pixels.reshape(len(data), -1) @ weight.T + bias
        labels = data.labels.numpy()
        chosen = logits[np.arange(len(data)), labels]
        loss = (np.log(np.exp(logits).sum(1)) - chosen).mean()
        error = (logits.argmax(1) != labels).mean()
        assert 0 < error < 1
        assert row[f"{name}_loss"] == pytest.approx(loss, rel=1e-5)
        assert row[f"{name}_error"] == pytest.approx(error, rel=1e-12)


def test_sam_reports_the_loss_at_the_real_parameters():
    model = linear()
    images, labels = TRAIN.take(slice(None))
    expected = cross_entropy(model(images), labels).item()
    [row] = run(model, rho=3.0, epochs=1, batch_size=len(TRAIN)).history
    assert row["train_loss"] == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize(("rho", "passes"), [(0.0, 1), (0.1, 2)])
def test_every_example_is_met_once_an_epoch_in_its_order(rho, passes):
    model = linear()
    seen: list[Tensor] = []
    model.register_forward_pre_hook(
        lambda module, inputs: seen.append(inputs[0]) if module.training else None
    )
    run(model, rho=rho, epochs=2)
    assert [len(images) for images in seen] == 2 * (4 * passes * [5] + passes * [3])
    for position in range(passes):
        met = torch.cat(seen[position::passes])
        orders = [epoch_order("tiny", 4, epoch, 23) for epoch in (1, 2)]
        pixels = TRAIN.images[torch.tensor(np.concatenate(orders))]
        expected = pixels.float() / 255 - torch.tensor(MEAN)[:, None, None]
        torch.testing.assert_close(met, expected, rtol=0, atol=1e-7)


@pytest.mark.parametrize("rho", [0.0, 0.1])
def test_equal_runs_are_equal_bit_for_bit_whatever_was_drawn_before(rho):
    first = run(network(), rho=rho)
    model = network()
    torch.manual_seed(77)
    np.random.seed(77)  # noqa: NPY002
    random.seed(77)
    second = run(model, rho=rho)
    assert_bits(first.weights, second.weights)
    assert first.history == second.history


def test_training_leaves_the_global_generators_alone():
    model = network()
    states = torch.get_rng_state(), np.random.get_state(), random.getstate()  # noqa: NPY002
    run(model, rho=0.1)
    assert torch.equal(torch.get_rng_state(), states[0])
    np.testing.assert_equal(np.random.get_state(), states[1])  # noqa: NPY002
    assert random.getstate() == states[2]


@pytest.mark.parametrize("change", [{"seed": 5}, {"dataset": "other"}])
def test_the_order_comes_from_seed_and_dataset(change):
    changed = run(network(), **change).weights
    assert not torch.equal(changed["4.weight"], run(network()).weights["4.weight"])


def test_snapshots_are_kept_at_the_epochs_that_are_reached():
    result, expected = run(network(), snapshot_epochs=(1, 3, 7)), reference(network())
    assert list(result.snapshots) == [1, 3]
    assert_bits(result.snapshots[1], expected.epochs[0])
    assert_bits(result.snapshots[3], expected.epochs[2])
    assert_bits(result.snapshots[3], result.weights)
    assert list(run(network(), snapshot_epochs=(2, 7)).snapshots) == [2]


def test_what_a_run_kept_does_not_change_with_the_model():
    model = network()
    result = run(model, snapshot_epochs=(3,))
    kept = copy.deepcopy(result.weights)
    with torch.no_grad():
        for tensor in model.state_dict().values():
            tensor.zero_()
    assert_bits(result.weights, kept)
    assert_bits(result.snapshots[3], kept)


def test_progress_wraps_the_epochs_and_each_is_reported():
    epochs: list[int] = []
    lines: list[str] = []

    def progress(numbers):
        for number in numbers:
            epochs.append(number)
            yield number

    result = run(network(), progress=progress, report=lines.append)
    assert epochs == [1, 2, 3]
    assert len(lines) == 3
    for line, row in zip(lines, result.history, strict=True):
        assert f"val_error {row['val_error']:.6g}" in line


# Divergence


@pytest.mark.parametrize(
    ("rho", "blows"), [(0.0, 8), (0.1, 15), (0.1, 16)], ids=["SGD", "SAM first", "SAM second"]
)
def test_a_run_that_diverges_keeps_what_was_finite(rho, blows):
    """The eighth step is the third of the second epoch."""
    model, other = nn.Sequential(*network(), Fuse(blows)), network()
    lines: list[str] = []
    result = run(model, rho=rho, snapshot_epochs=(1, 2), report=lines.append)
    expected = reference(other, rho=rho)
    assert result.diverged == (2, 3)
    assert_close(result.weights, expected.steps[6])
    assert [row["epoch"] for row in result.history] == [1]
    assert result.history[0] == pytest.approx(expected.history[0], rel=1e-4)
    assert list(result.snapshots) == [1]
    assert_close(result.snapshots[1], expected.epochs[0])
    assert "epoch 2, step 3" in lines[-1]
    assert model[-1].passes == blows


@pytest.mark.parametrize("rho", [0.0, 0.1])
def test_an_absurd_learning_rate_diverges(rho):
    model = convolutional_network((2, 6, 5), 3)
    initial = state(model)
    # The first step leaves weights near 1e25, and their products overflow in the second.
    result = run(model, rho=rho, lr=1e25, snapshot_epochs=(1,))
    assert result.diverged == (1, 2)
    assert result.history == []
    assert result.snapshots == {}
    for name, tensor in result.weights.items():
        assert torch.isfinite(tensor).all()
        assert not torch.equal(tensor, initial[name])


def test_divergence_at_the_phantom_alone():
    """The loss at the real parameters is finite, that at a distance of 1e38 is not."""
    model = network()
    initial = state(model)
    result = run(model, rho=1e38)
    assert result.diverged == (1, 1)
    assert_bits(result.weights, initial)
    assert result.history == []
    for name, parameter in model.named_parameters():
        assert torch.equal(parameter, initial[name])
    assert run(network(), rho=0.0, epochs=1).diverged is None


def test_weights_that_overflow_are_a_divergence_though_the_loss_was_finite():
    model = nn.Sequential(Times(1000.0), *linear(1e-3))
    initial = state(model)
    result = run(model, lr=3e38, epochs=1, batch_size=len(TRAIN))
    assert not torch.isfinite(model[2].weight).all()
    assert result.diverged == (1, 1)
    assert_bits(result.weights, initial)
    assert result.history == []


@pytest.mark.parametrize("rho", [0.0, 0.1])
def test_a_validation_loss_that_is_not_finite_is_a_divergence(rho):
    """With one step an epoch no training pass comes before it; the weights are finite."""
    model = convolutional_network((2, 6, 5), 3)
    initial = state(model)
    result = run(model, rho=rho, lr=1e25, epochs=1, batch_size=len(TRAIN), snapshot_epochs=(1,))
    assert result.diverged == (1, 1)
    assert result.history == []
    assert result.snapshots == {}
    for name, tensor in result.weights.items():
        assert torch.isfinite(tensor).all()
        assert not torch.equal(tensor, initial[name])


# The order of examples


@pytest.mark.parametrize("examples", [1, 2, 23, 1000])
def test_an_epochs_order_is_a_permutation(examples):
    order = epoch_order("tiny", 0, 1, examples)
    assert order.dtype == np.int64
    assert sorted(order.tolist()) == list(range(examples))


def test_the_order_is_a_function_of_its_arguments():
    order = epoch_order("tiny", 0, 1, 100)
    np.random.seed(5)  # noqa: NPY002
    random.seed(5)
    torch.manual_seed(5)
    epoch_order("tiny", 0, 2, 100)
    assert epoch_order("tiny", 0, 1, 100).tolist() == order.tolist()
    for other in (("tiny", 0, 2), ("tiny", 1, 1), ("tiny", 1, 0), ("other", 0, 1)):
        assert (epoch_order(*other, 100) != order).mean() > 0.8


def test_the_order_is_the_same_in_every_process():
    """Stored results name their seed: this derivation may not change."""
    digest = hashlib.sha256(b'["order", "cifar_mnist", 2, 7]').digest()
    seed = int.from_bytes(digest[:8], "big") >> 1
    expected = np.random.default_rng(seed).permutation(50)
    assert epoch_order("cifar_mnist", 2, 7, 50).tolist() == expected.tolist()


# Batches and their evaluation


def test_batches_hold_a_split_as_tensors(tmp_path):
    images = np.arange(5 * 12, dtype=np.uint8).reshape(5, 3, 2, 2)
    np.save(tmp_path / "images.npy", images)
    examples = pd.DataFrame(
        {
            "split": ["train", "val", "train", "val"],
            "image": np.array([4, 0, 1, 4], dtype=np.int32),
            "label": np.array([2, 0, 1, 1], dtype=np.int16),
        }
    )
    description = Description("d", "D", True, ("a", "b"), (("x",) * 3, ("y",)), (0.1, 0.2, 0.3))
    # As when a prepared dataset is read: torch warns of arrays that cannot be written to.
    stored = np.load(tmp_path / "images.npy", mmap_mode="r")
    prepared = Prepared(description, stored, examples)
    batches = Batches.of(prepared.split("train"), description.channel_mean, torch.device("cpu"))

    assert len(batches) == 2
    assert batches.images.dtype == torch.uint8
    assert batches.images.tolist() == images[[4, 1]].tolist()
    assert batches.labels.dtype == torch.int64
    assert batches.labels.tolist() == [2, 1]
    for rows in (torch.tensor([1]), slice(1, 2)):
        inputs, labels = batches.take(rows)
        assert labels.tolist() == [1]
        expected = torch.tensor(images[[1]] / 255 - np.array([0.1, 0.2, 0.3])[:, None, None])
        torch.testing.assert_close(inputs, expected.float(), rtol=0, atol=1e-7)


@pytest.mark.parametrize(
    "examples", [1, EVALUATION_BATCH - 1, EVALUATION_BATCH, EVALUATION_BATCH + 1, 1203]
)
def test_evaluation_is_the_mean_over_the_split(examples):
    data, model = split(examples), linear(3.0)
    weight, bias = (tensor.detach().double().numpy() for tensor in model[1].parameters())
    pixels = data.images.numpy() / 255 - np.array(MEAN)[:, None, None]
    logits = pixels.reshape(examples, -1) @ weight.T + bias
    labels = data.labels.numpy()
    losses = np.log(np.exp(logits).sum(1)) - logits[np.arange(examples), labels]
    wrong = int((logits.argmax(1) != labels).sum())
    loss, error = evaluate(model, data)
    assert loss == pytest.approx(losses.mean(), rel=1e-5)
    assert error == wrong / examples


def test_evaluation_uses_running_statistics_and_changes_nothing():
    model = network()
    run(model, epochs=1)
    before = state(model)
    model.train()
    loss, _ = evaluate(model, VAL)
    assert_bits(model.state_dict(), before)
    # An example's logits are its own: they do not depend on the rest of the batch.
    alone = [Batches(VAL.images[[i]], VAL.labels[[i]], VAL.channel_mean) for i in range(len(VAL))]
    assert loss == pytest.approx(np.mean([evaluate(model, one)[0] for one in alone]), rel=1e-5)


def test_evaluation_records_no_graph():
    model = linear()
    graphs: list[bool] = []
    model.register_forward_hook(lambda module, inputs, output: graphs.append(output.requires_grad))
    evaluate(model, VAL)
    assert graphs == [False]
