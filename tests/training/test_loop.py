import copy
import hashlib
import math
import random
import shutil
from dataclasses import dataclass, field, fields, replace

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
from feature_quality.training.augmentation import Crop, draw_windows
from feature_quality.training.loop import (
    EVALUATION_BATCH,
    DeviceSplit,
    TrainingConfig,
    epoch_order,
    epoch_windows,
    evaluate,
    train,
)
from feature_quality.training.models import convolutional_network
from feature_quality.training.trained import TrainedRun

CPU = torch.device("cpu")
DESCRIPTION = Description(
    "tiny", "Tiny", True, ("a", "b"), (("x",) * 3, ("y", "z")), (0.25, 0.5), (0.5, 0.8)
)


def split(examples: int, seed: int = 0) -> DeviceSplit:
    source = np.random.default_rng(seed)
    images = source.integers(0, 256, (examples, 2, 6, 5), dtype=np.uint8)
    labels = source.integers(0, 3, examples).astype(np.int16)
    table = pd.DataFrame({"label": labels, "group": 2 * labels})
    return DeviceSplit.of(Examples(images, table), DESCRIPTION, CPU)


def inputs_of(images: np.ndarray) -> np.ndarray:
    mean, std = (
        np.array(values)[:, None, None]
        for values in (DESCRIPTION.channel_mean, DESCRIPTION.channel_std)
    )
    return (images / 255 - mean) / std


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


def run(model: nn.Module, train_split: DeviceSplit = TRAIN, **changes) -> TrainedRun:
    chosen = SETTINGS | changes
    recipe = TrainingConfig(
        **{each.name: chosen.pop(each.name, each.default) for each in fields(TrainingConfig)}
    )
    return train(model, train_split, VAL, recipe, **chosen)


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
        logits = inputs_of(data.images.numpy()).reshape(len(data), -1) @ weight.T + bias
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
        expected = torch.tensor(inputs_of(pixels.numpy())).float()
        torch.testing.assert_close(met, expected, rtol=0, atol=1e-6)


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


# DeviceSplit and their evaluation


@pytest.mark.parametrize(
    ("group_weights", "weights"),
    [(None, [1 / 3] * 3), ((0.2, 0.0, 0.5, 0.3), [0.3, 0.1, 0.1])],
)
def test_batches_hold_a_split_as_tensors(tmp_path, group_weights, weights):
    images = np.arange(5 * 12, dtype=np.uint8).reshape(5, 3, 2, 2)
    np.save(tmp_path / "images.npy", images)
    examples = pd.DataFrame(
        {
            "split": ["train", "val", "train", "train", "val"],
            "image": np.array([4, 0, 1, 2, 4], dtype=np.int32),
            "label": np.array([2, 0, 1, 1, 1], dtype=np.int16),
            "group": np.array([3, 0, 0, 0, 2], dtype=np.int16),
        }
    )
    description = Description(
        "d",
        "D",
        True,
        ("a", "b"),
        (("x",) * 2, ("y",) * 2),
        (0.1, 0.2, 0.3),
        (0.5, 0.4, 0.25),
        group_weights,
    )
    # As when a prepared dataset is read: torch warns of arrays that cannot be written to.
    stored = np.load(tmp_path / "images.npy", mmap_mode="c")
    prepared = Prepared(description, stored, examples)
    batches = DeviceSplit.of(prepared.split("train"), description, CPU)

    assert len(batches) == 3
    assert batches.images.dtype == torch.uint8
    assert batches.images.tolist() == images[[4, 1, 2]].tolist()
    assert batches.labels.dtype == torch.int64
    assert batches.labels.tolist() == [2, 1, 1]
    assert batches.weights.dtype == torch.float64
    assert batches.weights.tolist() == pytest.approx(weights)
    for rows in (torch.tensor([1]), slice(1, 2)):
        inputs, labels = batches.take(rows)
        assert labels.tolist() == [1]
        mean, std = (np.array(each)[:, None, None] for each in ((0.1, 0.2, 0.3), (0.5, 0.4, 0.25)))
        expected = torch.tensor((images[[1]] / 255 - mean) / std)
        torch.testing.assert_close(inputs, expected.float(), rtol=0, atol=1e-6)


def test_a_window_is_cut_before_the_image_is_normalised():
    images = torch.arange(2 * 1 * 2 * 4, dtype=torch.uint8).reshape(2, 1, 2, 4)
    batches = DeviceSplit(
        images, torch.tensor([0, 1]), torch.ones(2) / 2, torch.tensor([0.5]), torch.tensor([0.25])
    )
    # One pixel, the third of the second row; and the whole image, flipped.
    windows = torch.tensor([[2.0, 1, 1, 1, 0], [0, 0, 4, 2, 1]])
    inputs, labels = batches.take(torch.tensor([0, 1]), windows)
    expected = torch.stack([torch.full((1, 2, 4), 6.0), images[1].float().flip(-1)])
    assert labels.tolist() == [0, 1]
    torch.testing.assert_close(inputs, (expected / 255 - 0.5) / 0.25, rtol=0, atol=1e-5)


def test_evaluation_by_hand_with_the_weights_of_groups():
    """The logits are 0 and the pixel's value: an example of class 0 is wrong where it is above 0.

    Group 0 has errors 1 of 2, group 1 none of 1 and group 3 1 of 1; there is no group 2.
    """
    values = np.array([1.0, 0.0, 0.2, 0.0])
    images = (255 * values).astype(np.uint8).reshape(4, 1, 1, 1)
    table = pd.DataFrame({"label": [0, 0, 0, 1], "group": [0, 0, 1, 3]}).astype(np.int16)
    # Mean and deviation bring the pixels to 1, −1, −0.6 and −1.
    description = Description(
        "d", "D", True, ("a", "b"), (("x",) * 2,) * 2, (0.5,), (0.5,), (0.6, 0.3, 0.0, 0.1)
    )
    layer = nn.Linear(1, 2)
    with torch.no_grad():
        layer.weight.copy_(torch.tensor([[0.0], [1.0]]))
        layer.bias.zero_()
    data = DeviceSplit.of(Examples(images, table), description, CPU)
    loss, error = evaluate(nn.Sequential(nn.Flatten(), layer), data)
    assert error == pytest.approx(0.3 * 1 + 0.3 * 0 + 0.3 * 0 + 0.1 * 1)
    losses = [math.log1p(math.exp(z)) for z in (1, -1, -0.6)] + [math.log1p(math.exp(1))]
    expected = 0.3 * losses[0] + 0.3 * losses[1] + 0.3 * losses[2] + 0.1 * losses[3]
    assert loss == pytest.approx(expected, rel=1e-5)


def test_validation_is_weighted_and_training_is_not():
    weights = torch.linspace(0, 1, len(VAL), dtype=torch.float64)
    weighted = replace(VAL, weights=weights / weights.sum())
    model = linear()
    recipe = TrainingConfig(1, 5, 0.0, 0.0, ())
    arguments = {"dataset": "tiny", "lr": 1e-30, "rho": 0.0, "seed": 4}
    skewed = replace(TRAIN, weights=torch.zeros(len(TRAIN)))
    [row] = train(model, skewed, weighted, recipe, **arguments).history
    [plain] = train(model, TRAIN, VAL, recipe, **arguments).history
    losses = cross_entropy(model(VAL.take(slice(None))[0]), VAL.labels, reduction="none")
    expected = (weights * losses).sum() / weights.sum()
    assert row["val_loss"] == pytest.approx(expected.item(), rel=1e-5)
    assert row["val_loss"] != pytest.approx(plain["val_loss"], rel=1e-3)
    assert [row[name] for name in ("train_loss", "train_error")] == [
        plain[name] for name in ("train_loss", "train_error")
    ]


@pytest.mark.parametrize(
    "examples", [1, EVALUATION_BATCH - 1, EVALUATION_BATCH, EVALUATION_BATCH + 1, 1203]
)
def test_evaluation_is_the_mean_over_the_split(examples):
    data, model = split(examples), linear(3.0)
    weight, bias = (tensor.detach().double().numpy() for tensor in model[1].parameters())
    logits = inputs_of(data.images.numpy()).reshape(examples, -1) @ weight.T + bias
    labels = data.labels.numpy()
    losses = np.log(np.exp(logits).sum(1)) - logits[np.arange(examples), labels]
    wrong = int((logits.argmax(1) != labels).sum())
    loss, error = evaluate(model, data)
    assert loss == pytest.approx(losses.mean(), rel=1e-5)
    assert error == pytest.approx(wrong / examples, rel=1e-12)


def test_evaluation_uses_running_statistics_and_changes_nothing():
    model = network()
    run(model, epochs=1)
    before = state(model)
    model.train()
    loss, _ = evaluate(model, VAL)
    assert_bits(model.state_dict(), before)
    # An example's logits are its own: they do not depend on the rest of the batch.
    alone = [
        replace(VAL, images=VAL.images[[i]], labels=VAL.labels[[i]], weights=torch.ones(1))
        for i in range(len(VAL))
    ]
    assert loss == pytest.approx(np.mean([evaluate(model, one)[0] for one in alone]), rel=1e-5)


def test_evaluation_records_no_graph():
    model = linear()
    graphs: list[bool] = []
    model.register_forward_hook(lambda module, inputs, output: graphs.append(output.requires_grad))
    evaluate(model, VAL)
    assert graphs == [False]


# The recipe

GRID = {"network": "cnn", "lr": [0.1, 0.2], "rho": [0.0], "seeds": 3}
BASE = {
    "epochs": 2,
    "batch_size": 5,
    "momentum": 0.9,
    "weight_decay": 0.01,
    "snapshot_epochs": (1, 2),
}


def test_a_recipe_takes_what_is_its_own_of_the_settings():
    plain = TrainingConfig.of(GRID | BASE)
    assert plain == TrainingConfig(2, 5, 0.9, 0.01, (1, 2))
    assert (plain.crop, plain.update_bn_on_second_pass) == (None, False)
    assert (plain.precision, plain.compiled) == ("float32", False)
    more = {"update_bn_on_second_pass": True, "precision": "bfloat16", "compiled": True}
    crop = {"crop": {"scale": (0.7, 1.0), "ratio": (0.75, 4 / 3)}}
    assert TrainingConfig.of(GRID | BASE | more | crop) == TrainingConfig(
        **BASE, **more, crop=Crop((0.7, 1.0), (0.75, 4 / 3))
    )


def test_a_setting_that_is_missing_is_not_made_up():
    with pytest.raises(TypeError, match="weight_decay"):
        TrainingConfig.of({name: value for name, value in BASE.items() if name != "weight_decay"})


# Augmentation

CROP = Crop(scale=(0.3, 1.0), ratio=(0.75, 4 / 3))


def seen_by(train_split: DeviceSplit = TRAIN, **changes) -> tuple[list[Tensor], list[Tensor]]:
    """Return the inputs of a run's passes in training and in evaluation."""
    model = linear()
    training: list[Tensor] = []
    evaluation: list[Tensor] = []
    model.register_forward_pre_hook(
        lambda module, inputs: (training if module.training else evaluation).append(inputs[0])
    )
    run(model, train_split, crop=CROP, **changes)
    return training, evaluation


def test_both_passes_of_sam_see_the_same_windows():
    training, _ = seen_by(rho=0.1, epochs=1)
    assert len(training) == 10
    for first, second in zip(training[::2], training[1::2], strict=True):
        assert torch.equal(first, second)


def test_each_image_is_met_in_its_own_window_of_the_epoch():
    training, evaluation = seen_by(epochs=2)
    for epoch in (1, 2):
        order = torch.from_numpy(epoch_order("tiny", 4, epoch, 23))
        windows = epoch_windows("tiny", 4, epoch, TRAIN.images, CROP)
        expected = torch.cat(
            [TRAIN.take(slice(i, i + 1), windows[i : i + 1])[0] for i in order.tolist()]
        )
        met = torch.cat(training[5 * epoch - 5 : 5 * epoch])
        torch.testing.assert_close(met, expected, rtol=0, atol=1e-5)
        assert not torch.allclose(met, TRAIN.take(order)[0], atol=0.1)
    whole, _ = VAL.take(slice(None))
    assert len(evaluation) == 2
    assert all(torch.equal(each, whole) for each in evaluation)


def test_the_windows_of_an_epoch_are_a_function_of_dataset_seed_and_epoch():
    """Stored results name their seed: this derivation may not change."""
    windows = epoch_windows("tiny", 4, 2, TRAIN.images, CROP)
    digest = hashlib.sha256(b'["augment", "tiny", 4, 2]').digest()
    rng = np.random.default_rng(int.from_bytes(digest[:8], "big") >> 1)
    assert torch.equal(windows, draw_windows(rng, 23, (6, 5), CROP))
    for other in (("tiny", 4, 1), ("tiny", 5, 2), ("other", 4, 2)):
        assert not torch.equal(epoch_windows(*other, TRAIN.images, CROP), windows)


def test_an_augmented_runs_windows_do_not_depend_on_its_batches():
    small, _ = seen_by(epochs=1, batch_size=1)
    large, _ = seen_by(epochs=1, batch_size=23)
    torch.testing.assert_close(torch.cat(small), torch.cat(large), rtol=0, atol=1e-5)


# Batch norm's statistics


@pytest.mark.parametrize(
    ("rho", "update_bn_on_second_pass", "passes"),
    [(0.0, True, 1), (0.0, False, 1), (0.1, False, 1), (0.1, True, 2)],
)
def test_the_second_pass_counts_only_where_it_is_asked_to(rho, update_bn_on_second_pass, passes):
    result = run(network(), rho=rho, update_bn_on_second_pass=update_bn_on_second_pass)
    assert result.weights["1.num_batches_tracked"] == 15 * passes


# Precision


class Seen(nn.Module):
    """Passes its input on and keeps what it was."""

    def __init__(self) -> None:
        super().__init__()
        self.inputs: list[Tensor] = []

    def forward(self, inputs: Tensor) -> Tensor:
        if self.training:
            self.inputs.append(inputs.detach().clone())
        return inputs


def test_in_bfloat16_the_network_computes_in_it_and_nothing_else_does():
    model = nn.Sequential(*network(), Seen())
    result = run(model, rho=0.1, precision="bfloat16")
    assert {each.dtype for each in model[-1].inputs} == {torch.bfloat16}
    floating = [each for each in result.weights.values() if each.is_floating_point()]
    assert {each.dtype for each in floating} == {torch.float32}
    assert all(parameter.grad.dtype == torch.float32 for parameter in model.parameters())
    full = run(network(), rho=0.1)
    # Near, with eight bits of mantissa, but not the same.
    for row, expected in zip(result.history, full.history, strict=True):
        assert row["train_loss"] != expected["train_loss"]
        assert row["train_loss"] == pytest.approx(expected["train_loss"], rel=0.1)


def test_the_loss_of_bfloat16_logits_is_taken_in_float32():
    model = nn.Sequential(*linear(), Seen())
    [row] = run(model, epochs=1, batch_size=23, lr=1e-30, precision="bfloat16").history
    [logits] = model[-1].inputs
    order = torch.from_numpy(epoch_order("tiny", 4, 1, 23))
    expected = cross_entropy(logits.float(), TRAIN.labels[order]).item()
    assert row["train_loss"] == expected
    assert cross_entropy(logits, TRAIN.labels[order]).item() != expected


def test_in_bfloat16_sams_second_pass_sees_the_perturbed_weights():
    """Autocast keeps its copies of the weights as long as its block lasts."""
    model = nn.Sequential(*linear(), Seen())
    weight, bias = (each.detach().clone() for each in model[1].parameters())
    run(model, rho=5.0, epochs=1, batch_size=23, precision="bfloat16")
    order = torch.from_numpy(epoch_order("tiny", 4, 1, 23))
    images, labels = TRAIN.take(order)
    leaves = [each.clone().requires_grad_() for each in (weight, bias)]
    loss = cross_entropy(torch.nn.functional.linear(images.flatten(1), *leaves), labels)
    gradients = torch.autograd.grad(loss, leaves)
    norm = torch.cat([each.flatten() for each in gradients]).norm()
    for seen, radius in zip(model[-1].inputs, (0.0, 5.0), strict=True):
        moved = [
            each + radius * gradient / norm
            for each, gradient in zip((weight, bias), gradients, strict=True)
        ]
        expected = torch.nn.functional.linear(images.flatten(1), *moved)
        # Logits are up to 20.
        torch.testing.assert_close(seen.float(), expected, rtol=0.03, atol=0.15)
    assert (model[-1].inputs[0] - model[-1].inputs[1]).abs().max() > 1


# The compiler


@pytest.mark.skipif(shutil.which("g++") is None, reason="PyTorch's compiler needs g++")
@pytest.mark.filterwarnings("ignore::DeprecationWarning:torch")
def test_a_compiled_network_trains_as_the_plain_one(tmp_path, monkeypatch):
    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", str(tmp_path))
    monkeypatch.setenv("TORCHINDUCTOR_COMPILE_THREADS", "1")
    # One batch an epoch: each size of batch is translated for itself.
    changes = {"rho": 0.1, "epochs": 2, "batch_size": 23}
    plain, model = run(network(), **changes), network()
    compiled = run(model, compiled=True, **changes)
    # The names are those of the network, not of the compiler's wrapper.
    assert_close(compiled.weights, plain.weights)
    assert_bits(model.state_dict(), compiled.weights)
    for row, expected in zip(compiled.history, plain.history, strict=True):
        assert row == pytest.approx(expected, rel=1e-3)
    assert compiled.weights["1.num_batches_tracked"] == 2
