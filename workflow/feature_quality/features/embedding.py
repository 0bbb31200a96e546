"""What a trained network makes of a split: logits and embeddings."""

import numpy as np
import torch
from torch import nn

from feature_quality.artifacts.embeddings import Embeddings
from feature_quality.artifacts.prepared import Description, Examples
from feature_quality.training.loop import EVALUATION_BATCH, Batches


@torch.no_grad()
def embed(
    model: nn.Sequential, examples: Examples, description: Description, device: torch.device
) -> Embeddings:
    """Compute φ(x), the input of the last layer, and the logits of every example, in eval mode."""
    model.eval()
    representation, head = model[:-1], model[-1]
    split = Batches.of(examples, description, device)
    logits, embedding = [], []
    for first in range(0, len(split), EVALUATION_BATCH):
        images, _ = split.take(slice(first, first + EVALUATION_BATCH))
        features = representation(images)
        embedding.append(features.cpu().numpy())
        logits.append(head(features).cpu().numpy())
    return Embeddings(examples.table, np.concatenate(logits), np.concatenate(embedding))
