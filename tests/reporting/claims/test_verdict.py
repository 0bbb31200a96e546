import numpy as np
import pandas as pd
import pytest
from scipy.stats import ttest_1samp

from feature_quality.reporting.claims.toy import toy
from feature_quality.reporting.claims.verdict import (
    COLUMNS,
    CUSTOM,
    DEMONSTRATION,
    NOT_RUN,
    REAL,
    TOY,
    Check,
    CheckContext,
    papers_method,
    tabulate,
)

BELOW = Check("1", "It falls.", "error, SAM − SGD", "below")
ABOVE = Check("10b", "It rises.", "error, SAM − SGD", "above")
MATCHES = Check("8c", "It stays.", "error, SAM − SGD", "within", 0.02)
CONTEXT = CheckContext(TOY, "toy, 270°", 0.5, 3)
NAN = np.nan


def evaluated(check: Check, *values: float) -> dict:
    return check.evaluate(CONTEXT, pd.Series(values, dtype=float))


@pytest.mark.parametrize(
    ("values", "of_above", "of_below", "reason"),
    [
        ([0.19, 0.2, 0.21], "supported", "contradicted", ""),
        ([-0.19, -0.2, -0.21], "contradicted", "supported", ""),
        ([-0.25, -0.25], "contradicted", "supported", ""),
        # 0.1 ± 0.2484.
        ([0.0, 0.1, 0.2], "open", "open", "the interval holds 0"),
        ([0.0, -0.0, 0.3 - (0.1 + 0.2)], "open", "open", "a tie on every seed"),
        ([-0.3, NAN], "open", "open", "one seed"),
        ([NAN, NAN], "not run", "not run", "no seed has what is compared"),
        ([], "not run", "not run", "no seed has what is compared"),
    ],
)
def test_an_interval_on_one_side_of_0_decides(values, of_above, of_below, reason) -> None:
    known = pd.Series(values, dtype=float).dropna()
    # The quantile 4.302653 of two degrees of freedom.
    half = 4.302653 * known.std() / 3**0.5 if len(known) == 3 else 0
    ends = (known.mean() - half, known.mean() + half) if len(known) > 1 else (None, None)
    for check, verdict in ((ABOVE, of_above), (BELOW, of_below)):
        row = evaluated(check, *values)
        assert (row["verdict"], row["reason"]) == (verdict, reason)
        assert row["effect"] == (pytest.approx(known.mean()) if len(known) else None)
        assert (row["low"], row["high"]) == pytest.approx(ends, abs=1e-6)
        assert row["level"] == (0.95 if len(known) > 1 else None)
        assert (row["runs"], row["dropped"]) == (len(known), len(values) - len(known))


def test_a_tie_is_one_to_the_last_digit_and_what_has_no_number_is_dropped() -> None:
    row = evaluated(ABOVE, 0.3 - (0.1 + 0.2), 0.0)
    assert [row[name] for name in ("effect", "low", "high")] == [0, 0, 0]
    values = [0.19, 0.2, 0.21]
    for lost in ([NAN, NAN], [np.inf, NAN], [-np.inf, np.inf]):
        assert evaluated(ABOVE, *values, *lost) == evaluated(ABOVE, *values) | {"dropped": 2}


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
def test_an_interval_within_or_outside_the_margin_decides(values, verdict) -> None:
    row = evaluated(MATCHES, *values)
    assert row["verdict"] == verdict
    assert row["reason"] == ("the interval crosses the margin" if verdict == "open" else "")
    assert row["level"] == 0.9
    half = 2.919986 * np.std(values, ddof=1) / 3**0.5 if len(values) == 3 else 0
    ends = [np.mean(values) - half, np.mean(values) + half]
    assert [row["low"], row["high"]] == pytest.approx(ends, abs=1e-6)


def test_a_row_says_what_it_is_about() -> None:
    row = MATCHES.evaluate(CONTEXT, pd.Series([0.0, 0.0]), "as expected")
    assert sorted(row) == sorted(COLUMNS)
    about = (8, "8c", "It stays.", TOY, "toy, 270°", "lsam", 0.5, 3)
    assert tuple(row[name] for name in COLUMNS[:8]) == about
    assert (row["measured"], row["claimed"]) == ("error, SAM − SGD", "within ±0.02")
    assert row["note"] == "as expected"
    row = ABOVE.unknown(CheckContext(REAL, "CelebA"), NOT_RUN)
    assert (row["claim"], row["claimed"], row["where"]) == (10, "above 0", "CelebA")
    assert (row["verdict"], row["reason"], row["runs"]) == ("not run", NOT_RUN, 0)
    assert row["effect"] is row["low"] is row["epoch"] is None


OF_TOY = ["3a", "3b", "3c", "3d", "4a", "4b", "5d", *(f"7{letter}" for letter in "abcde")]
OTHERS = [*(f"8{letter}" for letter in "abcdef"), "9", *(f"10{letter}" for letter in "abcd")]
OF_TOY += OTHERS


@pytest.mark.parametrize(
    ("ran", "absent"),
    [
        ([], OF_TOY),
        (["complexity"], ["5d", *OTHERS]),
        (
            ["interventions"],
            OF_TOY,
        ),
    ],
)
def test_a_study_that_was_not_run_is_said(toy_runs, found, ran, absent) -> None:
    rows = found(toy({study: toy_runs([0.3, 0.4]) for study in ran}, batch=5), reason=NOT_RUN)
    assert rows["check"].tolist() == absent
    assert set(rows["verdict"]) == {"not run"}
    assert set(zip(rows["data"], rows["where"], strict=True)) == {(TOY, "toy")}


@pytest.mark.parametrize(
    ("details", "data", "where"),
    [
        ({"dataset": "celeba"}, REAL, "Shapes in colours"),
        ({"dataset": "birds", "custom": True}, CUSTOM, "Shapes in colours"),
        ({"dataset": "digits_photos", "demonstration": True}, DEMONSTRATION, "Shapes in colours"),
        ({"dataset": "pacs_S", "target": "S"}, REAL, "Shapes in colours, target S"),
    ],
)
def test_a_context_names_its_dataset_and_what_kind_of_data_it_is(
    description_of, details, data, where
) -> None:
    context = CheckContext.of(description_of(**details), 0.1, "asam")
    assert context == CheckContext(data, where, 0.1, method="asam")


@pytest.mark.parametrize(
    ("data", "method", "expected"),
    [(TOY, "", "lsam"), (REAL, "", "sam"), (DEMONSTRATION, "", "sam"), (REAL, "asam", "asam")],
)
def test_a_row_names_the_method_which_is_the_papers_if_none_is_named(data, method, expected):
    context = CheckContext(data, "here", method=method)
    for row in (ABOVE.unknown(context, ""), ABOVE.evaluate(context, pd.Series([1.0]))):
        assert row["method"] == expected
    assert (papers_method(data).name == expected) == (not method)


def test_the_table_is_ordered_by_check_and_then_as_it_came() -> None:
    contexts = [CheckContext(TOY, "second", epoch=10), CheckContext(TOY, "first", epoch=2)]
    rows = [check.unknown(each, "") for check in (ABOVE, BELOW, MATCHES) for each in contexts]
    table = tabulate(rows)
    assert list(table) == COLUMNS
    assert table["check"].tolist() == ["1", "1", "8c", "8c", "10b", "10b"]
    assert table["where"].tolist() == ["second", "first"] * 3
    assert table["epoch"].tolist() == [10, 2] * 3
    assert "10.0" not in table.to_csv()
    assert list(tabulate([])) == COLUMNS


@pytest.mark.parametrize("values", [[0.19, 0.3, 0.1], [-0.1, 0.3, 0.2], [0.01, 0.02, 0.0]])
def test_the_p_value_decides_as_the_interval_does(values) -> None:
    assert evaluated(ABOVE, *values)["p"] == pytest.approx(ttest_1samp(values, 0).pvalue)
    row = evaluated(MATCHES, *values)
    inside = abs(np.mean(values)) <= 0.02
    ends = (-0.02, "greater" if inside else "less"), (0.02, "less" if inside else "greater")
    tests = [ttest_1samp(values, end, alternative=side).pvalue for end, side in ends]
    assert row["p"] == pytest.approx(max(tests) if inside else min(tests))
    assert (row["p"] < 0.05) == (row["verdict"] != "open")


def test_verdicts_are_adjusted_within_a_claim_and_what_is_not_the_papers_apart() -> None:
    near, far = pd.Series([0.1, 0.2, 0.35]), pd.Series([0.1, 0.11, 0.12])
    here = CheckContext(REAL, "CelebA")
    rows = [
        *(ABOVE.evaluate(here, values) for values in (near, far)),
        ABOVE.evaluate(CheckContext(TOY, "toy"), near),
        ABOVE.unknown(here, NOT_RUN),
        ABOVE.evaluate(CheckContext(REAL, "CelebA", method="asam"), far),
        ABOVE.evaluate(CheckContext(DEMONSTRATION, "Digits"), far),
    ]
    table = tabulate(rows)
    p = table["p"]
    expected = [2 * p[0], 3 * p[1], 2 * p[0], np.nan, p[4], p[5]]
    assert table["adjusted_p"].tolist() == pytest.approx(expected, nan_ok=True)
    verdicts = ["open", "supported", "open", "not run", "supported", "supported"]
    assert table["adjusted_verdict"].tolist() == verdicts


@pytest.mark.parametrize(
    ("above", "below", "verdict", "reason"),
    [
        ([0.10, 0.11, 0.12], [0.11, 0.10, 0.12], "supported", ""),
        ([0.30, 0.31, 0.32], [0.11, 0.10, 0.12], "contradicted", ""),
        ([0.01, 0.02, 0.01], [0.11, 0.10, 0.12], "contradicted", ""),
        ([0.20, 0.21, 0.25], [0.11, 0.10, 0.12], "open", "the interval crosses the margin"),
        ([0.20, 0.21, 0.25], [0.11, -0.10, 0.12], "open", "the second gain may be 0"),
        ([0.20, 0.21, 0.25], [-0.3, -0.31, -0.32], "open", "the second gain may be 0"),
        ([0.1, 0.1, 0.1], [0.1, 0.1, 0.1], "supported", ""),
        # 2a − b is the same in all, and 2b − a is far below 0.
        ([0.325, 0.525, 0.725], [0.1, 0.2, 0.3], "contradicted", ""),
        ([0.1, None, None], [0.1, 0.2, 0.1], "open", "one seed"),
        ([None, None, None], [0.1, 0.2, 0.1], "not run", "no seed has what is compared"),
    ],
)
def test_a_ratio_lies_within_its_factor(above, below, verdict, reason) -> None:
    check = Check("8d", "They are comparable.", "ratio", "factor", 2)
    numbers = [pd.Series(each, dtype=float) for each in (above, below)]
    row = check.evaluate_ratio(CheckContext(TOY, "toy"), *numbers)
    assert (row["verdict"], row["reason"]) == (verdict, reason)
    assert row["claimed"] == "within a factor of 2"
    # The p-value decides as the interval does.
    if row["p"] is not None and "second" not in reason:
        assert (row["p"] < 0.05) == (verdict != "open")
