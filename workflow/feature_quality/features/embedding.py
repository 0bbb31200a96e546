"""What a trained network makes of a split: logits and embeddings."""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import torch

from feature_quality.artifacts.embeddings import Embeddings
from feature_quality.artifacts.prepared import Description, Examples
from feature_quality.training.loop import DeviceSplit, evaluation_batches
from feature_quality.training.models import Network

Array = npt.NDArray[np.float32]


def embed(
    model: Network, examples: Examples, description: Description, device: torch.device
) -> Embeddings:
    """Compute φ(x), the input of the last layer, and the logits of every example, in eval mode."""
    split = DeviceSplit.of(examples, description, device, model.normalisation)
    parts = list(embedded_parts(model, split))
    embedding, logits = (np.concatenate(each) for each in zip(*parts, strict=True))
    return Embeddings(examples.table, logits, embedding)


@torch.no_grad()
def embedded_parts(model: Network, split: DeviceSplit) -> Iterator[tuple[Array, Array]]:
    """Yield φ(x) and the logits of a split in eval mode, some examples at a time, in order."""
    model.eval()
    for rows in evaluation_batches(split):
        images, _ = split.take(rows)
        features = model.backbone(images)
        yield features.cpu().numpy(), model.head(features).cpu().numpy()
