# ruff: noqa: PD011 (a probe set's values are an array)
import re
import warnings
from collections.abc import Sequence
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import softmax
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from feature_quality.artifacts.embeddings import Embeddings
from feature_quality.errors import InputError
from feature_quality.features import probe
from feature_quality.features.probe import (
    Fit,
    LinearProbe,
    ProbeSet,
    balanced_error,
    draw_rows,
    fit_draw,
    fit_path,
    probe_row,
)

DECADES = (0.0001, 0.001, 0.01, 0.1, 1.0)
SETTINGS: dict[str, Any] = {
    "names": ("a dataset", 0, 0),
    "per_group": None,
    "strengths": DECADES,
    "tolerance": 1e-6,
    "max_iterations": 10_000,
}


@pytest.fixture
def fitted(monkeypatch: pytest.MonkeyPatch) -> list[tuple[ProbeSet, list[float]]]:
    """Return a list that takes what each path of probes is fitted on, and the strengths."""
    calls: list[tuple[ProbeSet, list[float]]] = []

    def recorded(train: ProbeSet, strengths: Sequence[float], *rest: Any) -> list[Fit]:
        calls.append((train, list(strengths)))
        return fit_path(train, strengths, *rest)

    monkeypatch.setattr(probe, "fit_path", recorded)
    return calls


def noise(per_group: int, features: int, seed: int, classes: int = 2) -> ProbeSet:
    """Return balanced groups whose embedding says nothing of them."""
    groups = np.repeat(np.arange(classes**2), per_group)
    embedding = np.random.default_rng(seed).normal(size=(len(groups), features))
    return ProbeSet(embedding, groups // classes, groups)


def blobs(per_group: int, features: int, seed: int, gap: float, classes: int = 2) -> ProbeSet:
    """Return groups whose feature stands in the first ``classes`` directions, ``gap`` apart."""
    base = noise(per_group, features, seed, classes)
    embedding = base.embedding.copy()
    embedding[np.arange(len(embedding)), base.values] += gap
    return ProbeSet(embedding, base.values, base.groups)


def natural(sizes: Sequence[int], seed: int) -> ProbeSet:
    """Return one group with ``sizes`` examples of each value, which overlap."""
    values = np.repeat(np.arange(len(sizes)), sizes)
    embedding = np.random.default_rng(seed).normal(size=(len(values), 6))
    embedding[np.arange(len(values)), values] += 1.5
    return ProbeSet(embedding, values, np.zeros_like(values))


def draw(train: ProbeSet, test: ProbeSet, **changes: Any) -> SimpleNamespace:
    return SimpleNamespace(**probe_row(*fit_draw(train, **SETTINGS | changes), test))


def reference(train: ProbeSet, strength: float) -> Any:
    """Return the fit of this strength alone, by a pipeline of scikit-learn."""
    model = make_pipeline(
        StandardScaler(), LogisticRegression(C=strength, tol=1e-8, max_iter=100_000)
    )
    return model.fit(train.embedding, train.values)


def gradient_size(train: ProbeSet, fit: Fit) -> float:
    """Return the 2-norm of the gradient of mean loss + |weight|²/(2 C n), standardised features."""
    scaler = StandardScaler().fit(train.embedding)
    logits = fit.probe.logits(train.embedding)
    residual = softmax(logits, axis=1) - (train.values[:, None] == fit.probe.classes)
    penalised = fit.probe.weight * scaler.scale_ / fit.C
    if len(fit.probe.classes) == 2:
        residual, penalised = residual[:, 1:], penalised[1:]
    gradient = residual.T @ scaler.transform(train.embedding) + penalised
    sizes = np.linalg.norm(gradient), np.linalg.norm(residual.sum(axis=0))
    return float(np.hypot(*sizes)) / len(train.values)


class TestProbeSet:
    embeddings = Embeddings(
        pd.DataFrame(
            {
                "id": ["a", "b", "c"],
                "label": np.array([0, 1, 1], np.int16),
                "feature_a": np.array([0, 1, 1], np.int16),
                "feature_b": np.array([1, 0, 1], np.int16),
                "group": np.array([1, 2, 3], np.int16),
            }
        ),
        np.zeros((3, 2), np.float32),
        np.array([[0.1, 1], [2, 3], [4, 5]], np.float32),
    )

    @pytest.mark.parametrize("natural", [False, True])
    @pytest.mark.parametrize(
        ("column", "values"), [("feature_a", [0, 1, 1]), ("feature_b", [1, 0, 1])]
    )
    def test_takes_the_feature_of_the_column_and_keeps_rows_together(
        self, column: str, values: list[int], natural: bool
    ) -> None:
        examples = ProbeSet.of(self.embeddings, column, natural)
        assert examples.values.tolist() == values
        # As they come, all are of one group.
        assert examples.groups.tolist() == ([0, 0, 0] if natural else [1, 2, 3])
        assert examples.embedding.dtype == np.float64
        # A float32 keeps its value, not its decimal spelling.
        assert examples.embedding[0, 0] == float(np.float32(0.1))
        taken = examples.take(np.array([2, 0]))
        assert taken.embedding[:, 1].tolist() == [5, 1]
        assert taken.values.tolist() == [values[2], values[0]]
        assert taken.groups.tolist() == ([0, 0] if natural else [3, 1])


class TestBalancedError:
    def test_every_group_has_the_same_say(self) -> None:
        # Group 0: 1 of 4 wrong, group 1: 1 of 1 wrong, group 3: 0 of 3 wrong.
        groups = np.array([0, 1, 0, 3, 0, 3, 0, 3])
        truth = np.array([0, 0, 0, 1, 0, 1, 0, 1])
        predictions = np.array([1, 1, 0, 1, 0, 1, 0, 1])
        error = balanced_error(predictions, truth, groups)
        assert error == pytest.approx((1 / 4 + 1 + 0) / 3)
        assert error != pytest.approx(np.mean(predictions != truth))


class TestDrawRows:
    @settings(deadline=None, max_examples=40)
    @given(st.lists(st.integers(0, 4), min_size=1, max_size=30), st.integers(0, 2**32), st.data())
    def test_exact_sizes_without_replacement(
        self, groups: list[int], seed: int, data: st.DataObject
    ) -> None:
        groups = groups * 2
        smallest = min(groups.count(group) for group in set(groups))
        per_group = data.draw(st.none() | st.integers(2, smallest))
        rows = draw_rows(np.array(groups), per_group, np.random.default_rng(seed))
        assert len(set(rows)) == len(rows)
        drawn = [groups[row] for row in rows]
        wanted = smallest if per_group is None else per_group
        assert {group: drawn.count(group) for group in drawn} == dict.fromkeys(groups, wanted)

    def test_any_row_can_be_drawn(self) -> None:
        groups = np.array([0] * 8 + [1] * 3)
        rng = np.random.default_rng(0)
        counts = np.bincount(
            np.concatenate([draw_rows(groups, 2, rng) for _ in range(2000)]), minlength=11
        )
        # 2 of 8 and 2 of 3; five standard deviations.
        np.testing.assert_allclose(counts / 2000, [2 / 8] * 8 + [2 / 3] * 3, atol=0.055)

    def test_too_many_are_refused_with_the_sizes(self) -> None:
        groups = np.array([0] * 8 + [4] * 3 + [7] * 5)
        with pytest.raises(InputError, match=re.escape("per_group")) as raised:
            draw_rows(groups, 6, np.random.default_rng(0))
        assert re.search(r"\b6 examples", str(raised.value))
        assert re.search(r"\bgroup 4 has 3\b", str(raised.value))


class TestLinearProbe:
    probe = LinearProbe(
        np.array([1, 4, 7]), np.array([[1.0, 0], [0, 2], [-1, -1]]), np.array([0.0, -1, 0.5])
    )
    embedding = np.array([[2, 1], [0, 3], [-1, -4], [1, 1]], np.float32)

    def test_logits_and_predictions_by_hand(self) -> None:
        logits = [[2, 1, -2.5], [0, 5, -2.5], [-1, -9, 5.5], [1, 1, -1.5]]
        np.testing.assert_array_equal(self.probe.logits(self.embedding), logits)
        # Of equal logits the first value is taken.
        assert self.probe.predict(self.embedding).tolist() == [1, 4, 7, 1]


class TestFitPath:
    @pytest.mark.parametrize(
        ("classes", "per_group", "features"), [(2, 4, 60), (2, 16, 12), (5, 2, 80), (5, 4, 12)]
    )
    def test_the_probe_is_the_plain_one(self, classes: int, per_group: int, features: int) -> None:
        def spoilt(examples: ProbeSet) -> ProbeSet:
            """Put constant columns in, and scales far from each other."""
            embedding = examples.embedding * np.geomspace(0.01, 100, features) + 3
            embedding[:, 1] = 0
            embedding[:, 7] = 0.3
            return ProbeSet(embedding, examples.values, examples.groups)

        train = spoilt(blobs(per_group, features, 1, 1.5, classes))
        test = spoilt(blobs(25, features, 2, 1.5, classes))
        spreads = []
        # In the order of the strengths, whatever it is.
        path = fit_path(train, DECADES[::-1], 1e-8, 100_000)[::-1]
        for strength, fit in zip(DECADES, path, strict=True):
            plain = reference(train, strength)
            assert fit.converged
            np.testing.assert_array_equal(fit.probe.classes, plain.classes_)
            decision = plain.decision_function(test.embedding)
            if classes == 2:
                decision = np.column_stack([np.zeros_like(decision), decision])
            logits = fit.probe.logits(test.embedding)
            assert logits.dtype == np.float64
            np.testing.assert_allclose(logits, decision, atol=1e-4)
            predictions = fit.probe.predict(test.embedding)
            np.testing.assert_array_equal(predictions, plain.predict(test.embedding))
            assert gradient_size(train, fit) <= 1e-8 * np.sqrt(train.embedding.shape[0] + 1)
            spreads.append(np.ptp(logits))
        # Neither one prediction for all, nor one for all strengths.
        assert len(set(predictions)) == classes
        assert spreads[0] < spreads[-1]

    @pytest.mark.parametrize("classes", [2, 5])
    def test_examples_given_twice_and_hardly_penalised_weights(self, classes: int) -> None:
        # Their Gram matrix is singular, and float32 does not resolve the penalty.
        train = blobs(3, 100, 1, 1.5, classes)
        twice = train.take(np.tile(np.arange(len(train.values)), 2))
        (fit,) = fit_path(twice, [1e5], 1e-8, 10_000)
        assert fit.converged
        assert gradient_size(twice, fit) <= 1e-8 * np.sqrt(len(twice.values) + 1)

    def test_a_column_that_is_constant_in_training_is_ignored(self) -> None:
        train, test = blobs(10, 6, 1, 2), blobs(10, 6, 2, 2)
        train.embedding[:, 5] = 2.0
        moved = test.embedding.copy()
        moved[:, 5] += np.linspace(-1000, 1000, len(moved))
        (fit,) = fit_path(train, [1.0], 1e-6, 1000)
        np.testing.assert_allclose(
            fit.probe.logits(moved), fit.probe.logits(test.embedding), atol=1e-9
        )

    def test_one_iteration_is_reported_and_not_warned_about(self) -> None:
        train = blobs(20, 10, 1, 1)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            (short,) = fit_path(train, [1.0], 1e-8, 1)
            (whole,) = fit_path(train, [1.0], 1e-8, 10_000)
            assert not draw(train, train, max_iterations=1).converged
        assert not short.converged
        assert whole.converged

    def test_a_constant_embedding_is_read_no_better_than_by_chance(self) -> None:
        groups = np.repeat(np.arange(4), 10)
        dead = ProbeSet(np.zeros((40, 5)), groups // 2, groups)
        assert draw(dead, dead).error == 0.5


class TestProbeDraw:
    def test_a_separable_feature_has_error_0(self) -> None:
        result = draw(blobs(30, 10, 1, 50), blobs(40, 10, 2, 50))
        assert result.error == 0
        assert result.converged

    @pytest.mark.parametrize(("classes", "chance"), [(2, 1 / 2), (5, 4 / 5)])
    def test_noise_is_read_by_chance(self, classes: int, chance: float) -> None:
        train, test = noise(100 // classes, 8, 1, classes), noise(1000 // classes, 8, 2, classes)
        assert draw(train, test).error == pytest.approx(chance, abs=0.04)

    def test_the_error_is_balanced_over_groups(self) -> None:
        # The feature stands in the first column alone; group 3's test examples lie.
        groups = np.repeat(np.arange(4), 20)
        train = ProbeSet((groups // 2)[:, None] * 10.0, groups // 2, groups)
        sizes = [50, 10, 10, 2]
        groups = np.repeat(np.arange(4), sizes)
        embedding = (groups // 2)[:, None] * 10.0
        embedding[groups == 3] = 0
        result = draw(train, ProbeSet(embedding, groups // 2, groups))
        assert result.error == pytest.approx(1 / 4)
        assert result.n_test == 72
        # Group 3's examples are the last two.
        assert result.wrong == [70, 71]

    @pytest.mark.parametrize("strengths", [(0.01, 0.1, 1.0), (1.0, 0.01, 0.1)])
    def test_ties_go_to_the_lower_held_out_log_loss(self, strengths: tuple[float, ...]) -> None:
        train = blobs(30, 10, 1, 50)
        # All of them fit it without error, whatever the halves.
        for strength in strengths:
            assert reference(train, strength).score(train.embedding, train.values) == 1
        # The less it is shrunk, the surer a right prediction is.
        assert draw(train, train, strengths=strengths).C == 1.0

    @pytest.mark.parametrize("per_group", [10, None])
    def test_different_names_give_different_draws_and_halves(
        self, per_group: int | None, fitted: list[tuple[ProbeSet, list[float]]]
    ) -> None:
        train = noise(20, 3, 1)
        for names in [("a", 0, 0), ("a", 0, 1), ("a", 1, 0), ("b", 0, 0)]:
            draw(train, train, names=names, per_group=per_group, strengths=(0.1, 1.0))
        seen = [frozenset(each.embedding[:, 0]) for each, _ in fitted]
        # Five halves, then the whole draw.
        whole = seen[5::6]
        assert len(set(seen) - set(whole)) == 20
        assert len(set(whole)) == (1 if per_group is None else 4)

    @pytest.mark.parametrize(("per_group", "n_train"), [(10, 40), (7, 28), (None, 60)])
    def test_sizes(self, per_group: int | None, n_train: int) -> None:
        full = blobs(20, 5, 1, 3)
        # Group 2 has 15.
        train = full.take(np.delete(np.arange(80), np.arange(40, 45)))
        result = draw(train, blobs(9, 5, 2, 3), per_group=per_group)
        assert (result.n_train, result.n_test) == (n_train, 36)

    def test_one_a_group_has_no_halves_and_is_refused(self) -> None:
        train = noise(20, 5, 1)
        with pytest.raises(InputError, match="at least 2"):
            draw(train, train, per_group=1)
        # Group 2 is left with one.
        small = train.take(np.delete(np.arange(80), np.arange(41, 60)))
        with pytest.raises(InputError, match=r"group 2 with 1\).* at least 2"):
            draw(small, train, per_group=None)
        assert draw(train, train, per_group=2).n_train == 8

    def test_the_protocol(self, fitted: list[tuple[ProbeSet, list[float]]]) -> None:
        # Three times weak: some C does better than the smallest.
        train, test = blobs(30, 15, 1, 0.9), blobs(50, 15, 2, 0.9)
        chosen = []
        for number in range(3):
            fitted.clear()
            result = draw(
                train, test, names=("a", 0, number), per_group=12, strengths=DECADES[::-1]
            )
            *halves, (whole, final) = fitted
            assert len(halves) == 5
            drawn = set(map(tuple, whole.embedding))
            assert len(drawn) == len(whole.embedding) == 48
            assert drawn <= set(map(tuple, train.embedding))
            assert np.bincount(whole.groups).tolist() == [12] * 4
            errors, losses = np.zeros(5), np.zeros(5)
            for half, _ in halves:
                rows = set(map(tuple, half.embedding))
                halved = np.array([tuple(row) in rows for row in whole.embedding])
                assert halved.sum() == len(half.embedding)
                assert np.bincount(half.groups).tolist() == [6] * 4
                held_out = whole.take(np.flatnonzero(~halved))
                # Halves have equally many of every group: the balanced error is the plain one.
                for place, strength in enumerate(DECADES):
                    plain = reference(half, strength)
                    errors[place] += 1 - plain.score(held_out.embedding, held_out.values)
                    losses[place] += log_loss(
                        held_out.values, plain.predict_proba(held_out.embedding)
                    )
            ranked = zip(errors.round(9), losses, DECADES, strict=True)
            assert min(ranked)[2] == result.C
            assert final == [result.C]
            predictions = reference(whole, result.C).predict(test.embedding)
            assert result.error == pytest.approx(np.mean(predictions != test.values))
            chosen.append(result.C)
        assert len(set(chosen)) > 1

    def test_of_examples_as_they_come_all_are_drawn_and_halves_share_every_value(
        self, fitted: list[tuple[ProbeSet, list[float]]]
    ) -> None:
        train, test = natural((60, 20, 8), 1), natural((10, 40, 6), 2)
        result = draw(train, test)
        (half, _), *_, (whole, _) = fitted
        assert (result.n_train, result.n_test) == (88, 56)
        assert np.bincount(half.values).tolist() == [30, 10, 4]
        assert sorted(map(tuple, whole.embedding)) == sorted(map(tuple, train.embedding))
        predictions = reference(train, result.C).predict(test.embedding)
        wrong = predictions != test.values
        assert result.error == pytest.approx(wrong.mean())
        by_value = [wrong[test.values == value].mean() for value in range(3)]
        assert result.error != pytest.approx(np.mean(by_value))

    def test_a_value_with_one_example_is_named(self) -> None:
        values = np.array([0] * 10 + [1] * 10 + [2])
        embedding = np.random.default_rng(0).normal(size=(21, 3))
        natural = ProbeSet(embedding, values, np.zeros(21, int))
        with pytest.raises(InputError, match="1 example of value 2 in group 0; at least 2 are"):
            draw(natural, natural, per_group=None, strengths=[0.1, 1.0])

    def test_where_there_is_no_choice_the_whole_draw_is_fitted_at_once(
        self, fitted: list[tuple[ProbeSet, list[float]]]
    ) -> None:
        train = blobs(30, 15, 1, 0.9)
        assert draw(train, train, per_group=12, strengths=[0.1]).C == 0.1
        assert [len(each.values) for each, _ in fitted] == [48]

    def test_test_data_choose_nothing(self) -> None:
        train, test = blobs(30, 15, 1, 0.9), blobs(50, 15, 2, 0.9)
        rng = np.random.default_rng(3)
        order = rng.permutation(len(test.values))
        relabelled = ProbeSet(test.embedding, test.values[order], test.groups[order])
        other = ProbeSet(rng.normal(size=test.embedding.shape), test.values, test.groups)
        chosen = []
        for number in range(3):
            results = [
                draw(train, each, names=("a", 0, number), per_group=12)
                for each in (test, relabelled, other)
            ]
            assert len({result.C for result in results}) == 1
            assert len({result.error for result in results}) > 1
            chosen.append(results[0].C)
        assert len(set(chosen)) > 1

    @pytest.mark.parametrize("failing", ["none", "first of the path", "last of the path", "final"])
    def test_one_fit_that_did_not_converge_is_enough(
        self, failing: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def stubborn(*arguments: Any) -> list[Fit]:
            fits = fit_path(*arguments)
            if failing != "none" and (failing == "final") == (len(fits) == 1):
                place = -1 if failing == "last of the path" else 0
                fits[place] = replace(fits[place], converged=False)
            return fits

        monkeypatch.setattr(probe, "fit_path", stubborn)
        train = blobs(20, 10, 1, 1)
        assert draw(train, train).converged == (failing == "none")

    def test_numpys_global_generator_is_left_alone(self) -> None:
        train, test = noise(40, 10, 1), noise(100, 10, 2)
        results = []
        for seed in (1, 2):
            np.random.seed(seed)  # noqa: NPY002
            before = np.random.get_state(legacy=False)  # noqa: NPY002
            results.append(draw(train, test, per_group=10))
            after = np.random.get_state(legacy=False)  # noqa: NPY002
            np.testing.assert_equal(after, before)
        assert results[0] == results[1]
