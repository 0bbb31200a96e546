import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

from feature_quality.artifacts.prepared import Description, Examples
from feature_quality.features.embedding import embed
from feature_quality.training.loop import EVALUATION_BATCH
from feature_quality.training.models import Network

CPU = torch.device("cpu")
MEAN, STD = (0.2, 0.5, 0.7), (0.5, 0.3, 0.2)
DESCRIPTION = Description("d", "D", True, ("a", "b"), (("x", "y"), ("z", "w")), MEAN, STD)


def network() -> Network:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        norm = nn.BatchNorm1d(8)
        layers = nn.Flatten(), nn.Linear(12, 8), norm, nn.ReLU(), nn.Dropout(0.5)
        model = Network(nn.Sequential(*layers), nn.Linear(8, 3))
        # Statistics that no batch below has: normalising by the batch gives other numbers.
        norm.running_mean.uniform_(-1, 1)
        norm.running_var.uniform_(0.5, 2)
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


def by_hand(model: Network, images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return embedding and logits in eval mode, in NumPy and float64."""
    weights = {name: t.detach().double().numpy() for name, t in model.state_dict().items()}
    mean, std = (np.array(each)[:, None, None] for each in model.normalisation or (MEAN, STD))
    pixels = (images / 255 - mean) / std
    hidden = (
        pixels.reshape(len(images), -1) @ weights["backbone.1.weight"].T
        + weights["backbone.1.bias"]
    )
    hidden = (hidden - weights["backbone.2.running_mean"]) / np.sqrt(
        weights["backbone.2.running_var"] + 1e-5
    )
    hidden = np.maximum(hidden * weights["backbone.2.weight"] + weights["backbone.2.bias"], 0)
    return hidden, hidden @ weights["head.weight"].T + weights["head.bias"]


@pytest.mark.parametrize("normalisation", [None, ((0.1, 0.2, 0.3), (0.4, 0.5, 0.6))])
@pytest.mark.parametrize("count", [1, 7, EVALUATION_BATCH, 2 * EVALUATION_BATCH + 3])
def test_embedding_and_logits_are_those_computed_by_hand_in_order(count, normalisation) -> None:
    model, split = network(), examples(count)
    model.normalisation = normalisation
    embeddings = embed(model.train(), split, DESCRIPTION, CPU)
    expected, logits = by_hand(model, split.images)
    np.testing.assert_allclose(embeddings.embedding, expected, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(embeddings.logits, logits, rtol=1e-4, atol=1e-5)
    assert embeddings.embedding.dtype == embeddings.logits.dtype == np.float32
    pd.testing.assert_frame_equal(embeddings.table, split.table)


def test_a_model_in_training_mode_gives_the_same_twice_and_keeps_its_statistics() -> None:
    model, split = network().train(), examples(40)
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    first = embed(model, split, DESCRIPTION, CPU)
    second = embed(model.train(), split, DESCRIPTION, CPU)
    np.testing.assert_array_equal(first.embedding, second.embedding)
    np.testing.assert_array_equal(first.logits, second.logits)
    for name, tensor in model.state_dict().items():
        assert torch.equal(tensor, before[name]), name
