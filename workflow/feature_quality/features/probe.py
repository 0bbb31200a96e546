"""The feature probing error (equation 1): how well a linear probe reads a feature from φ.

Probes are trained on a small balanced sample and tested on balanced data, so that no feature says
anything of another. docs/method.md has the protocol.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.special import log_softmax
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler

from feature_quality.artifacts.embeddings import Embeddings
from feature_quality.errors import InputError
from feature_quality.features.logistic import logistic_path
from feature_quality.seeds import derive_seed, generator

Array = npt.NDArray[np.float64]
Labels = npt.NDArray[np.int64]

# Over how many splits of a draw into halves C is chosen.
HALF_SPLITS = 5


@dataclass(frozen=True)
class ProbeSet:
    """n examples.

    Attributes:
        embedding: φ(x), float64 (n, features).
        values: the probed feature, int64 (n,).
        groups: the combination of both features, int64 (n,).
    """

    embedding: Array
    values: Labels
    groups: Labels

    @classmethod
    def of(cls, embeddings: Embeddings, column: str, natural: bool = False) -> "ProbeSet":
        """Take the feature in ``column`` (``feature_a`` or ``feature_b``) as the one to predict.

        Args:
            natural: take the examples as they come, all of one group, rather than balance groups.
        """
        groups = embeddings.table["group"].to_numpy(np.int64)
        return cls(
            embeddings.embedding.astype(np.float64),
            embeddings.table[column].to_numpy(np.int64),
            np.zeros_like(groups) if natural else groups,
        )

    def take(self, rows: Labels) -> "ProbeSet":
        """Return the examples of ``rows``."""
        return ProbeSet(self.embedding[rows], self.values[rows], self.groups[rows])


@dataclass(frozen=True)
class LinearProbe:
    """A probe of a feature with K values: logits = weight · φ(x) + bias.

    Attributes:
        classes: the values, int64 (K,).
        weight, bias: float64 (K, features) and (K,).
    """

    classes: Labels
    weight: Array
    bias: Array

    @classmethod
    def of_standardised(
        cls, classes: Labels, weight: Array, bias: Array, scaler: StandardScaler
    ) -> "LinearProbe":
        """Convert a probe of standardised features to one of the embedding itself.

        Args:
            weight, bias: of each of the ``fitted_values``, (values, features) and (values,).
        """
        weight = weight / scaler.scale_
        bias = bias - weight @ scaler.mean_
        if len(classes) == 2:
            weight, bias = np.vstack([np.zeros_like(weight), weight]), np.append(0.0, bias)
        return cls(classes, weight, bias)

    def logits(self, embedding: npt.NDArray[np.floating]) -> Array:
        """Return the logits (n, K) of φ(x), (n, features)."""
        logits: Array = embedding.astype(np.float64) @ self.weight.T + self.bias
        return logits

    def predict(self, embedding: npt.NDArray[np.floating]) -> Labels:
        """Return the most probable value of each example, (n,)."""
        predicted: Labels = self.classes[self.logits(embedding).argmax(axis=1)]
        return predicted


@dataclass(frozen=True)
class Fit:
    """A fitted probe, its strength C, and whether the solver converged."""

    probe: LinearProbe
    C: float
    converged: bool


def fitted_values(classes: Labels) -> Labels:
    """Return the values whose logits are fitted: of two, the second, the first one's being 0."""
    return classes[1:] if len(classes) == 2 else classes


def balanced_error(predictions: Labels, truth: Labels, groups: Labels) -> float:
    """Return the mean over groups of each group's error: every group has the same say."""
    wrong = predictions != truth
    return float(np.mean([wrong[groups == group].mean() for group in np.unique(groups)]))


def draw_rows(
    groups: Labels, per_group: int | None, rng: np.random.Generator, *, halved: bool = True
) -> Labels:
    """Draw ``per_group`` rows of every group without replacement; None: the smallest group's size.

    Args:
        halved: whether what is drawn will be split into halves, both with all groups.

    Raises:
        InputError: a group has fewer rows, or fewer than the two that halves need.
    """
    names, sizes = np.unique(groups, return_counts=True)
    if per_group is None:
        per_group = int(sizes.min())
    if halved and per_group < 2:
        raise InputError(
            f"probes would be trained on {per_group} example of every group (the smallest is group "
            f"{names[sizes.argmin()]} with {sizes.min()}); at least 2 are needed, one for each half"
        )
    if per_group > sizes.min():
        raise InputError(
            f"probe.per_group asks for {per_group} examples of every group, "
            f"but group {names[sizes.argmin()]} has {sizes.min()}"
        )
    return np.concatenate(
        [rng.permutation(np.flatnonzero(groups == group))[:per_group] for group in names]
    )


def strata_of(examples: ProbeSet) -> Labels:
    """Return a number for each group and value, by which to split examples into halves.

    A group has one value, but for a target domain, which is a single group of all.

    Raises:
        InputError: halves cannot both have an example of each.
    """
    values = examples.values.max() + 1
    strata: Labels = examples.groups * values + examples.values
    kinds, sizes = np.unique(strata, return_counts=True)
    if sizes.min() < 2:
        group, value = divmod(kinds[sizes.argmin()], values)
        raise InputError(
            f"probes would be trained on 1 example of value {value} in group {group}; "
            "at least 2 are needed, one for each half"
        )
    return strata


def split_halves(strata: Labels, *names: str | int) -> tuple[Labels, Labels]:
    """Return the rows of two halves with equal shares of all ``strata``; *names* name the seed."""
    first, second = train_test_split(
        np.arange(len(strata)),
        test_size=0.5,
        stratify=strata,
        random_state=derive_seed(*names) % 2**32,
    )
    return first, second


def fit_path(
    train: ProbeSet, strengths: Sequence[float], tolerance: float, max_iterations: int
) -> list[Fit]:
    """Fit a logistic regression with L2 penalty for each C, from the one before it.

    Two values take one logit, more are multinomial, as in scikit-learn. Features are standardised
    by the training set's mean and deviation.
    """
    scaler = StandardScaler().fit(train.embedding)
    classes = np.unique(train.values)
    targets = (train.values == fitted_values(classes)[:, None]).astype(np.float64)
    standard = scaler.transform(train.embedding)
    path = logistic_path(standard, targets, strengths, tolerance, max_iterations)
    return [
        Fit(LinearProbe.of_standardised(classes, weight, bias, scaler), strength, converged)
        for strength, (weight, bias, converged) in zip(strengths, path, strict=True)
    ]


def fit_draw(
    train: ProbeSet,
    *,
    names: tuple[str | int, ...],
    per_group: int | None,
    strengths: Sequence[float],
    tolerance: float,
    max_iterations: int,
) -> tuple[Fit, int]:
    """Train one probe on one draw of the training examples; return it and the draw's size.

    Where there is a choice, C is the one with the lowest balanced error on the held-out half, a
    mean over several splits of the draw into halves; ties go to the lowest mean log-loss there,
    then to the smaller C. The probe is then fitted on the whole draw.

    Args:
        names: name the seed of the draw and of its splits into halves.
        per_group: examples drawn from every group; None for the smallest group's size.
        strengths: the values of C, scikit-learn's inverse strength of the penalty.
    """
    drawn = train.take(draw_rows(train.groups, per_group, generator("probe draw", *names)))
    strengths, converged = sorted(strengths), True
    if len(strengths) > 1:
        strata = strata_of(drawn)
        measured = []
        for split in range(HALF_SPLITS):
            first, second = split_halves(strata, "probe halves", *names, split)
            path = fit_path(drawn.take(first), strengths, tolerance, max_iterations)
            held_out = drawn.take(second)
            measured.append([losses_of(fit.probe, held_out) for fit in path])
            converged &= all(fit.converged for fit in path)
        errors, losses = np.mean(measured, axis=0).T
        # Equal errors may differ by the rounding of their sums.
        strengths = [strengths[np.lexsort((losses, errors.round(12)))[0]]]
    (final,) = fit_path(drawn, strengths, tolerance, max_iterations)
    return replace(final, converged=converged and final.converged), len(drawn.values)


def losses_of(probe: LinearProbe, examples: ProbeSet) -> tuple[float, float]:
    """Return a probe's balanced error and mean log-loss; it must know all the values."""
    error = balanced_error(probe.predict(examples.embedding), examples.values, examples.groups)
    log_p = log_softmax(probe.logits(examples.embedding), axis=1)
    places = np.searchsorted(probe.classes, examples.values)
    return error, -float(np.take_along_axis(log_p, places[:, None], axis=1).mean())


def probe_row(fit: Fit, n_train: int, test: ProbeSet) -> dict[str, Any]:
    """Test a probe of ``n_train`` examples: return a row of ``PROBES``."""
    predictions = fit.probe.predict(test.embedding)
    return {
        "error": balanced_error(predictions, test.values, test.groups),
        "C": fit.C,
        "n_train": n_train,
        "n_test": len(test.values),
        "converged": fit.converged,
        "wrong": np.flatnonzero(predictions != test.values).tolist(),
    }
