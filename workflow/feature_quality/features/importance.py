"""Which training examples have weight in an image network's gradient (equation 6, Appendix G).

An example's importance weight is λ = σ(−m) = 1 − p(y|x), m being its margin; λ̃ is the same at the
phantom parameter of its batch.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import torch
from torch import Tensor
from torch.nn.functional import cross_entropy, logsigmoid

from feature_quality.artifacts.prepared import Prepared
from feature_quality.features.embedding import embed, embedded_parts
from feature_quality.features.margin import margins
from feature_quality.features.probe import LinearProbe, ProbeSet, fit_draw
from feature_quality.seeds import derive_seed, generator
from feature_quality.training.loop import DeviceSplit, split_batches
from feature_quality.training.models import Network
from feature_quality.training.sam import (
    Perturbation,
    frozen_statistics,
    perturbed_parameters,
    phantom_parameters,
)

Array = npt.NDArray[np.float64]
Labels = npt.NDArray[np.int64]


def checkpoint_importance(
    model: Network,
    prepared: Prepared,
    device: torch.device,
    *,
    seed: int,
    perturbation: Perturbation,
    rho: float,
    batch_size: int,
    probe: Mapping[str, Any],
) -> pd.DataFrame:
    """Return one row per training example, the columns of ``RUN_IMPORTANCE`` but for the epoch.

    Args:
        model: a checkpoint.
        seed: of the run; it names the seeds of the batches and of the probes' draw.
        perturbation, rho: by which parameters λ̃ is taken, and its radius, > 0.
        batch_size: of training.
        probe: the settings of ``fit_draw``, with one strength for both features; the first draw is
            taken.
    """
    description, train = prepared.description, prepared.split("train")
    split = DeviceSplit.of(train, description, device, model.normalisation)
    order = generator("importance", description.dataset, seed).permutation(len(split))
    batches = split_batches(torch.from_numpy(order).to(device), batch_size)
    source = torch.Generator(device)
    source.manual_seed(derive_seed("random direction", description.dataset, seed))
    weights = importance_weights(model, split, perturbation, rho, batches, source)
    sample = embed(model, prepared.split("probe_train"), description, device)
    labels = train.table["label"].to_numpy(np.int64)
    probes, values = [], []
    for column in ("feature_a", "feature_b"):
        names = (description.dataset, seed, 0)
        fit, _ = fit_draw(ProbeSet.of(sample, column), names=names, **probe)
        probes.append(fit.probe)
        values.append(partners(labels, train.table[column].to_numpy(np.int64))[labels])
    contribution_a, contribution_b = contributions(model, split, probes, values)
    return train.table[["id", "label", "group"]].assign(
        contribution_a=contribution_a,
        contribution_b=contribution_b,
        **weights,
    )


def importance_weights(
    model: Network,
    split: DeviceSplit,
    perturbation: Perturbation,
    rho: float,
    batches: Sequence[Tensor],
    source: torch.Generator,
) -> dict[str, Array]:
    """Return λ of every example, each (n,), in the order of the split, at three parameters.

    They are ``weight``, at θ; ``phantom_weight``, at the phantom parameter; and, as a control,
    ``random_weight``, where a normal draw replaces the gradient in the perturbation: at θ + ρu with
    a random u of norm 1 for SAM, and over the same parameters and in the same norm for others.

    The batches are normalised as in training, by their own statistics; running statistics and
    parameters are left as they were.

    Args:
        perturbation, rho: by which parameters λ̃ is taken, and its radius, > 0.
        batches: the rows of each batch; an example's perturbations are those of its own.
        source: draws the random directions, one per batch.
    """
    model.train()
    names = ("weight", "phantom_weight", "random_weight")
    found = {name: np.empty(len(split)) for name in names}
    perturbed = perturbed_parameters(model, perturbation)
    with frozen_statistics(model):
        for rows in batches:
            images, labels = split.take(rows)
            model.zero_grad()
            logits = model(images)
            torch.autograd.backward(cross_entropy(logits, labels))
            at = [logits.detach()]
            with phantom_parameters(perturbed, rho, perturbation.adaptive), torch.no_grad():
                at.append(model(images))
            for parameter in perturbed.values():
                if parameter.grad is not None:
                    # In the order of the indices, which is not always that in memory.
                    normal = torch.randn(parameter.shape, generator=source, device=images.device)
                    parameter.grad.copy_(normal)
            with phantom_parameters(perturbed, rho, perturbation.adaptive), torch.no_grad():
                at.append(model(images))
            for name, each in zip(names, at, strict=True):
                found[name][rows.cpu().numpy()] = _weights(each, labels)
    return found


def _weights(logits: Tensor, labels: Tensor) -> Array:
    # 1 − p would be 0 from m ≈ 17 on.
    log_weights = logsigmoid(-margins(logits.double(), labels))
    weights: Array = torch.exp(log_weights).cpu().numpy()
    return weights


def partners(labels: Labels, values: Labels) -> Labels:
    """Return, for each label, the value of a feature that goes with it, (labels,).

    It is the value that is the most over-represented among the examples of that label, so that the
    feature's evidence for the label can be told from its evidence against it.

    Args:
        labels, values: of the n training examples, from 0.
    """
    counts = pd.crosstab(labels, values)
    share = (counts / counts.sum(axis=0)).to_numpy()
    chosen: Labels = counts.columns.to_numpy()[share.argmax(axis=1)]
    return chosen


def contributions(
    model: Network,
    split: DeviceSplit,
    probes: Sequence[LinearProbe],
    values: Sequence[Labels],
) -> list[Array]:
    """Return each feature's contribution to each example's margin, (n,): its probe's own margin.

    Args:
        probes: one for each feature, reading it from φ.
        values: (n,) for each feature, the value of it that goes with each example's label.
    """
    found: list[list[Array]] = [[] for _ in probes]
    first = 0
    for embedding, _ in embedded_parts(model, split):
        rows = slice(first, first + len(embedding))
        for place, probe in enumerate(probes):
            labels = torch.from_numpy(np.searchsorted(probe.classes, values[place][rows]))
            margin = margins(torch.from_numpy(probe.logits(embedding)), labels)
            found[place].append(margin.numpy())
        first = rows.stop
    return [np.concatenate(parts) for parts in found]
