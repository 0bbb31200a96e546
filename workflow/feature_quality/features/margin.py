"""The margin of a classification (equation 6)."""

import torch
from torch import Tensor


def margins(logits: Tensor, labels: Tensor) -> Tensor:
    """Return m = z_y − log Σ_{k≠y} exp z_k, (n,), of logits (n, classes) and labels (n,)."""
    chosen = logits.gather(1, labels[:, None])[:, 0]
    others = logits.scatter(1, labels[:, None], -torch.inf)
    return chosen - torch.logsumexp(others, dim=1)
