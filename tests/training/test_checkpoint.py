import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from tiny import tiny_network, tiny_split
from torch import Tensor

from feature_quality.artifacts.weights import write_weights
from feature_quality.methods import METHODS
from feature_quality.training.augmentation import Crop
from feature_quality.training.checkpoint import SHARE, Checkpoint
from feature_quality.training.loop import TrainingConfig, train
from feature_quality.training.trained import TrainedRun

CPU = torch.device("cpu")
EPOCHS = 4
CONFIG = TrainingConfig(
    epochs=EPOCHS,
    batch_size=6,
    momentum=0.9,
    weight_decay=0.01,
    snapshot_epochs=(1, 3, 4),
    crop=Crop((0.3, 1.0), (0.75, 4 / 3)),
)
IDENTITY = {
    "dataset": "tiny",
    "seed": 0,
    "settings": {"momentum": 0.9, "lr": [0.1, 0.2]},
    "code": "abc",
    "examples": "def",
}


class Killed(BaseException):
    """What no ``except Exception`` stops."""


TRAIN, VAL = tiny_split(20, 1), tiny_split(8, 2)


def run(checkpoint: Checkpoint | None = None, **changes: Any) -> TrainedRun:
    arguments = {"dataset": "tiny", "method": "sgd", "lr": 0.1, "seed": 4} | changes
    arguments["rho"] = 0.0 if arguments["method"] == "sgd" else 0.1
    arguments["perturbation"] = METHODS[arguments.pop("method")]
    model = tiny_network()
    result = train(model, TRAIN, VAL, CONFIG, checkpoint=checkpoint, **arguments)
    if result.diverged is None:
        assert_bits(model.state_dict(), result.weights)
    return result


def assert_bits(actual: dict[str, Tensor], expected: dict[str, Tensor]) -> None:
    assert actual.keys() == expected.keys()
    for name, tensor in actual.items():
        assert tensor.dtype == expected[name].dtype, name
        assert torch.equal(tensor, expected[name]), name


def assert_same(actual: TrainedRun, expected: TrainedRun) -> None:
    assert_bits(actual.weights, expected.weights)
    assert actual.snapshots.keys() == expected.snapshots.keys()
    for epoch, weights in actual.snapshots.items():
        assert_bits(weights, expected.snapshots[epoch])
    assert actual.history == expected.history
    assert actual.diverged == expected.diverged


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "run" / "checkpoint.safetensors"


@pytest.fixture
def always(monkeypatch: pytest.MonkeyPatch) -> None:
    """Write after every epoch."""
    monkeypatch.setattr("feature_quality.training.checkpoint.SHARE", 0)


def refuse(sentence: str) -> None:
    raise AssertionError(sentence)


def opened(path: Path, **changes: Any) -> Checkpoint:
    return Checkpoint(path, IDENTITY, **{"warn": refuse} | changes)


def kill_after(epoch: int) -> Callable[[Any], Any]:
    def progress(numbers):
        for number in numbers:
            if number > epoch:
                raise Killed
            yield number

    return progress


def stopped(path: Path, epoch: int, **changes: Any) -> None:
    with pytest.raises(Killed):
        run(opened(path), progress=kill_after(epoch), **changes)


@pytest.mark.usefixtures("always")
@pytest.mark.parametrize(
    ("epoch", "method"), [(1, "sgd"), (2, "sam"), (3, "sgd"), (3, "sam"), (2, "lsam"), (2, "asam")]
)
def test_a_run_that_was_stopped_ends_as_one_that_was_not(path, epoch, method):
    stopped(path, epoch, method=method)
    lines: list[str] = []
    resumed = run(opened(path), method=method, report=lines.append)
    assert lines[0] == f"going on after epoch {epoch}"
    assert len(lines) == 1 + EPOCHS - epoch
    assert_same(resumed, run(method=method))


@pytest.mark.usefixtures("always")
def test_a_run_that_is_stopped_again_and_again_still_ends(path):
    for epoch in (1, 2):
        stopped(path, epoch, method="sam")

    def report(line: str) -> None:
        if line.startswith("epoch 4"):
            raise Killed

    # Within an epoch, which is taken up at its start; and after the last one.
    with pytest.raises(Killed):
        run(opened(path), method="sam", report=report)
    lines: list[str] = []
    assert_same(run(opened(path), method="sam", report=lines.append), run(method="sam"))
    assert lines[0] == "going on after epoch 3"
    lines.clear()
    assert_same(run(opened(path), method="sam", report=lines.append), run(method="sam"))
    assert lines == ["going on after epoch 4"]


@pytest.mark.usefixtures("always")
def test_without_its_momentum_a_run_would_end_elsewhere(path):
    stopped(path, 2)
    checkpoint = opened(path)
    state, momentum = checkpoint.read()
    assert set(momentum) == {0, 1, 2, 3, 4, 5}
    checkpoint.read = lambda: (state, {})
    other = run(checkpoint)
    assert not torch.equal(other.weights["head.weight"], run().weights["head.weight"])


@pytest.mark.usefixtures("always")
def test_a_run_leaves_its_checkpoint_until_its_block_ends(path):
    assert opened(path).read() is None
    with opened(path) as checkpoint:
        # Keeping a state changes nothing.
        assert_same(run(checkpoint, method="sam"), run(method="sam"))
        assert [each.name for each in path.parent.iterdir()] == [path.name]
    assert list(path.parent.iterdir()) == []
    with checkpoint:
        pass


def stop_in(epoch: int, error: type[BaseException]) -> Callable[[str], None]:
    def report(line: str) -> None:
        if line.startswith(f"epoch {epoch},"):
            raise error

    return report


@pytest.mark.parametrize("error", [SystemExit, KeyboardInterrupt])
@pytest.mark.parametrize("method", ["sgd", "sam"])
def test_a_run_that_is_told_to_stop_leaves_its_last_whole_epoch(path, monkeypatch, error, method):
    monkeypatch.setattr("feature_quality.training.checkpoint.SHARE", 1e9)
    with pytest.raises(error), opened(path) as checkpoint:
        run(checkpoint, method=method, report=stop_in(3, error))
    lines: list[str] = []
    resumed = run(opened(path), method=method, report=lines.append)
    # The first epoch alone was written while it went on.
    assert lines[0] == "going on after epoch 2"
    assert_same(resumed, run(method=method))


def test_a_run_that_is_told_to_stop_before_its_first_epoch_leaves_nothing(path):
    with pytest.raises(SystemExit), opened(path) as checkpoint:
        run(checkpoint, report=stop_in(1, SystemExit))
    assert not path.exists()


def test_a_run_that_fails_writes_nothing_more(path, monkeypatch):
    monkeypatch.setattr("feature_quality.training.checkpoint.SHARE", 1e9)
    with pytest.raises(OSError), opened(path) as checkpoint:  # noqa: PT011
        run(checkpoint, report=stop_in(3, OSError))
    state, _ = opened(path).read()
    assert len(state.history) == 1


def test_what_is_read_is_what_was_kept(path):
    source = torch.Generator().manual_seed(0)
    tensors = [
        torch.randn(4, 2, 3, 3, generator=source).to(memory_format=torch.channels_last),
        torch.tensor(7),
        torch.randn(3, generator=source).double(),
        torch.tensor([True, False]),
    ]
    weights = {f"layer/{number}.weight": tensor for number, tensor in enumerate(tensors)}
    snapshots = {10: {"a": 2 * tensors[0]}, 2: {"a": tensors[2] - 1, "b": tensors[1] + 1}}
    history = [{"epoch": 1, "lr": 0.1 + 0.2, "val_loss": 1e-310}, {"epoch": 2, "lr": 1 / 3}]
    momentum = {0: -tensors[2], 11: -tensors[0]}
    opened(path).keep(TrainedRun(weights, snapshots, history), momentum)
    state, read_momentum = opened(path).read()
    assert_same(state, TrainedRun(weights, snapshots, history))
    assert_bits(read_momentum, momentum)
    # A person can read which run it is of.
    with safe_open(path, "pt") as file:
        description = json.loads(file.metadata()["feature_quality"])
    assert (description["identity"], description["history"]) == (IDENTITY, history)
    # There may be neither momentum nor snapshots.
    opened(path).keep(TrainedRun({"w": torch.tensor(5)}, history=history), {})
    state, momentum = opened(path).read()
    assert (momentum, state.snapshots) == ({}, {})
    assert_bits(state.weights, {"w": torch.tensor(5)})


# What is not taken up

OTHER = "{}: belongs to another configuration, code, data or machine; the run starts anew"


@pytest.mark.usefixtures("always")
@pytest.mark.parametrize(
    "change",
    [
        {"settings": {"momentum": 0.8, "lr": [0.1, 0.2]}},
        {"code": "abd"},
        {"examples": "dee"},
        {"seed": 1},
        {"device": "another"},
    ],
    ids=lambda change: next(iter(change)),
)
def test_the_state_of_another_run_is_not_taken_up(path, change):
    stopped(path, 2)
    sentences: list[str] = []
    other = Checkpoint(path, IDENTITY | change, sentences.append)
    lines: list[str] = []
    assert_same(run(other, report=lines.append), run())
    assert sentences == [OTHER.format(path)]
    assert len(lines) == EPOCHS
    # It has taken the other's place.
    assert Checkpoint(path, IDENTITY | change, refuse).read() is not None


def test_an_identity_is_compared_as_json(path):
    first = Checkpoint(path, {"lr": (0.1, 0.2), "by": {1: "a"}}, refuse)
    first.keep(TrainedRun({"w": torch.zeros(1)}), {})
    assert Checkpoint(path, {"by": {"1": "a"}, "lr": [0.1, 0.2]}, refuse).read() is not None


def truncate(path: Path) -> None:
    content = path.read_bytes()
    path.write_bytes(content[: 2 * len(content) // 3])


def truncate_header(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:20])


def empty(path: Path) -> None:
    path.write_bytes(b"")


def flip_last_byte(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)


def replace_by_text(path: Path) -> None:
    path.write_text("epoch,lr\n1,0.1\n")


def replace_by_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def describe_by_list(path: Path) -> None:
    save_file(load_file(path), path, {"feature_quality": "[1]"})


def lack_their_checksum(path: Path) -> None:
    with safe_open(path, "pt") as file:
        description = json.loads(file.metadata()["feature_quality"])
    del description["sha256"]
    save_file(load_file(path), path, {"feature_quality": json.dumps(description)})


def have_another_type(path: Path) -> None:
    with safe_open(path, "pt") as file:
        metadata = file.metadata()
    halves = {name: tensor.bfloat16() for name, tensor in load_file(path).items()}
    save_file(halves, path, metadata)


def drop_description(path: Path) -> None:
    save_file(load_file(path), path)


def swap_tensors(path: Path) -> None:
    with safe_open(path, "pt") as file:
        metadata = file.metadata()
    tensors = load_file(path)
    first, second = "weights/backbone.1.running_mean", "weights/backbone.1.running_var"
    tensors[first], tensors[second] = tensors[second], tensors[first]
    save_file(tensors, path, metadata)


DAMAGED = "The checkpoint is damaged, the run starts anew: "
UNREADABLE = DAMAGED + "{}: cannot be read as safetensors ("
SPOILT: dict[Callable[[Path], None], str] = {
    truncate: UNREADABLE,
    truncate_header: UNREADABLE,
    empty: UNREADABLE,
    replace_by_text: UNREADABLE,
    replace_by_folder: UNREADABLE,
    describe_by_list: DAMAGED + "{}: its description is not a JSON object",
    lack_their_checksum: DAMAGED + "{}",
    have_another_type: DAMAGED + "{}",
    flip_last_byte: DAMAGED + "{}",
    swap_tensors: DAMAGED + "{}",
    drop_description: DAMAGED + "{}: was not written by this workflow (no description)",
}


@pytest.mark.usefixtures("always")
@pytest.mark.parametrize("spoil", SPOILT, ids=lambda spoil: spoil.__name__)
def test_a_damaged_file_is_named_and_the_run_starts_anew(path, spoil):
    stopped(path, 2, method="sam")
    spoil(path)
    sentences: list[str] = []
    lines: list[str] = []
    result = run(opened(path, warn=sentences.append), method="sam", report=lines.append)
    assert_same(result, run(method="sam"))
    [sentence] = sentences
    expected = SPOILT[spoil].format(path)
    assert sentence.startswith(expected)
    if "(" not in expected or expected.endswith(")"):
        assert sentence == expected
    assert len(lines) == EPOCHS


@pytest.mark.parametrize(
    ("old", "new"),
    [(b"0.25", b"0.35"), (b'{\\"history', b'[\\"history'), (b'"F32"', b'"I32"')],
    ids=["digit", "brace", "type"],
)
def test_damage_before_the_tensors_is_found_too(path, old, new):
    opened(path).keep(
        TrainedRun({"w": torch.zeros(2)}, history=[{"epoch": 1, "val_loss": 0.25}]), {}
    )
    content = path.read_bytes()
    assert content.count(old) == 1
    path.write_bytes(content.replace(old, new))
    sentences: list[str] = []
    assert opened(path, warn=sentences.append).read() is None
    [sentence] = sentences
    assert sentence.startswith(f"{DAMAGED}{path}")


def test_other_weights_of_the_workflow_are_not_taken_for_a_checkpoint(path):
    write_weights(path, tiny_network().state_dict(), IDENTITY)
    sentences: list[str] = []
    assert opened(path, warn=sentences.append).read() is None
    assert sentences == [OTHER.format(path)]


# How often it is written


class Clock:
    """A clock on which a write takes two seconds."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 100.0
        self.writes: list[int] = []
        monkeypatch.setattr(time, "monotonic", lambda: self.now)
        monkeypatch.setattr("feature_quality.training.checkpoint.write_weights", self.write)

    def write(self, path: Path, tensors: dict[str, Tensor], description: dict[str, Any]) -> None:
        self.now += 2
        self.writes.append(len(description["history"]))
        write_weights(path, tensors, description)


def test_writing_takes_its_share_of_the_time_and_no_more(path, monkeypatch):
    clock = Clock(monkeypatch)
    checkpoint = opened(path)
    history: list[dict[str, float]] = []
    for epoch in range(1, 13):
        clock.now += 10
        history.append({"epoch": epoch})
        checkpoint.keep(TrainedRun({"w": torch.zeros(1)}, history=history), {})
    # Forty seconds after the end of a write: four epochs of ten.
    assert SHARE == 20
    assert clock.writes == [1, 5, 9]
    state, _ = checkpoint.read()
    assert len(state.history) == 9
    # Slow epochs are all kept.
    for epoch in (13, 14):
        clock.now += 41
        history.append({"epoch": epoch})
        checkpoint.keep(TrainedRun({"w": torch.zeros(1)}, history=history), {})
    assert clock.writes == [1, 5, 9, 13, 14]


def test_a_run_that_goes_on_from_an_old_state_ends_as_it_would_have(path, monkeypatch):
    clock = Clock(monkeypatch)
    stopped(path, 3, method="sam")
    assert clock.writes == [1]
    lines: list[str] = []
    resumed = run(opened(path), method="sam", report=lines.append)
    assert lines[0] == "going on after epoch 1"
    assert_same(resumed, run(method="sam"))


# Divergence


@pytest.mark.usefixtures("always")
@pytest.mark.parametrize("method", ["sgd", "sam"])
def test_a_run_that_diverges_does_so_again_from_its_checkpoint(path, method):
    changes = {"method": method, "lr": 2e3}
    whole = run(**changes)
    assert whole.diverged is not None
    assert whole.diverged[0] > 1
    assert_same(run(opened(path), **changes), whole)
    state, _ = opened(path).read()
    assert state.history == whole.history[:-1]
    assert_same(run(opened(path), **changes), whole)
