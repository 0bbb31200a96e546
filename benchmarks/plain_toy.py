"""The toy as a loop over single runs, as it is usually written: autograd, torch.optim.SGD."""

import torch
from torch import Tensor, nn
from torch.nn.functional import softplus

from feature_quality.seeds import generator
from feature_quality.toy.distribution import Distribution, draw_points
from feature_quality.toy.network import SHAPES, WIDTH, ToyNetwork
from feature_quality.toy.runs import Run


class PlainToy(nn.Module):
    """f(x) = w_e f_e(x_e) + w_h f_h(x_h), from the engine's initial weights."""

    def __init__(self, seed: int) -> None:
        super().__init__()
        self.features = nn.ModuleList(
            nn.Sequential(
                nn.Linear(2, WIDTH),
                nn.ReLU(),
                nn.Linear(WIDTH, WIDTH),
                nn.ReLU(),
                nn.Linear(WIDTH, 1),
            )
            for _ in range(2)
        )
        self.last = nn.Parameter(torch.ones(2))
        initial = ToyNetwork.initial(seed).layers
        for j, feature in enumerate(self.features):
            layers = [layer for layer in feature.children() if isinstance(layer, nn.Linear)]
            for layer, weight, bias in zip(
                layers, list(SHAPES)[::2], list(SHAPES)[1::2], strict=True
            ):
                matrix = torch.from_numpy(initial[weight][j])
                layer.weight.data = (matrix if weight == "third" else matrix.T).contiguous()
                layer.bias.data = torch.from_numpy(initial[bias][j, 0].copy())

    def embed(self, x: Tensor) -> Tensor:
        """Return φ(x), (n, 2), for x (2, n, 2)."""
        return torch.cat([feature(x[j]) for j, feature in enumerate(self.features)], dim=1)

    def forward(self, x: Tensor) -> Tensor:
        """Return f(x), (n,)."""
        return self.embed(x) @ self.last


def train_plainly(run: Run, distribution: Distribution, lr: float) -> PlainToy:
    """Train one run by SGD, or by LSAM with its two evaluations where ``rho`` > 0."""
    model = PlainToy(run.seed)
    optimizer = torch.optim.SGD(model.parameters(), lr=lr)
    points = draw_points(run, distribution, "train")
    x, y = torch.from_numpy(points.x), torch.from_numpy(points.y)
    order = generator("toy", "order", run.seed)
    batches: list[Tensor] = []
    for _ in range(run.steps):
        if not batches:
            permutation = torch.from_numpy(order.permutation(len(y)))
            batches = list(torch.split(permutation, run.batch_size))[::-1]
        batch = batches.pop()
        optimizer.zero_grad()
        torch.autograd.backward(softplus(-y[batch] * model(x[:, batch])).mean())
        if run.rho > 0:
            with torch.no_grad():
                real, gradient = model.last.clone(), model.last.grad
                assert gradient is not None
                model.last.add_(run.rho * gradient / gradient.norm())
            optimizer.zero_grad()
            torch.autograd.backward(softplus(-y[batch] * model(x[:, batch])).mean())
            with torch.no_grad():
                model.last.copy_(real)
        optimizer.step()
    return model
