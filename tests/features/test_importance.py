import copy
import math
from collections.abc import Sequence

import numpy as np
import pandas as pd
import pytest
import torch
from tiny import tiny_network
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, softmax

from feature_quality.artifacts.features import RUN_IMPORTANCE
from feature_quality.artifacts.prepared import SPLITS, Description, Prepared
from feature_quality.features.importance import (
    checkpoint_importance,
    contributions,
    importance_weights,
    partners,
)
from feature_quality.features.probe import LinearProbe
from feature_quality.methods import METHODS, Method
from feature_quality.seeds import derive_seed, generator
from feature_quality.training import loop
from feature_quality.training.loop import DeviceSplit
from feature_quality.training.models import Network

CPU = torch.device("cpu")
CLASSES = 3
RHO = 0.5
SAM, LSAM, ASAM = (METHODS[name] for name in ("sam", "lsam", "asam"))


def split(count: int, seed: int = 0) -> DeviceSplit:
    source = torch.Generator().manual_seed(seed)
    return DeviceSplit(
        torch.randint(256, (count, 2, 5, 5), generator=source, dtype=torch.uint8),
        torch.randint(CLASSES, (count,), generator=source),
        torch.full((count,), 1 / count, dtype=torch.float64),
        torch.tensor([0.4, 0.5]),
        torch.tensor([0.3, 0.2]),
    )


def network(classes: int = CLASSES) -> Network:
    model = tiny_network(classes=classes)
    # Statistics that no batch has.
    model.backbone[1].running_mean.fill_(0.5)
    model.backbone[1].running_var.fill_(3)
    return model


def plain_loop(
    model: Network,
    data: DeviceSplit,
    method: Method,
    rho: float,
    batches: Sequence[Tensor],
    source: torch.Generator,
) -> dict[str, list[float]]:
    """λ = 1 − p(y), and the same of networks whose parameters have moved, in order."""
    names = ("weight", "phantom_weight", "random_weight")
    found: dict[str, dict[int, float]] = {name: {} for name in names}
    for rows in batches:
        images, labels = data.take(rows)
        moved = copy.deepcopy(model).train()
        perturbed = dict((moved.head if method == LSAM else moved).named_parameters())
        parameters = list(perturbed.values())
        original = [parameter.detach().clone() for parameter in parameters]
        at = [moved(images)]
        gradients = torch.autograd.grad(cross_entropy(at[0], labels), parameters)
        draws = [torch.randn(each.shape, generator=source) for each in gradients]
        sizes = [
            parameter.abs() + 0.01 if method == ASAM and "weight" in name else 1.0
            for name, parameter in zip(perturbed, original, strict=True)
        ]
        for directions in (gradients, draws):
            scaled = [size * each for size, each in zip(sizes, directions, strict=True)]
            norm = math.sqrt(sum((each.double() ** 2).sum().item() for each in scaled))
            with torch.no_grad():
                for parameter, start, size, each in zip(
                    parameters, original, sizes, scaled, strict=True
                ):
                    parameter.copy_(start + rho / norm * size * each)
                at.append(moved(images))
        for name, logits in zip(names, at, strict=True):
            for number, row in enumerate(rows.tolist()):
                probability = softmax(logits[number].double(), 0)[labels[number]]
                found[name][row] = 1 - probability.item()
    return {name: [values[row] for row in sorted(values)] for name, values in found.items()}


def source_of(dataset: str = "shapes", seed: int = 0) -> torch.Generator:
    """Return what draws the random directions of a run."""
    return torch.Generator().manual_seed(derive_seed("random direction", dataset, seed))


@pytest.mark.parametrize(
    ("sizes", "method"),
    [([17], SAM), ([5, 5, 5, 2], SAM), ([8, 9], SAM), ([8, 9], LSAM), ([8, 9], ASAM)],
)
def test_weights_are_those_of_a_plain_loop_in_the_order_of_the_split(sizes, method):
    model, data = network(), split(17)
    order = torch.randperm(17, generator=torch.Generator().manual_seed(3))
    batches = torch.split(order, sizes)
    found = importance_weights(model.eval(), data, method, RHO, batches, source_of())
    expected = plain_loop(model, data, method, RHO, batches, source_of())
    assert list(found) == list(expected)
    for name, values in found.items():
        assert values.dtype == np.float64
        assert values == pytest.approx(expected[name], rel=1e-4)
    # The loss has risen, and by the gradient more than by chance.
    assert found["phantom_weight"].mean() > found["weight"].mean()
    assert found["phantom_weight"].mean() > found["random_weight"].mean()


def test_gradients_from_before_do_not_count_and_the_network_is_left_as_it_was():
    data, batches = split(10), torch.arange(10).split(4)
    model = network()
    for parameter in model.parameters():
        parameter.grad = torch.full_like(parameter, 100.0)
    before = copy.deepcopy(model.state_dict())
    found = importance_weights(model, data, SAM, 3.0, batches, source_of())
    assert model.state_dict().keys() == before.keys()
    for name, tensor in model.state_dict().items():
        assert torch.equal(tensor, before[name]), name
    assert model.backbone[1].track_running_stats
    again = importance_weights(network(), data, SAM, 3.0, batches, source_of())
    for name, values in found.items():
        np.testing.assert_array_equal(again[name], values)


def test_weights_of_two_examples_by_hand():
    """The logits are (x, −x), so that the margins are 2 and −2."""
    layer = nn.Linear(1, 2, bias=False)
    with torch.no_grad():
        layer.weight.copy_(torch.tensor([[1.0], [-1.0]]))
    # The pixels 255 and 0 become 1 and −1; both are of class 0.
    data = DeviceSplit(
        torch.tensor([255, 0], dtype=torch.uint8).reshape(2, 1, 1, 1),
        torch.tensor([0, 0]),
        torch.ones(2) / 2,
        torch.tensor([0.5]),
        torch.tensor([0.5]),
    )
    found = importance_weights(
        Network(nn.Flatten(), layer), data, SAM, math.sqrt(2), [torch.tensor([1, 0])], source_of()
    )
    low, high = 1 / (1 + math.exp(2)), 1 / (1 + math.exp(-2))
    assert found["weight"] == pytest.approx([low, high], rel=1e-6)
    # ∂L/∂W ∝ (high − low, low − high): W̃ = (1, −1) + √2 (1, −1) / √2 = (2, −2).
    expected = [1 / (1 + math.exp(4)), 1 / (1 + math.exp(-4))]
    assert found["phantom_weight"] == pytest.approx(expected, rel=1e-5)


def test_tiny_weights_are_not_zero():
    layer = nn.Linear(1, 2)
    with torch.no_grad():
        layer.weight.zero_()
        layer.bias.copy_(torch.tensor([25.0, -25.0]))
    data = DeviceSplit(
        torch.zeros((2, 1, 1, 1), dtype=torch.uint8),
        torch.tensor([0, 1]),
        torch.ones(2) / 2,
        torch.zeros(1),
        torch.ones(1),
    )
    model = Network(nn.Flatten(), layer)
    found = importance_weights(model, data, SAM, 0.01, [torch.tensor([0, 1])], source_of())
    assert found["weight"][0] == pytest.approx(math.exp(-50), rel=1e-9, abs=0)
    assert found["weight"][1] == 1


# Partners


def spread(counts: list[list[int]]) -> tuple[np.ndarray, np.ndarray]:
    """Return labels and values, of which there are ``counts[label][value]``."""
    pairs = [(y, v, n) for y, row in enumerate(counts) for v, n in enumerate(row)]
    labels, values = (
        np.repeat([pair[i] for pair in pairs], [n for *_, n in pairs]) for i in (0, 1)
    )
    order = np.random.default_rng(0).permutation(len(labels))
    return labels[order], values[order]


@pytest.mark.parametrize(
    ("counts", "expected"),
    [
        ([[9, 1], [1, 9]], [0, 1]),
        # Most blonds are women, and so are most others: it is men who are over-represented there.
        ([[71629, 66874], [22880, 1387]], [1, 0]),
        # Most of either label have value 0.
        ([[80, 10], [70, 40]], [0, 1]),
        ([[3498, 184], [56, 1057]], [0, 1]),
        # The label itself.
        ([[5, 0, 0], [0, 7, 0], [0, 0, 2]], [0, 1, 2]),
        ([[1, 8, 1], [1, 1, 8], [8, 1, 1]], [1, 2, 0]),
    ],
)
def test_partners_by_hand(counts, expected):
    assert partners(*spread(counts)).tolist() == expected


# Contributions

PROBE = LinearProbe(np.array([0, 1]), np.array([[0.0, 0], [2, -1]]), np.array([0.0, 0.5]))


def pictured(features: np.ndarray) -> tuple[Network, DeviceSplit]:
    """Return a network and images of which it makes these embeddings, whole numbers below 256."""
    images = torch.from_numpy(features.astype(np.uint8))[:, None, None, :]
    count = len(images)
    weights = torch.full((count,), 1 / count, dtype=torch.float64)
    data = DeviceSplit(
        images, torch.zeros(count), weights, torch.zeros(1), torch.full((1,), 1 / 255)
    )
    return Network(nn.Flatten(), nn.Linear(2, 2)), data


def test_contributions_of_a_binary_probe_are_its_signed_logit():
    model, data = pictured(np.array([[1, 1], [1, 1], [0, 3], [0, 3]]))
    values = np.array([1, 0, 1, 0])
    first, second = contributions(model, data, [PROBE, PROBE], [values, 1 - values])
    assert first.dtype == np.float64
    assert first == pytest.approx([1.5, -1.5, -2.5, 2.5], rel=1e-6)
    assert second.tolist() == (-first).tolist()


def test_contributions_of_several_values_by_hand():
    probe = LinearProbe(
        np.array([0, 2, 5]), np.array([[1.0, 0], [0, 1], [0, 0]]), np.array([0.0, 0, 1])
    )
    e = math.exp
    expected = [1 - math.log(e(2) + e(1)), 2 - math.log(e(1) + e(1)), 1 - math.log(e(1) + e(2))]
    (found,) = contributions(*pictured(np.array([[1, 2]] * 3)), [probe], [np.array([0, 2, 5])])
    assert found == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("part", [1, 4, 5, 10, 11])
def test_contributions_do_not_depend_on_the_parts(part, monkeypatch):
    rng = np.random.default_rng(0)
    embedded = rng.integers(0, 256, (10, 2))
    values = rng.integers(0, 2, 10)
    logit = embedded @ [2, -1] + 0.5
    monkeypatch.setattr(loop, "EVALUATION_BATCH", part)
    (found,) = contributions(*pictured(embedded), [PROBE], [values])
    assert found == pytest.approx(np.where(values == 1, logit, -logit), rel=1e-5)


# A checkpoint

SETTINGS = {
    "seed": 2,
    "perturbation": SAM,
    "rho": RHO,
    # Of 40 examples, the last one alone joins the batch before it.
    "batch_size": 13,
    "probe": {"per_group": 6, "strengths": (1.0,), "tolerance": 1e-6, "max_iterations": 10_000},
}
# Label 1 goes with value 0 of feature B.
SIZES = {"train": (10, 16, 12, 2)} | dict.fromkeys(SPLITS[1:], (8, 8, 8, 8))


def tiny() -> Prepared:
    """Feature A stands in the first channel's brightness and feature B in the second's."""
    rng = np.random.default_rng(5)
    tables = []
    for name, sizes in SIZES.items():
        groups = rng.permutation(np.repeat(np.arange(4), sizes))
        tables.append(pd.DataFrame({"split": name, "group": groups}))
    table = pd.concat(tables, ignore_index=True)
    feature_a, feature_b = table["group"] // 2, table["group"] % 2
    table = table.assign(
        id=[f"example {number}" for number in rng.permutation(len(table))],
        image=rng.permutation(len(table)),
        label=feature_a,
        feature_a=feature_a,
        feature_b=feature_b,
        above=-1,
    )
    images = rng.integers(0, 60, (len(table), 2, 5, 5))
    brightness = np.column_stack([feature_a, feature_b])
    images[table["image"]] += 150 * brightness[:, :, None, None]
    names = (("no", "yes"), ("no", "yes"))
    description = Description("tiny", "T", True, ("a", "b"), names, (0.3, 0.3), (0.2, 0.2))
    return Prepared(description, images.astype(np.uint8), table)


def test_a_checkpoints_rows_are_the_training_examples_in_their_order():
    prepared = tiny()
    model = network(2)
    before = copy.deepcopy(model.state_dict())
    rows = checkpoint_importance(model, prepared, CPU, **SETTINGS)
    assert {"epoch", *rows.columns} == set(RUN_IMPORTANCE.names)
    train = prepared.examples[prepared.examples["split"] == "train"]
    for column in ("id", "label", "group"):
        assert rows[column].tolist() == train[column].tolist()
    assert rows["weight"].between(0, 1, inclusive="neither").all()
    # The checkpoint is left as it was, and gives the same again.
    for name, tensor in model.state_dict().items():
        assert torch.equal(tensor, before[name]), name
    pd.testing.assert_frame_equal(rows, checkpoint_importance(model, prepared, CPU, **SETTINGS))


def test_a_checkpoints_weights_are_those_of_batches_of_its_seed():
    prepared, model = tiny(), network(2)
    rows = checkpoint_importance(model, prepared, CPU, **SETTINGS)
    data = DeviceSplit.of(prepared.split("train"), prepared.description, CPU)
    order = generator("importance", "tiny", 2).permutation(40)
    batches = torch.from_numpy(order).split([13, 13, 14])
    expected = plain_loop(model, data, SAM, RHO, batches, source_of("tiny", 2))
    for name, values in expected.items():
        assert rows[name].tolist() == pytest.approx(values, rel=1e-4)
    other = checkpoint_importance(model, prepared, CPU, **SETTINGS | {"seed": 3})
    assert not np.allclose(other["weight"], rows["weight"], rtol=1e-3)
    # A network's own normalisation is used; batch norm takes it out of the weights again.
    model.normalisation = (0.3, 0.3), (0.1, 0.1)
    other = checkpoint_importance(model, prepared, CPU, **SETTINGS)
    assert not np.allclose(other["contribution_a"], rows["contribution_a"], rtol=1e-2)


def test_contributions_say_how_far_a_feature_speaks_for_the_label():
    """Probes read both features without error, so that the signs are known."""
    rows = checkpoint_importance(network(2), tiny(), CPU, **SETTINGS)
    feature_a, feature_b = rows["group"] // 2, rows["group"] % 2
    assert (feature_a == rows["label"]).all()
    assert (rows["contribution_a"] > 0).all()
    # Label 1 goes with value 0, and so label 0 with value 1.
    assert ((rows["contribution_b"] > 0) == (feature_b != rows["label"])).all()
