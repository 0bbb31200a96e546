import math

import pytest
import torch
from torch import Tensor

from feature_quality.features.margin import margins


def drawn(count: int, classes: int, seed: int = 0) -> tuple[Tensor, Tensor]:
    source = torch.Generator().manual_seed(seed)
    logits = 3 * torch.randn(count, classes, generator=source, dtype=torch.float64)
    return logits, torch.randint(classes, (count,), generator=source)


@pytest.mark.parametrize("classes", [2, 3, 10])
def test_margins_are_those_computed_class_by_class(classes):
    logits, labels = drawn(20, classes)
    found = margins(logits, labels)
    assert found.shape == (20,)
    for margin, row, label in zip(found.tolist(), logits.tolist(), labels.tolist(), strict=True):
        others = sum(math.exp(z) for k, z in enumerate(row) if k != label)
        assert margin == pytest.approx(row[label] - math.log(others), rel=1e-12)
    # They are the log-odds of the probability.
    p = torch.softmax(logits, dim=1)[torch.arange(20), labels]
    torch.testing.assert_close(torch.sigmoid(found), p)


def test_large_logits_neither_overflow_nor_cancel():
    logits = torch.tensor([[2000.0, 1000.0, -1000.0]]).repeat(3, 1).requires_grad_()
    found = margins(logits, torch.tensor([0, 1, 2]))
    assert found.tolist() == [1000, -1000, -3000]
    gradient = torch.autograd.grad(found.sum(), logits)[0]
    assert gradient.tolist() == [[1, -1, 0], [-1, 1, 0], [-1, 0, 1]]
