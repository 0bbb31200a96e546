from typing import Any

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.multiclass import OneVsRestClassifier
from sklearn.preprocessing import StandardScaler

from feature_quality.errors import InputError
from feature_quality.features import dfr
from feature_quality.features.dfr import STRENGTHS, dfr_probe, fit_l1, worst_group_accuracy
from feature_quality.features.probe import Fit, LinearProbe, ProbeSet
from feature_quality.seeds import derive_seed

SETTINGS: dict[str, Any] = {"names": ("a dataset", 0), "per_group": None, "max_iterations": 1000}


def examples(sizes: list[int], gap: float, seed: int, classes: int = 2) -> ProbeSet:
    """Return groups of these sizes, classes² of them; one direction a value, ``gap`` apart."""
    groups = np.repeat(np.arange(classes**2), sizes)
    values = groups // classes
    embedding = np.random.default_rng(seed).normal(size=(len(groups), 12))
    embedding[np.arange(len(groups)), values] += gap
    return ProbeSet(embedding * 3 + 1, values, groups)


def published(
    fits: list[ProbeSet], scaler: StandardScaler, strength: float, seeds: list[int]
) -> Any:
    """Return the classifier whose weights are the means of those of several fits."""
    models = [
        LogisticRegression(
            l1_ratio=1, solver="liblinear", C=strength, random_state=seed % 2**32
        ).fit(scaler.transform(each.embedding), each.values)
        for each, seed in zip(fits, seeds, strict=True)
    ]
    mean = models[0]
    mean.coef_ = np.mean([model.coef_ for model in models], axis=0)
    mean.intercept_ = np.mean([model.intercept_ for model in models], axis=0)
    return mean


def test_the_mean_probe_is_that_of_scikit_learn(monkeypatch: pytest.MonkeyPatch) -> None:
    train, test = examples([30, 9, 14, 25], 0.8, 1), examples([40, 40, 40, 40], 0.8, 2)
    fitted: list[tuple[ProbeSet, float]] = []

    def recorded(drawn: ProbeSet, *rest: Any) -> Fit:
        fitted.append((drawn, rest[1]))
        return fit_l1(drawn, *rest)

    monkeypatch.setattr(dfr, "fit_l1", recorded)
    row = dfr_probe(train, test, draws=3, **SETTINGS)
    # One half of all examples, and draws of all of them, each cut to its smallest group.
    path, final = fitted[:-3], fitted[-3:]
    assert [C for _, C in path] == list(STRENGTHS)
    assert all(np.bincount(drawn.groups).tolist() == [9] * 4 for drawn, _ in final)
    assert np.ptp(np.bincount(path[0][0].groups)) == 0
    assert len({drawn.embedding.tobytes() for drawn, _ in final}) == 3
    scaler = StandardScaler().fit(train.embedding)
    seeds = [derive_seed("liblinear", "a dataset", 0, draw) for draw in range(3)]
    mean = published([drawn for drawn, _ in final], scaler, row["C"], seeds)
    wrong = mean.predict(scaler.transform(test.embedding)) != test.values
    assert row["wrong"] == np.flatnonzero(wrong).tolist()
    # Groups of one size: the balanced error is the plain one.
    assert row["error"] == pytest.approx(wrong.mean())
    assert 0.1 < row["error"] < 0.5
    assert (row["n_train"], row["n_test"], row["converged"]) == (36, 160, True)


def test_several_values_are_fitted_one_against_the_rest() -> None:
    train, test = examples([12] * 9, 1.5, 3, classes=3), examples([20] * 9, 1.5, 4, classes=3)
    scaler = StandardScaler().fit(train.embedding)
    fit = fit_l1(train, scaler, 0.3, 1000, seed=5)
    base = LogisticRegression(l1_ratio=1, solver="liblinear", C=0.3, random_state=5)
    reference = OneVsRestClassifier(base).fit(scaler.transform(train.embedding), train.values)
    logits = reference.decision_function(scaler.transform(test.embedding))
    np.testing.assert_allclose(fit.probe.logits(test.embedding), logits, atol=1e-6)


def test_the_penalty_drops_features_that_say_nothing() -> None:
    train = examples([100] * 4, 2.0, 5)
    scaler = StandardScaler().fit(train.embedding)
    weight = fit_l1(train, scaler, 0.03, 1000, seed=0).probe.weight[1]
    assert (weight[0] < 0 < weight[1], np.count_nonzero(weight[2:])) == (True, 0)


def test_of_equally_good_strengths_the_earlier_is_taken() -> None:
    # No strength errs on groups this far apart.
    train = examples([20] * 4, 30.0, 6)
    row = dfr_probe(train, train, draws=1, **SETTINGS)
    assert (row["C"], row["error"]) == (1.0, 0)


def test_the_worst_group_chooses_the_strength(monkeypatch: pytest.MonkeyPatch) -> None:
    # Of 40 and 40 examples of a value, the first rule errs on 8 of the first group alone, the
    # second on 4 of each: the same error, and a better worst group.
    groups = np.repeat(np.arange(4), 20)
    values = groups // 2
    place = np.tile(np.arange(20), 4)
    train = ProbeSet(np.column_stack([values, place, groups]).astype(float), values, groups)

    class Rule(LinearProbe):
        def predict(self, embedding: np.ndarray) -> np.ndarray:
            value, place, group = embedding.T.astype(int)
            uneven = (group == 0) & (place % 2 == 0)
            even = place % 5 == 0
            return np.where(uneven if self.bias[0] else even, 1 - value, value)

    def fit(_: ProbeSet, __: StandardScaler, strength: float, *___: Any) -> Fit:
        bias = np.array([0.0 if strength == 0.1 else 1.0, 0])
        return Fit(Rule(np.arange(2), np.zeros((2, 3)), bias), strength, strength != 0.7)

    monkeypatch.setattr(dfr, "fit_l1", fit)
    row = dfr_probe(train, train, draws=2, **SETTINGS)
    assert row["C"] == 0.1
    # A fit of the path that did not converge may have lost the choice by that.
    assert row["converged"] is False


def test_worst_group_accuracy_by_hand() -> None:
    train = ProbeSet(
        np.array([[-1.0], [2], [3], [-4], [5]]),
        np.array([0, 0, 1, 1, 1]),
        np.array([0, 0, 1, 2, 2]),
    )
    probe = LinearProbe(np.arange(2), np.array([[0.0], [1]]), np.zeros(2))
    assert worst_group_accuracy(probe, train) == 0.5
    assert worst_group_accuracy(probe, train.take(np.array([2, 4]))) == 1


def test_too_few_iterations_are_reported() -> None:
    train = examples([30] * 4, 0.5, 7)
    row = dfr_probe(train, train, draws=1, **SETTINGS | {"max_iterations": 1})
    assert row["converged"] is False


def test_a_group_that_cannot_be_halved_is_refused() -> None:
    train = examples([20, 20, 20, 1], 1.0, 8)
    with pytest.raises(InputError, match="on 1 example of value 1 in group 3; at least 2 are"):
        dfr_probe(train, train, draws=1, **SETTINGS)


@pytest.mark.parametrize("fewest", [2, 3])
def test_two_examples_of_a_group_are_enough(fewest: int) -> None:
    train = examples([20, 20, 20, fewest], 1.0, 8)
    assert dfr_probe(train, train, draws=1, **SETTINGS)["n_train"] == 4 * fewest


@pytest.mark.parametrize("seed", range(6))
def test_both_halves_of_a_single_group_have_a_rare_value(seed: int) -> None:
    """A target domain is one group of all classes."""
    values = np.array([0] * 40 + [1] * 2)
    embedding = np.random.default_rng(seed).normal(size=(42, 3))
    train = ProbeSet(embedding, values, np.zeros(42, int))
    row = dfr_probe(train, train, draws=1, **SETTINGS | {"names": ("a domain", seed)})
    assert row["n_train"] == 42
