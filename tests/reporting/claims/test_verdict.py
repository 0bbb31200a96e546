import numpy as np
import pandas as pd
import pytest
from scipy.stats import ttest_rel

from feature_quality.reporting.claims.batch_size import batch_size
from feature_quality.reporting.claims.complexity import complexity
from feature_quality.reporting.claims.noise import noise
from feature_quality.reporting.claims.verdict import (
    COLUMNS,
    CUSTOM,
    DEMONSTRATION,
    NOT_RUN,
    REAL,
    TOY,
    Check,
    CheckContext,
    evaluate,
    kind_of,
    papers_method,
    tabulate,
    unknown,
)

BELOW = Check("1", "It falls.", "error, SAM − SGD", "below")
ABOVE = Check("10b", "It rises.", "error, SAM − SGD", "above")
MATCHES = Check("8c", "It stays.", "error, SAM − SGD", "within", 0.02)
PLACE = CheckContext(TOY, "toy, 270°", 0.5, 3)

# Mean 0.2, and the quantile 4.302653 of two degrees of freedom times 0.01 / √3.
THREE, HALF = [0.19, 0.2, 0.21], 0.0248414


def judged(check: Check, *values: float) -> dict:
    return evaluate(check, PLACE, pd.Series(values, dtype=float))


class TestSides:
    @pytest.mark.parametrize(
        ("check", "sign", "verdict"),
        [
            (ABOVE, 1, "supported"),
            (ABOVE, -1, "contradicted"),
            (BELOW, 1, "contradicted"),
            (BELOW, -1, "supported"),
        ],
    )
    def test_an_interval_on_one_side_decides(self, check, sign, verdict) -> None:
        row = judged(check, *(sign * value for value in THREE))
        assert (row["verdict"], row["reason"]) == (verdict, "")
        assert row["effect"] == pytest.approx(sign * 0.2)
        ends = sorted([sign * (0.2 - HALF), sign * (0.2 + HALF)])
        assert [row["low"], row["high"]] == pytest.approx(ends, abs=1e-6)
        assert (row["level"], row["runs"], row["dropped"]) == (0.95, 3, 0)

    @pytest.mark.parametrize("check", [ABOVE, BELOW])
    def test_an_interval_that_holds_0_is_open(self, check) -> None:
        # 0.1 ± 0.2484.
        row = judged(check, 0.0, 0.1, 0.2)
        assert (row["verdict"], row["reason"]) == ("open", "the interval holds 0")
        assert row["low"] < 0 < row["high"]

    @pytest.mark.parametrize("check", [ABOVE, BELOW])
    @pytest.mark.parametrize("zero", [0.0, -0.0, 0.3 - (0.1 + 0.2)])
    def test_a_tie_on_every_seed_is_open(self, check, zero) -> None:
        row = judged(check, zero, zero, zero)
        assert (row["verdict"], row["reason"]) == ("open", "a tie on every seed")
        assert [row[name] for name in ("effect", "low", "high")] == [0, 0, 0]

    def test_equal_differences_are_decided_by_their_side(self) -> None:
        row = judged(BELOW, -0.25, -0.25)
        assert (row["verdict"], row["low"], row["high"]) == ("supported", -0.25, -0.25)


class TestMargins:
    @pytest.mark.parametrize(
        ("values", "verdict"),
        [
            # The quantile of two degrees of freedom that 5 % lie beyond, 2.919986, times s / √3.
            ([0.0, 0.01, 0.0], "supported"),
            ([0.0, 0.0, 0.0], "supported"),
            ([0.02, 0.02], "supported"),
            ([0.021, 0.021], "contradicted"),
            ([-0.021, -0.021], "contradicted"),
            ([0.05, 0.055, 0.06], "contradicted"),
            ([-0.05, -0.055, -0.06], "contradicted"),
            ([0.01, 0.02, 0.03], "open"),
            ([-0.01, -0.02, -0.03], "open"),
            ([-0.1, 0.0, 0.1], "open"),
        ],
    )
    def test_the_interval_lies_within_or_outside(self, values, verdict) -> None:
        row = judged(MATCHES, *values)
        assert row["verdict"] == verdict
        assert row["reason"] == ("the interval crosses the margin" if verdict == "open" else "")
        assert row["level"] == 0.9
        half = 2.919986 * np.std(values, ddof=1) / 3**0.5 if len(values) == 3 else 0
        ends = [np.mean(values) - half, np.mean(values) + half]
        assert [row["low"], row["high"]] == pytest.approx(ends, abs=1e-6)


@pytest.mark.parametrize(("check", "level"), [(BELOW, 0.95), (MATCHES, 0.9)])
def test_the_interval_is_that_of_a_paired_t_test(check, level) -> None:
    sgd, sam = np.random.default_rng(7).normal(0.3, 0.1, (2, 6))
    row = evaluate(check, PLACE, pd.Series(sam) - pd.Series(sgd))
    low, high = ttest_rel(sam, sgd).confidence_interval(level)
    assert (row["low"], row["high"]) == pytest.approx((low, high))
    assert row["effect"] == pytest.approx(np.mean(sam - sgd))


@pytest.mark.parametrize("check", [BELOW, MATCHES])
def test_one_seed_is_open_and_has_no_interval(check) -> None:
    row = judged(check, -0.3, np.nan)
    assert (row["verdict"], row["reason"], row["effect"]) == ("open", "one seed", -0.3)
    assert (row["low"], row["high"], row["level"]) == (None, None, None)
    assert (row["runs"], row["dropped"]) == (1, 1)


@pytest.mark.parametrize("values", [[], [np.nan, np.nan]])
def test_no_seed_is_open(values) -> None:
    row = judged(BELOW, *values)
    assert (row["verdict"], row["effect"], row["runs"]) == ("open", None, 0)
    assert row["dropped"] == len(values)
    assert row["reason"] == "no seed has what is compared"


def test_seeds_without_a_number_are_dropped_and_counted() -> None:
    row = judged(ABOVE, *THREE, np.nan, np.nan)
    whole = judged(ABOVE, *THREE)
    assert row == whole | {"dropped": 2}


def test_a_row_says_what_it_is_about() -> None:
    row = evaluate(MATCHES, PLACE, pd.Series([0.0, 0.0]), "as expected")
    assert sorted(row) == sorted(COLUMNS)
    assert {name: row[name] for name in COLUMNS[:8]} == {
        "claim": 8,
        "check": "8c",
        "statement": "It stays.",
        "data": TOY,
        "where": "toy, 270°",
        "method": "lsam",
        "rho": 0.5,
        "epoch": 3,
    }
    assert (row["measured"], row["claimed"]) == ("error, SAM − SGD", "within ±0.02")
    assert row["note"] == "as expected"


@pytest.mark.parametrize(
    ("check", "names"),
    [
        (complexity, ["3a", "3b", "4a", "4b", "7a", "7b", "7c"]),
        (noise, ["9"]),
        (batch_size, ["10a", "10b"]),
    ],
)
def test_a_study_that_was_not_run_is_said(found, check, names) -> None:
    rows = found(check(None))
    assert rows["check"].tolist() == names
    for _, row in rows.iterrows():
        assert (row["verdict"], row["reason"]) == ("open", "the study was not run")
        assert (row["data"], row["where"]) == (TOY, "toy")


def test_what_cannot_be_checked_is_open_with_the_reason() -> None:
    row = unknown(ABOVE, CheckContext(REAL, "CelebA"), NOT_RUN)
    assert (row["claim"], row["claimed"], row["where"]) == (10, "above 0", "CelebA")
    assert (row["verdict"], row["reason"], row["runs"]) == ("open", NOT_RUN, 0)
    assert row["effect"] is row["low"] is row["epoch"] is None


@pytest.mark.parametrize(
    ("demonstration", "target", "data", "where"),
    [
        (False, "", REAL, "Shapes in colours"),
        (True, "", DEMONSTRATION, "Shapes in colours"),
        (False, "S", REAL, "Shapes in colours, target S"),
    ],
)
def test_a_context_names_its_dataset(description_of, demonstration, target, data, where) -> None:
    description = description_of(demonstration=demonstration, target=target)
    context = CheckContext.of(description, 0.1, "asam")
    assert context == CheckContext(data, where, 0.1, method="asam")


@pytest.mark.parametrize(
    ("data", "method", "expected"),
    [(TOY, "", "lsam"), (REAL, "", "sam"), (DEMONSTRATION, "", "sam"), (REAL, "asam", "asam")],
)
def test_a_row_names_the_method_which_is_the_papers_if_none_is_named(
    data, method, expected
) -> None:
    context = CheckContext(data, "here", method=method)
    for row in (unknown(ABOVE, context, ""), evaluate(ABOVE, context, pd.Series([1.0]))):
        assert row["method"] == expected
    assert (papers_method(data).name == expected) == (not method)


@pytest.mark.parametrize(
    ("dataset", "demonstration", "kind"),
    [
        ("celeba", False, REAL),
        ("own", False, CUSTOM),
        ("digits_photos", True, DEMONSTRATION),
        ("digits_domains_R", True, DEMONSTRATION),
    ],
)
def test_a_dataset_is_the_papers_custom_or_a_demonstration(dataset, demonstration, kind) -> None:
    assert kind_of(dataset, demonstration) == kind


def test_the_table_is_ordered_by_check_and_then_as_it_came() -> None:
    places = [CheckContext(TOY, "second", epoch=10), CheckContext(TOY, "first", epoch=2)]
    rows = [unknown(check, place, "") for check in (ABOVE, BELOW, MATCHES) for place in places]
    table = tabulate(rows)
    assert list(table) == COLUMNS
    assert table["check"].tolist() == ["1", "1", "8c", "8c", "10b", "10b"]
    assert table["where"].tolist() == ["second", "first"] * 3
    assert table["epoch"].tolist() == [10, 2] * 3
    assert "10.0" not in table.to_csv()
    assert list(tabulate([])) == COLUMNS
