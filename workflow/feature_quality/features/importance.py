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
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, logsigmoid

from feature_quality.artifacts.embeddings import Embeddings
from feature_quality.artifacts.prepared import Prepared
from feature_quality.features.embedding import embed
from feature_quality.features.margin import margins
from feature_quality.features.probe import LinearProbe, ProbeSet, fit_draw
from feature_quality.seeds import generator
from feature_quality.training.loop import Batches
from feature_quality.training.sam import frozen_statistics, phantom_parameters

Array = npt.NDArray[np.float64]
Labels = npt.NDArray[np.int64]

# Embeddings are large, and their margins are not.
CHUNK = 10_000


def checkpoint_importance(
    model: nn.Sequential,
    prepared: Prepared,
    device: torch.device,
    *,
    seed: int,
    rho: float,
    batch_size: int,
    probe: Mapping[str, Any],
) -> pd.DataFrame:
    """Return one row a training example, the columns of ``RUN_IMPORTANCE`` but for the epoch.

    Args:
        model: a checkpoint.
        seed: of the run; it names the seeds of the batches and of the probes' draw.
        rho: radius of SAM's perturbation, > 0.
        batch_size: of training.
        probe: the settings of ``fit_draw``, with one strength for both features; the first draw is
            taken.
    """
    description, train = prepared.description, prepared.split("train")
    order = generator("importance", description.dataset, seed).permutation(len(train.table))
    batches = torch.split(torch.from_numpy(order).to(device), batch_size)
    weights = importance_weights(model, Batches.of(train, description, device), rho, batches)
    table = train.table[["id", "label", "group"]].assign(
        weight=weights[0], phantom_weight=weights[1]
    )
    embedded = embed(model, train, description, device)
    sample = embed(model, prepared.split("probe_train"), description, device)
    labels = train.table["label"].to_numpy(np.int64)
    for letter in ("a", "b"):
        names = (description.dataset, seed, 0)
        fit = fit_draw(ProbeSet.of(sample, f"feature_{letter}"), names=names, **probe)
        values = partners(labels, train.table[f"feature_{letter}"].to_numpy(np.int64))[labels]
        table[f"contribution_{letter}"] = contributions(fit.probe, embedded, values)
    return table


def importance_weights(
    model: nn.Module, split: Batches, rho: float, batches: Sequence[Tensor]
) -> tuple[Array, Array]:
    """Return λ and λ̃ of every example, each (n,), in the order of the split.

    The batches are normalised as in training, by their own statistics; running statistics and
    parameters are left as they were.

    Args:
        rho: radius of SAM's perturbation, > 0.
        batches: the rows of each batch; the phantom parameter is that of an example's own.
    """
    model.train()
    real, phantom = np.empty(len(split)), np.empty(len(split))
    with frozen_statistics(model):
        for rows in batches:
            images, labels = split.take(rows)
            model.zero_grad()
            logits = model(images)
            torch.autograd.backward(cross_entropy(logits, labels))
            with phantom_parameters(model.parameters(), rho), torch.no_grad():
                phantom_logits = model(images)
            places = rows.cpu().numpy()
            real[places] = _weights(logits.detach(), labels)
            phantom[places] = _weights(phantom_logits, labels)
    return real, phantom


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
    lift = counts / counts.sum(axis=0)
    chosen: Labels = counts.columns.to_numpy()[lift.to_numpy().argmax(axis=1)]
    return chosen


def contributions(probe: LinearProbe, embeddings: Embeddings, values: Labels) -> Array:
    """Return a feature's contribution to each example's margin, (n,): its probe's own margin.

    Args:
        probe: reads the feature from φ.
        values: (n,), the value of the feature that goes with each example's label.
    """
    parts = []
    for first in range(0, len(values), CHUNK):
        rows = slice(first, first + CHUNK)
        logits = torch.from_numpy(probe.logits(embeddings.embedding[rows]))
        labels = torch.from_numpy(np.searchsorted(probe.classes, values[rows]))
        parts.append(margins(logits, labels).numpy())
    return np.concatenate(parts)
