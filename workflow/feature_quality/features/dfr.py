"""Probes by the protocol of deep feature reweighting, on validation data (Kirichenko et al. 2022).

Logistic regressions with an L1 penalty, whose strength has the best worst-group accuracy on
held-out examples, on balanced draws; the weights of several draws are averaged into one probe.
"""

import warnings
from typing import Any

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from feature_quality.features.probe import (
    Fit,
    LinearProbe,
    ProbeSet,
    draw_rows,
    fitted_values,
    probe_row,
    split_halves,
    strata_of,
)
from feature_quality.seeds import derive_seed, generator

# As published. Of equally good ones, the earlier is taken.
STRENGTHS = (1.0, 0.7, 0.3, 0.1, 0.07, 0.03, 0.01)


def fit_l1(
    train: ProbeSet, scaler: StandardScaler, strength: float, max_iterations: int, seed: int
) -> Fit:
    """Fit liblinear's logistic regression with L1 penalty on standardised features.

    More than two values are fitted one against the rest, as scikit-learn did when the protocol was
    published. The tolerance is scikit-learn's default, as there.
    """
    classes = np.unique(train.values)
    standard = scaler.transform(train.embedding)
    weights, biases, iterations = [], [], 0
    for value in fitted_values(classes):
        model = LogisticRegression(
            l1_ratio=1.0,
            C=strength,
            solver="liblinear",
            max_iter=max_iterations,
            random_state=seed % 2**32,
        )
        with warnings.catch_warnings():
            # It is reported with the result.
            warnings.simplefilter("ignore", ConvergenceWarning)
            model.fit(standard, train.values == value)
        weights.append(model.coef_[0])
        biases.append(model.intercept_[0])
        iterations = max(iterations, int(model.n_iter_.max()))
    probe = LinearProbe.of_standardised(classes, np.array(weights), np.array(biases), scaler)
    return Fit(probe, strength, iterations < max_iterations)


def worst_group_accuracy(probe: LinearProbe, examples: ProbeSet) -> float:
    """Return the accuracy on the group on which it is lowest."""
    correct = probe.predict(examples.embedding) == examples.values
    return min(float(correct[examples.groups == group].mean()) for group in set(examples.groups))


def dfr_probe(
    train: ProbeSet,
    test: ProbeSet,
    *,
    names: tuple[str | int, ...],
    draws: int,
    per_group: int | None,
    max_iterations: int,
) -> dict[str, Any]:
    """Train a probe by the protocol and test it: a row of ``PROBES``.

    C is chosen on one split of all training examples into halves, of which the first is cut to its
    smallest group. The published code standardises the averaged probes by the network's training
    examples, which are no part of ours: here the probe's training examples do that; and the halves
    are stratified by group and value, so that none lacks one.

    Args:
        names: name the seeds of the draws.
        draws: balanced draws whose weights are averaged.
        per_group: examples of every group in a draw; None for the smallest group's size.
        max_iterations: of liblinear in a fit.
    """
    first, held_out = split_halves(strata_of(train), "dfr halves", *names)
    half = train.take(first)
    rng = generator("dfr half", *names)
    half = half.take(draw_rows(half.groups, None, rng, halved=False))
    scaler = StandardScaler().fit(half.embedding)
    seed = derive_seed("liblinear", *names)
    path = [fit_l1(half, scaler, strength, max_iterations, seed) for strength in STRENGTHS]
    accuracies = [worst_group_accuracy(fit.probe, train.take(held_out)) for fit in path]
    strength = STRENGTHS[int(np.argmax(accuracies))]
    scaler = StandardScaler().fit(train.embedding)
    fits = []
    for draw in range(draws):
        drawn = train.take(draw_rows(train.groups, per_group, generator("dfr draw", *names, draw)))
        seed = derive_seed("liblinear", *names, draw)
        fits.append(fit_l1(drawn, scaler, strength, max_iterations, seed))
    weight = np.mean([fit.probe.weight for fit in fits], axis=0)
    bias = np.mean([fit.probe.bias for fit in fits], axis=0)
    averaged = LinearProbe(fits[0].probe.classes, weight, bias)
    converged = all(fit.converged for fit in (*path, *fits))
    return probe_row(Fit(averaged, strength, converged), len(drawn.values), test)
