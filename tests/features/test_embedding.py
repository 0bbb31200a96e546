import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

from feature_quality.artifacts.prepared import Description, Examples
from feature_quality.features.embedding import embed
from feature_quality.training.loop import EVALUATION_BATCH

CPU = torch.device("cpu")
MEAN, STD = (0.2, 0.5, 0.7), (0.5, 0.3, 0.2)
DESCRIPTION = Description("d", "D", True, ("a", "b"), (("x", "y"), ("z", "w")), MEAN, STD)


def network() -> nn.Sequential:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = nn.Sequential(
            nn.Flatten(),
            nn.Linear(12, 8),
            nn.BatchNorm1d(8),
            nn.ReLU(),
            nn.Dropout(0.5),
            nn.Linear(8, 3),
        )
        # Statistics that no batch below has: normalising by the batch gives other numbers.
        model[2].running_mean.uniform_(-1, 1)
        model[2].running_var.uniform_(0.5, 2)
    return model


def examples(count: int) -> Examples:
    rng = np.random.default_rng(count)
    values = rng.integers(0, 2, size=(2, count), dtype=np.int16)
    table = pd.DataFrame(
        {
            "id": [f"example {number}" for number in rng.permutation(count)],
            "split": "test",
            "image": np.arange(count, dtype=np.int32),
            "label": values[0],
            "feature_a": values[0],
            "feature_b": values[1],
            "group": 2 * values[0] + values[1],
        }
    )
    return Examples(rng.integers(0, 256, size=(count, 3, 2, 2), dtype=np.uint8), table)


def by_hand(model: nn.Sequential, images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return embedding and logits in eval mode, in NumPy and float64."""
    weights = {name: t.detach().double().numpy() for name, t in model.state_dict().items()}
    pixels = (images / 255 - np.array(MEAN)[:, None, None]) / np.array(STD)[:, None, None]
    hidden = pixels.reshape(len(images), -1) @ weights["1.weight"].T + weights["1.bias"]
    hidden = (hidden - weights["2.running_mean"]) / np.sqrt(weights["2.running_var"] + 1e-5)
    hidden = np.maximum(hidden * weights["2.weight"] + weights["2.bias"], 0)
    return hidden, hidden @ weights["5.weight"].T + weights["5.bias"]


@pytest.mark.parametrize("count", [1, 7, EVALUATION_BATCH, 2 * EVALUATION_BATCH + 3])
def test_embedding_and_logits_are_those_computed_by_hand_in_order(count: int) -> None:
    model, split = network(), examples(count)
    embeddings = embed(model.train(), split, DESCRIPTION, CPU)
    expected, logits = by_hand(model, split.images)
    np.testing.assert_allclose(embeddings.embedding, expected, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(embeddings.logits, logits, rtol=1e-4, atol=1e-5)
    assert embeddings.embedding.dtype == embeddings.logits.dtype == np.float32
    pd.testing.assert_frame_equal(embeddings.table, split.table)


def test_they_are_what_the_model_without_and_with_its_last_layer_makes() -> None:
    model, split = network(), examples(EVALUATION_BATCH + 20)
    embeddings = embed(model, split, DESCRIPTION, CPU)
    mean, std = (torch.tensor(each)[:, None, None] for each in (MEAN, STD))
    inputs = (torch.from_numpy(split.images).float() / 255 - mean) / std
    with torch.no_grad():
        model.eval()
        np.testing.assert_allclose(embeddings.embedding, model[:-1](inputs), rtol=1e-4, atol=1e-6)
        np.testing.assert_allclose(embeddings.logits, model(inputs), rtol=1e-4, atol=1e-6)


def test_a_model_in_training_mode_gives_the_same_twice_and_keeps_its_statistics() -> None:
    model, split = network().train(), examples(40)
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    first = embed(model, split, DESCRIPTION, CPU)
    second = embed(model.train(), split, DESCRIPTION, CPU)
    np.testing.assert_array_equal(first.embedding, second.embedding)
    np.testing.assert_array_equal(first.logits, second.logits)
    for name, tensor in model.state_dict().items():
        assert torch.equal(tensor, before[name]), name
