import numpy as np
import pandas as pd
import pytest

from feature_quality.reporting.statistics import holm, interval


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
