import numpy as np
import pandas as pd
import pytest
from scipy.stats import bootstrap, linregress, ttest_1samp

from feature_quality.reporting.statistics import bootstrap_errors, fieller, holm, interval, slopes


class TestFieller:
    @pytest.mark.parametrize("level", [0.9, 0.95])
    def test_its_ends_are_the_ratios_that_a_t_test_just_rejects(self, level: float) -> None:
        rng = np.random.default_rng(0)
        below = pd.Series(rng.normal(1, 0.3, 8))
        above = 0.6 * below + rng.normal(0, 0.1, 8)
        ends = fieller(above, below, level)
        assert ends is not None
        assert ends[0] < above.mean() / below.mean() < ends[1]
        for end in ends:
            assert ttest_1samp(above - end * below, 0).pvalue == pytest.approx(1 - level)

    def test_by_hand_with_the_quantile_of_one_degree_of_freedom(self) -> None:
        # Means 2 and 10, the variances of both 1/4 and not correlated but by −1/4; t is 6.3138.
        above, below = pd.Series([1.5, 2.5]), pd.Series([10.5, 9.5])
        half = 6.3138**2 / 4
        ends = fieller(above, below, 0.9)
        a, b, c = 100 - half, 20 + half, 4 - half
        root = (b**2 - a * c) ** 0.5
        assert ends == pytest.approx(((b - root) / a, (b + root) / a), rel=1e-4)

    def test_without_a_denominator_that_is_surely_positive_there_is_none(self) -> None:
        for below in ([0.1, -0.1, 0.2], [-1.0, -1.1, -0.9]):
            assert fieller(pd.Series([1.0, 1.1, 1.2]), pd.Series(below), 0.95) is None


class TestInterval:
    # Deviations 0.1/√2, 1 and √(5/3), and the quantiles of 1, 2 and 3 degrees of freedom.
    @pytest.mark.parametrize(
        ("values", "mean", "half"),
        [
            ([0.4, 0.5], 0.45, 12.7062 * 0.05),
            ([3.0, 1.0, 2.0], 2, 4.30265 / 3**0.5),
            ([1.0, 2.0, 3.0, 4.0], 2.5, 3.182446 * (5 / 3) ** 0.5 / 2),
        ],
    )
    def test_is_that_of_t(self, values: list[float], mean: float, half: float) -> None:
        low, high = interval(pd.Series(values))
        assert (low, high) == pytest.approx((mean - half, mean + half), abs=1e-5)

    def test_of_90_percent_is_narrower(self) -> None:
        # The quantile of two degrees of freedom that 5 % lie beyond, and a deviation of 1.
        low, high = interval(pd.Series([3.0, 1.0, 2.0]), 0.9)
        assert (low, high) == pytest.approx((2 - 1.685854, 2 + 1.685854), abs=1e-5)

    def test_of_one_seed_is_its_value(self) -> None:
        assert interval(pd.Series([0.3])) == (0.3, 0.3)

    def test_of_equal_seeds_is_their_value(self) -> None:
        assert interval(pd.Series([0.25, 0.25, 0.25])) == (0.25, 0.25)

    @pytest.mark.parametrize("measured", [[0.1], [0.1, 0.4], [0.1, 0.4, 0.2]])
    def test_leaves_diverged_seeds_out(self, measured: list[float]) -> None:
        expected = interval(pd.Series(measured))
        assert interval(pd.Series([*measured, np.nan])) == pytest.approx(expected)

    @pytest.mark.parametrize("values", [[], [np.nan, np.nan]])
    def test_of_no_seed_is_no_number(self, values: list[float]) -> None:
        assert np.isnan(interval(pd.Series(values, dtype=float))).all()


def test_holm_by_hand() -> None:
    # 4 · 0.01, 3 · 0.03, then 2 · 0.04, which may not be below the one before, and 0.9.
    adjusted = holm(pd.Series([0.04, 0.01, np.nan, 0.03, 0.9]))
    assert adjusted.tolist() == pytest.approx([0.09, 0.04, np.nan, 0.09, 0.9], nan_ok=True)
    assert holm(pd.Series([0.6, 0.7])).tolist() == [1, 1]


def test_slopes_are_those_of_least_squares_with_0_at_0() -> None:
    rho = [0.1, 0.3, 0.2]
    seeds = {4: [-0.1, 0.3, 0.5], 7: [0.2, 0.2, -0.4], 9: [0.1, np.nan, 0.1]}
    index = pd.MultiIndex.from_product([[0.5], rho, seeds], names=["lr", "rho", "seed"])
    values = pd.Series([seeds[seed][rho.index(r)] for _, r, seed in index], index)
    expected = [linregress([0, *rho], [0, *seeds[seed]]).slope for seed in (4, 7)]
    both = slopes(pd.DataFrame({"once": values, "twice": 2 * values}))
    assert both["once"].tolist() == pytest.approx([*expected, np.nan], nan_ok=True)
    assert both["twice"].tolist() == pytest.approx((2 * both["once"]).tolist(), nan_ok=True)
    # By hand: through (0, 0) and (2, 1).
    alone = pd.MultiIndex.from_tuples([(0.5, 2.0, 0)], names=["lr", "rho", "seed"])
    assert slopes(pd.DataFrame({"value": [1.0]}, alone))["value"].tolist() == [0.5]


class TestBootstrap:
    WRONG = np.array([[1, 1, 0], [0, 1, 0], [1, 1, 0], [1, 0, 0], [0, 0, 0], [1, 0, 1]], float)
    GROUPS = np.array([5, 5, 5, 5, 2, 2])

    def test_errors_are_balanced_and_drawn_within_groups(self) -> None:
        errors = bootstrap_errors(self.WRONG, self.GROUPS, np.random.default_rng(0), 20_000)
        # Halves of the groups' errors; of binomial variances p(1 − p)/n, a quarter of their sum.
        assert errors.mean(axis=0) == pytest.approx([0.625, 0.375, 0.25], abs=0.01)
        variances = [(3 / 16 / 4 + 1 / 4 / 2) / 4, 3 / 16 / 4 / 4, 1 / 4 / 2 / 4]
        assert errors.var(axis=0) == pytest.approx(variances, rel=0.05)
        # Whole fourths of the one group and halves of the other.
        assert set(np.unique(errors * 8 % 1)) == {0}

    def test_differences_are_paired(self) -> None:
        same = bootstrap_errors(self.WRONG[:, [0, 0]], self.GROUPS, np.random.default_rng(0))
        assert (same[:, 0] == same[:, 1]).all()
        # Of one group: scipy's percentile interval of a paired difference.
        wrong = np.random.default_rng(1).integers(2, size=(200, 2))
        errors = bootstrap_errors(
            wrong, np.zeros(200, int), np.random.default_rng(2), replicates=9999
        )
        ends = np.percentile(errors[:, 1] - errors[:, 0], [2.5, 97.5])
        expected = bootstrap(
            (wrong[:, 0], wrong[:, 1]),
            lambda a, b, axis: b.mean(axis) - a.mean(axis),
            paired=True,
            method="percentile",
            rng=np.random.default_rng(3),
        ).confidence_interval
        assert ends == pytest.approx([expected.low, expected.high], abs=0.006)
