import copy
import hashlib
import math
import random
import shutil
from dataclasses import dataclass, field, fields, replace
from itertools import combinations

import numpy as np
import pandas as pd
import pytest
import torch
from pytorch_optimizer import SAM
from pytorch_optimizer.optimizer.utils import disable_running_stats, enable_running_stats
from tiny import MEAN, STD, tiny_network, tiny_split
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from torch.optim.lr_scheduler import LambdaLR
from torch.utils._python_dispatch import TorchDispatchMode

from feature_quality.artifacts.history import HISTORY
from feature_quality.artifacts.prepared import Description, Prepared
from feature_quality.errors import InputError
from feature_quality.methods import METHODS
from feature_quality.training import loop
from feature_quality.training.augmentation import Crop, draw_windows
from feature_quality.training.loop import (
    EVALUATION_BATCH,
    DeviceSplit,
    TrainingConfig,
    epoch_order,
    epoch_windows,
    evaluate,
    split_batches,
    train,
)
from feature_quality.training.models import Network, activation_bytes, build_network
from feature_quality.training.sgd import cosine
from feature_quality.training.trained import TrainedRun

CPU = torch.device("cpu")


def inputs_of(images: np.ndarray) -> np.ndarray:
    mean, std = (np.array(values)[:, None, None] for values in (MEAN, STD))
    return (images / 255 - mean) / std


TRAIN, VAL = tiny_split(23, 1), tiny_split(11, 2)
SETTINGS = {
    "dataset": "tiny",
    "method": "sgd",
    "lr": 0.2,
    "seed": 4,
    "epochs": 3,
    "batch_size": 5,
    "momentum": 0.9,
    "weight_decay": 0.01,
    "snapshot_epochs": (),
}


def linear(scale: float = 1.0, *more: nn.Module) -> Network:
    torch.manual_seed(3)
    model = Network(nn.Sequential(nn.Flatten(), *more), nn.Linear(60, 3))
    with torch.no_grad():
        model.head.weight.mul_(scale)
    return model


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


def run(model: Network, train_split: DeviceSplit = TRAIN, **changes) -> TrainedRun:
    chosen = SETTINGS | changes
    chosen.setdefault("rho", 0.0 if chosen["method"] == "sgd" else 0.1)
    config = TrainingConfig(
        **{each.name: chosen.pop(each.name, each.default) for each in fields(TrainingConfig)}
    )
    perturbation = METHODS[chosen.pop("method")]
    return train(model, train_split, VAL, config, perturbation=perturbation, **chosen)


def logits_in_training(model: Network) -> list[Tensor]:
    """Return a list that takes the logits of each pass in training."""
    seen: list[Tensor] = []

    def keep(head: nn.Module, _: object, output: Tensor) -> None:
        if head.training:
            seen.append(output.detach().clone())

    model.head.register_forward_hook(keep)
    return seen


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


def reference(model: Network, method: str = "sgd", **changes) -> Reference:
    """The same training by ``torch.optim.SGD``, ``LambdaLR`` and pytorch_optimizer's SAM."""
    chosen = SETTINGS | changes
    size, rho = chosen["batch_size"], {"sgd": 0.0, "sam": 0.1}[method]
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
                model.backbone[1].num_batches_tracked -= 1
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


def test_a_run_of_sgd_is_torchs_bit_for_bit():
    model, other = tiny_network(), tiny_network()
    result = run(model, snapshot_epochs=(1, 3, 7))
    expected = reference(other)
    assert_bits(result.weights, other.state_dict())
    assert_bits(model.state_dict(), other.state_dict())
    assert result.diverged is None
    assert [row["epoch"] for row in result.history] == [1, 2, 3]
    for actual, row in zip(result.history, expected.history, strict=True):
        assert list(actual) == HISTORY.names
        assert actual == pytest.approx(row, rel=1e-6)
    # The last step's rate, of the three epochs' five steps each.
    assert result.history[0]["lr"] == pytest.approx(0.1 * (1 + math.cos(math.pi * 4 / 15)))
    # Snapshots are kept at the epochs that are reached, and do not change with the model.
    assert list(run(tiny_network(), snapshot_epochs=(2, 7)).snapshots) == [2]
    assert list(result.snapshots) == [1, 3]
    with torch.no_grad():
        for tensor in model.state_dict().values():
            tensor.zero_()
    assert_bits(result.snapshots[1], expected.epochs[0])
    assert_bits(result.snapshots[3], expected.epochs[2])
    assert_bits(result.snapshots[3], result.weights)


def test_a_run_of_sam_agrees_with_pytorch_optimizer():
    result, expected = run(tiny_network(), method="sam"), reference(tiny_network(), "sam")
    assert_close(result.weights, expected.steps[-1])
    for actual, row in zip(result.history, expected.history, strict=True):
        assert actual == pytest.approx(row, rel=1e-4)


def by_numpy(model: Network, data: DeviceSplit) -> tuple[float, float]:
    """Return loss and error of a linear model."""
    weight, bias = (each.detach().double().numpy() for each in model.head.parameters())
    logits = inputs_of(data.images.numpy()).reshape(len(data), -1) @ weight.T + bias
    labels = data.labels.numpy()
    losses = np.log(np.exp(logits).sum(1)) - logits[np.arange(len(data)), labels]
    return losses.mean(), (logits.argmax(1) != labels).mean()


def test_losses_and_errors_by_numpy():
    """So small a rate changes no bit, and every loss is that of the initial weights."""
    model = linear()
    initial = state(model)
    result = run(model, epochs=1, lr=1e-30)
    assert_bits(result.weights, initial)
    [row] = result.history
    for name, data in (("train", TRAIN), ("val", VAL)):
        loss, error = by_numpy(model, data)
        assert 0 < error < 1
        assert row[f"{name}_loss"] == pytest.approx(loss, rel=1e-5)
        assert row[f"{name}_error"] == pytest.approx(error, rel=1e-12)
    # That of SAM is of the real parameters too.
    [row] = run(model, method="sam", rho=3.0, epochs=1, batch_size=len(TRAIN), lr=1e-30).history
    assert row["train_loss"] == pytest.approx(by_numpy(model, TRAIN)[0], rel=1e-5)


@pytest.mark.parametrize(("method", "passes"), [("sgd", 1), ("sam", 2), ("lsam", 1), ("asam", 2)])
def test_every_example_is_met_once_per_epoch_in_its_order(method, passes):
    model = linear()
    seen: list[Tensor] = []
    model.backbone.register_forward_pre_hook(
        lambda module, inputs: seen.append(inputs[0]) if module.training else None
    )
    run(model, method=method, epochs=2)
    assert [len(images) for images in seen] == 2 * (4 * passes * [5] + passes * [3])
    for position in range(passes):
        met = torch.cat(seen[position::passes])
        orders = [epoch_order("tiny", 4, epoch, 23) for epoch in (1, 2)]
        pixels = TRAIN.images[torch.tensor(np.concatenate(orders))]
        expected = torch.tensor(inputs_of(pixels.numpy())).float()
        torch.testing.assert_close(met, expected, rtol=0, atol=1e-6)


@pytest.mark.parametrize("method", METHODS)
def test_equal_runs_are_equal_bit_for_bit_and_leave_the_global_generators_alone(method):
    first = run(tiny_network(), method=method)
    model = tiny_network()
    torch.manual_seed(77)
    np.random.seed(77)  # noqa: NPY002
    random.seed(77)
    states = torch.get_rng_state(), np.random.get_state(), random.getstate()  # noqa: NPY002
    second = run(model, method=method)
    assert_bits(first.weights, second.weights)
    assert first.history == second.history
    assert torch.equal(torch.get_rng_state(), states[0])
    np.testing.assert_equal(np.random.get_state(), states[1])  # noqa: NPY002
    assert random.getstate() == states[2]


def test_every_method_trains_in_its_own_way():
    weights = {method: run(tiny_network(), method=method).weights for method in METHODS}
    for one, other in combinations(weights.values(), 2):
        assert not torch.allclose(one["head.weight"], other["head.weight"], rtol=1e-3)
    with pytest.raises(KeyError):
        run(tiny_network(), method="adam")


def test_progress_wraps_the_epochs_and_each_is_reported():
    epochs: list[int] = []
    lines: list[str] = []

    def progress(numbers):
        for number in numbers:
            epochs.append(number)
            yield number

    result = run(tiny_network(), progress=progress, report=lines.append)
    assert epochs == [1, 2, 3]
    assert len(lines) == 3
    for line, row in zip(lines, result.history, strict=True):
        assert f"val_error {row['val_error']:.6g}" in line


# Divergence


@pytest.mark.parametrize(
    ("method", "blows"),
    [("sgd", 8), ("sam", 15), ("sam", 16)],
    ids=["SGD", "SAM first", "SAM second"],
)
def test_a_run_that_diverges_keeps_what_was_finite(method, blows):
    """The eighth step is the third of the second epoch."""
    model = tiny_network(Fuse(blows))
    lines: list[str] = []
    result = run(model, method=method, snapshot_epochs=(1, 2), report=lines.append)
    expected = reference(tiny_network(), method)
    assert result.diverged == (2, 3)
    assert_close(result.weights, expected.steps[6])
    assert_bits(model.state_dict(), result.weights)
    first, last = result.history
    assert first == pytest.approx(expected.history[0], rel=1e-4)
    # The rate of the epoch's last step, the tenth of fifteen.
    assert last == {"epoch": 2, "lr": 0.2 * cosine(9, 15)}
    assert list(result.snapshots) == [1]
    assert_close(result.snapshots[1], expected.epochs[0])
    assert "epoch 2, step 3" in lines[-1]


@pytest.mark.parametrize(("batch_size", "step"), [(5, 2), (len(TRAIN), 1)])
@pytest.mark.parametrize("method", METHODS)
def test_an_absurd_learning_rate_diverges(method, batch_size, step):
    """The first step leaves weights near 1e25, and their products overflow.

    With one step per epoch that shows on the validation split.
    """
    model = build_network("cnn", (2, 6, 5), 3)
    initial = state(model)
    result = run(model, method=method, lr=1e25, snapshot_epochs=(1,), batch_size=batch_size)
    assert result.diverged == (1, step)
    # An epoch without numbers says that there was one.
    assert [row.keys() for row in result.history] == [{"epoch", "lr"}]
    assert result.snapshots == {}
    for name, tensor in result.weights.items():
        assert torch.isfinite(tensor).all()
        assert not torch.equal(tensor, initial[name])


def test_divergence_at_the_phantom_alone():
    """The loss at the real parameters is finite, that at a distance of 1e38 is not."""
    model = tiny_network()
    initial = state(model)
    result = run(model, method="sam", rho=1e38)
    assert result.diverged == (1, 1)
    assert_bits(result.weights, initial)
    assert_bits(model.state_dict(), initial)
    assert run(tiny_network(), epochs=1).diverged is None


def test_weights_that_overflow_are_a_divergence_though_the_loss_was_finite():
    model = linear(1e-3, Times(1000.0))
    initial = state(model)
    result = run(model, lr=3e38, epochs=1, batch_size=len(TRAIN))
    assert result.diverged == (1, 1)
    assert_bits(result.weights, initial)


class Waits(TorchDispatchMode):
    """Counts how often a number is taken from a tensor."""

    count = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        self.count += func is torch.ops.aten._local_scalar_dense.default
        return func(*args, **kwargs or {})


@pytest.mark.parametrize("method", METHODS)
def test_the_device_is_waited_for_once_per_epoch(method, monkeypatch):
    """On a GPU, taking a number from a tensor waits for all work that was handed to it."""
    taken: list[int] = []
    to_list = Tensor.tolist
    monkeypatch.setattr(Tensor, "tolist", lambda each: taken.append(len(each)) or to_list(each))
    with Waits() as waits:
        result = run(tiny_network(), method=method)
    assert len(result.history) == 3
    assert (waits.count, taken) == (0, [5, 5, 5])


@pytest.mark.parametrize(
    ("batch_size", "sizes"),
    [(11, [11, 12]), (22, [23]), (2, [2] * 10 + [3]), (7, [7, 7, 7, 2]), (40, [23]), (1, [1] * 23)],
)
def test_a_last_batch_of_one_joins_the_one_before(batch_size, sizes):
    order = torch.randperm(23)
    batches = split_batches(order, batch_size)
    assert [len(each) for each in batches] == sizes
    assert torch.equal(torch.cat(batches), order)


@pytest.mark.parametrize("method", ["sgd", "sam"])
def test_batch_norm_never_meets_a_lone_image(method):
    """Of one value per channel it refuses to normalise; a step fewer is in the schedule, too."""
    flat = nn.BatchNorm1d(36)
    model = tiny_network(flat)
    seen = logits_in_training(model)
    [row] = run(model, method=method, batch_size=11, epochs=1).history
    assert {len(logits) for logits in seen} == {11, 12}
    assert flat.num_batches_tracked == 2
    # Of two steps the second is in the middle of the cosine.
    assert row["lr"] == pytest.approx(SETTINGS["lr"] / 2)


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_a_batch_that_is_too_large_for_the_memory_is_refused(precision, monkeypatch):
    # There are 23 images.
    kept = activation_bytes(tiny_network(), TRAIN.shape, 23) // (
        2 if precision == "bfloat16" else 1
    )
    monkeypatch.setattr(loop, "memory_of", lambda _: kept - 1)
    with pytest.raises(
        InputError, match=r"^a step on a batch of 23 images of [0-9x]+ needs .* GiB"
    ):
        run(tiny_network(), batch_size=64, precision=precision)
    monkeypatch.setattr(loop, "memory_of", lambda _: kept)
    assert len(run(tiny_network(), batch_size=64, precision=precision, epochs=1).history) == 1


@pytest.mark.parametrize(("images", "largest"), [(500, 23), (4.9, 4), (0.5, 1)])
def test_large_images_are_evaluated_in_small_batches(images, largest, monkeypatch):
    model, sizes = tiny_network(), []
    expected = loop.evaluate(model, TRAIN)
    model.register_forward_hook(lambda _, given, logits: sizes.append(len(logits)))
    monkeypatch.setattr(loop, "EVALUATION_VALUES", round(images * math.prod(TRAIN.shape)))
    torch.testing.assert_close(loop.evaluate(model, TRAIN), expected)
    assert (max(sizes), sum(sizes)) == (largest, 23)


# The order of examples


def test_an_epochs_order_is_a_permutation_and_a_function_of_its_arguments():
    for examples in (1, 2, 23, 1000):
        order = epoch_order("tiny", 0, 1, examples)
        assert order.dtype == np.int64
        assert sorted(order.tolist()) == list(range(examples))
    epoch_order("tiny", 0, 2, 1000)
    assert epoch_order("tiny", 0, 1, 1000).tolist() == order.tolist()
    for other in (("tiny", 0, 2), ("tiny", 1, 1), ("tiny", 1, 0), ("other", 0, 1)):
        assert (epoch_order(*other, 1000) != order).mean() > 0.8


# Splits and their evaluation


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
            "above": -1,
            "label": np.array([2, 0, 1, 1, 1], dtype=np.int16),
            "group": np.array([3, 0, 0, 0, 2], dtype=np.int16),
        }
    )
    description = Description(
        dataset="d",
        title="D",
        demonstration=True,
        features=("a", "b"),
        classes=(("x",) * 2, ("y",) * 2),
        channel_mean=(0.1, 0.2, 0.3),
        channel_std=(0.5, 0.4, 0.25),
        group_weights=group_weights,
    )
    # As when a prepared dataset is read: torch warns of arrays that cannot be written to.
    stored = np.load(tmp_path / "images.npy", mmap_mode="c")
    prepared = Prepared(description, stored, examples)
    batches = DeviceSplit.of(prepared.split("train"), description, CPU)
    other = DeviceSplit.of(prepared.split("train"), description, CPU, ((0.0,) * 3, (0.5,) * 3))
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
        # A network may have a normalisation of its own.
        expected = torch.tensor(images[[1]] / 255 / 0.5)
        torch.testing.assert_close(other.take(rows)[0], expected.float(), rtol=0, atol=1e-6)


def test_windows_are_of_the_whole_image_and_else_its_centre_is_seen():
    images = torch.arange(2 * 1 * 2 * 4, dtype=torch.uint8).reshape(2, 1, 2, 4)
    batches = DeviceSplit(
        images, torch.tensor([0, 1]), torch.ones(2) / 2, torch.tensor([0.5]), torch.tensor([0.25])
    )
    centred = replace(batches, view=(2, 2))
    assert (batches.shape, centred.shape) == ((1, 2, 4), (1, 2, 2))
    seen = torch.tensor([[[[9.0, 10], [13, 14]]]])
    torch.testing.assert_close(centred.take(slice(1, 2))[0], (seen / 255 - 0.5) / 0.25)
    # The first row's second half.
    window = torch.tensor([[2.0, 0, 2, 1, 0]])
    seen = torch.tensor([[[[10.0, 11], [10, 11]]]])
    cut = centred.take(slice(1, 2), window)[0]
    torch.testing.assert_close(cut, (seen / 255 - 0.5) / 0.25, rtol=0, atol=1e-5)
    # One pixel, the third of the second row; and the whole image, flipped.
    windows = torch.tensor([[2.0, 1, 1, 1, 0], [0, 0, 4, 2, 1]])
    inputs, labels = batches.take(torch.tensor([0, 1]), windows)
    expected = torch.stack([torch.full((1, 2, 4), 6.0), images[1].float().flip(-1)])
    assert labels.tolist() == [0, 1]
    torch.testing.assert_close(inputs, (expected / 255 - 0.5) / 0.25, rtol=0, atol=1e-5)


def test_validation_is_weighted_and_training_is_not():
    weights = torch.linspace(0, 1, len(VAL), dtype=torch.float64)
    weighted = replace(VAL, weights=weights / weights.sum())
    model = linear()
    config = TrainingConfig(1, 5, 0.0, 0.0, ())
    sgd = METHODS["sgd"]
    arguments = {"dataset": "tiny", "perturbation": sgd, "lr": 1e-30, "rho": 0.0, "seed": 4}
    skewed = replace(TRAIN, weights=torch.zeros(len(TRAIN)))
    [row] = train(model, skewed, weighted, config, **arguments).history
    [plain] = train(model, TRAIN, VAL, config, **arguments).history
    logits = model(VAL.take(slice(None))[0])
    losses = cross_entropy(logits, VAL.labels, reduction="none")
    for name, each in (("val_loss", losses), ("val_error", logits.argmax(1) != VAL.labels)):
        expected = (weights * each).sum() / weights.sum()
        assert row[name] == pytest.approx(expected.item(), rel=1e-5)
        assert row[name] != pytest.approx(plain[name], rel=1e-3)
    for name in ("train_loss", "train_error"):
        assert row[name] == plain[name]


@pytest.mark.parametrize(
    "examples", [1, EVALUATION_BATCH - 1, EVALUATION_BATCH, EVALUATION_BATCH + 1, 1203]
)
def test_evaluation_is_the_mean_over_the_split_and_records_no_graph(examples):
    data, model = tiny_split(examples), linear(3.0)
    graphs: list[bool] = []
    model.register_forward_hook(lambda module, inputs, output: graphs.append(output.requires_grad))
    assert evaluate(model, data) == pytest.approx(by_numpy(model, data), rel=1e-5)
    assert set(graphs) == {False}


def test_evaluation_uses_running_statistics_and_changes_nothing():
    model = tiny_network()
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


# The settings

MORE = {"network": "cnn", "weights": None, "crop": None}
BASE = {
    "epochs": 2,
    "batch_size": 5,
    "momentum": 0.9,
    "weight_decay": 0.01,
    "snapshot_epochs": (1, 2),
}


def test_the_loop_takes_what_is_its_own_of_the_settings():
    plain = TrainingConfig.of(MORE | BASE)
    assert plain == TrainingConfig(2, 5, 0.9, 0.01, (1, 2))
    assert (plain.crop, plain.update_bn_on_second_pass) == (None, False)
    assert (plain.precision, plain.compiled) == ("float32", False)
    more = {"update_bn_on_second_pass": True, "precision": "bfloat16", "compiled": True}
    crop = {"crop": {"scale": (0.7, 1.0), "ratio": (0.75, 4 / 3)}}
    assert TrainingConfig.of(MORE | BASE | more | crop) == TrainingConfig(
        **BASE, **more, crop=Crop((0.7, 1.0), (0.75, 4 / 3))
    )
    # One that is missing is not made up.
    with pytest.raises(TypeError, match="weight_decay"):
        TrainingConfig.of({name: value for name, value in BASE.items() if name != "weight_decay"})


# Augmentation

CROP = Crop(scale=(0.3, 1.0), ratio=(0.75, 4 / 3))


def seen_by(train_split: DeviceSplit = TRAIN, **changes) -> tuple[list[Tensor], list[Tensor]]:
    """Return the inputs of a run's passes in training and in evaluation."""
    model = linear()
    training: list[Tensor] = []
    evaluation: list[Tensor] = []
    model.backbone.register_forward_pre_hook(
        lambda module, inputs: (training if module.training else evaluation).append(inputs[0])
    )
    run(model, train_split, crop=CROP, **changes)
    return training, evaluation


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
    both_passes, _ = seen_by(method="sam", epochs=2)
    for passes in (both_passes[::2], both_passes[1::2]):
        assert all(torch.equal(*pair) for pair in zip(passes, training, strict=True))
    whole, _ = VAL.take(slice(None))
    assert len(evaluation) == 2
    assert all(torch.equal(each, whole) for each in evaluation)


def test_order_and_windows_are_functions_of_dataset_seed_and_epoch():
    """Stored results name their seed: these derivations may not change."""

    def rng(digest_of: bytes) -> np.random.Generator:
        return np.random.default_rng(
            int.from_bytes(hashlib.sha256(digest_of).digest()[:8], "big") >> 1
        )

    expected = rng(b'["order", "cifar_mnist", 2, 7]').permutation(50)
    assert epoch_order("cifar_mnist", 2, 7, 50).tolist() == expected.tolist()
    windows = epoch_windows("tiny", 4, 2, TRAIN.images, CROP)
    expected = draw_windows(rng(b'["augment", "tiny", 4, 2]'), 23, (6, 5), CROP)
    assert torch.equal(windows, expected)
    for other in (("tiny", 4, 1), ("tiny", 5, 2), ("other", 4, 2)):
        assert not torch.equal(epoch_windows(*other, TRAIN.images, CROP), windows)


def test_an_augmented_runs_windows_do_not_depend_on_its_batches():
    small, _ = seen_by(epochs=1, batch_size=1)
    large, _ = seen_by(epochs=1, batch_size=23)
    torch.testing.assert_close(torch.cat(small), torch.cat(large), rtol=0, atol=1e-5)


# Batch norm's statistics


@pytest.mark.parametrize(
    ("method", "asked", "passes"),
    [("sgd", True, 1), ("sam", False, 1), ("sam", True, 2), ("lsam", True, 1), ("asam", True, 2)],
)
def test_the_second_pass_counts_only_where_it_is_asked_to(method, asked, passes):
    result = run(tiny_network(), method=method, update_bn_on_second_pass=asked)
    assert result.weights["backbone.1.num_batches_tracked"] == 15 * passes


# Precision


@pytest.mark.parametrize("method", ["sam", "lsam"])
def test_in_bfloat16_the_network_computes_in_it_and_nothing_else_does(method):
    model = tiny_network()
    seen = logits_in_training(model)
    result = run(model, method=method, precision="bfloat16")
    assert {each.dtype for each in seen} == {torch.bfloat16}
    floating = [each for each in result.weights.values() if each.is_floating_point()]
    assert {each.dtype for each in floating} == {torch.float32}
    assert all(parameter.grad.dtype == torch.float32 for parameter in model.parameters())
    full = run(tiny_network(), method=method)
    # Near, with eight bits of mantissa, but not the same.
    for row, expected in zip(result.history, full.history, strict=True):
        assert row["train_loss"] != expected["train_loss"]
        assert row["train_loss"] == pytest.approx(expected["train_loss"], rel=0.1)


def test_the_loss_of_bfloat16_logits_is_taken_in_float32():
    model = linear()
    seen = logits_in_training(model)
    [row] = run(model, epochs=1, batch_size=23, lr=1e-30, precision="bfloat16").history
    labels = TRAIN.labels[torch.from_numpy(epoch_order("tiny", 4, 1, 23))]
    assert row["train_loss"] == cross_entropy(seen[0].float(), labels).item()
    assert row["train_loss"] != cross_entropy(seen[0], labels).item()


@pytest.mark.parametrize("method", ["sam", "lsam"])
def test_in_bfloat16_the_second_pass_sees_the_perturbed_weights(method):
    """Autocast keeps its copies of the weights as long as its block lasts."""
    model = linear()
    seen = logits_in_training(model)
    weight, bias = (each.detach().clone() for each in model.head.parameters())
    run(model, method=method, rho=5.0, epochs=1, batch_size=23, precision="bfloat16")
    order = torch.from_numpy(epoch_order("tiny", 4, 1, 23))
    images, labels = TRAIN.take(order)
    leaves = [each.clone().requires_grad_() for each in (weight, bias)]
    loss = cross_entropy(torch.nn.functional.linear(images.flatten(1), *leaves), labels)
    gradients = torch.autograd.grad(loss, leaves)
    norm = torch.cat([each.flatten() for each in gradients]).norm()
    for logits, radius in zip(seen, (0.0, 5.0), strict=True):
        moved = [
            each + radius * gradient / norm
            for each, gradient in zip((weight, bias), gradients, strict=True)
        ]
        expected = torch.nn.functional.linear(images.flatten(1), *moved)
        # Logits are up to 20.
        torch.testing.assert_close(logits.float(), expected, rtol=0.03, atol=0.15)
    assert (seen[0] - seen[1]).abs().max() > 1


# The compiler


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("g++") is None, reason="PyTorch's compiler needs g++")
@pytest.mark.filterwarnings("ignore::DeprecationWarning:torch")
def test_a_compiled_network_trains_as_the_plain_one(tmp_path, monkeypatch):
    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", str(tmp_path))
    monkeypatch.setenv("TORCHINDUCTOR_COMPILE_THREADS", "1")
    # One batch an epoch: each size of batch is translated for itself.
    changes = {"method": "sam", "epochs": 2, "batch_size": 23}
    plain, model = run(tiny_network(), **changes), tiny_network()
    compiled = run(model, compiled=True, **changes)
    # The names are those of the network, not of the compiler's wrapper.
    assert_close(compiled.weights, plain.weights)
    assert_bits(model.state_dict(), compiled.weights)
    for row, expected in zip(compiled.history, plain.history, strict=True):
        assert row == pytest.approx(expected, rel=1e-3)
    assert compiled.weights["backbone.1.num_batches_tracked"] == 2
