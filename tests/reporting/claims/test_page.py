import pandas as pd
import pytest

from feature_quality.reporting.claims.page import CLAIMS, overall, to_markdown
from feature_quality.reporting.claims.verdict import (
    CUSTOM,
    DEMONSTRATION,
    NOT_THERE,
    OPEN,
    REAL,
    TOY,
    Check,
    CheckContext,
    tabulate,
)

LOWER = Check("1", "SAM's error is lower.", "error, SAM − SGD", "below")
SAME = Check("8c", "Both match.", "error, both − LSAM", "within", 0.02)


@pytest.fixture
def table() -> pd.DataFrame:
    return tabulate(
        [
            LOWER.evaluate(CheckContext(REAL, "CelebA", 0.05), pd.Series([-0.1, -0.1]), "hair"),
            LOWER.evaluate(CheckContext(DEMONSTRATION, "Digits", 0.1), pd.Series([-0.1, -0.1])),
            LOWER.unknown(CheckContext(REAL, "Waterbirds"), NOT_THERE),
            LOWER.unknown(CheckContext(REAL, "CIFAR-MNIST"), NOT_THERE),
            SAME.evaluate(CheckContext(TOY, "toy, 270°", 0.5, 30), pd.Series([0.1, 0.3, None])),
            SAME.evaluate(CheckContext(TOY, "toy, 180°", 0.5), pd.Series([0.1, 0.1])),
        ]
    )


def test_verdicts_are_counted_by_claim_and_kind_of_data(table) -> None:
    custom = LOWER.evaluate(CheckContext(CUSTOM, "Mine", 0.1), pd.Series([0.2, 0.2]))
    counts = overall(pd.concat([table, tabulate([custom])]))
    assert counts.to_numpy().tolist() == [
        [f"1. {CLAIMS[1]}", "supported 1 of 1", "1: −0.1 [−0.1, −0.1]", "CelebA", "2"],
        ["", "supported 0 of 1, contradicted 1", "1: +0.2 [+0.2, +0.2]", "Mine", ""],
        ["", "supported 1 of 1", "1: −0.1 [−0.1, −0.1]", "Digits", ""],
        [
            f"8. {CLAIMS[8]}",
            "supported 0 of 2, contradicted 1, open 1",
            "8c: +0.1 to +0.2",
            "toy",
            "",
        ],
    ]
    assert list(counts) == ["Claim", "Verdicts", "Effect", "Where", "Not run"]
    absent = overall(table[(table["reason"] == NOT_THERE) | (table["data"] == DEMONSTRATION)])
    assert absent.to_numpy().tolist() == [
        [f"1. {CLAIMS[1]}", "supported 1 of 1", "1: −0.1 [−0.1, −0.1]", "Digits", ""],
        ["", "not run", "", REAL, "2"],
    ]


def test_the_page_holds_the_rule_the_counts_and_the_checks(table, markdown_tables) -> None:
    page = to_markdown(table, ["Digits: 2 seeds, 3 epochs."])
    summary, first, second = markdown_tables(page)
    assert page.splitlines()[2] == (
        "Of the 3 checks of the paper's claims that these results allow, on real data and on the "
        "toy, 1 are supported, 1 contradicted and 1 open."
    )
    assert pd.DataFrame(summary).equals(overall(table))
    assert first == [
        {
            "Where": "CelebA",
            "ρ": "0.05",
            "Verdict": "**supported**",
            "Effect": "−0.1 [−0.1, −0.1]",
            "Adjusted p": "0",
            "Seeds": "2",
            "Remarks": "hair",
        },
        {
            "Where": "Digits (demonstration)",
            "ρ": "0.1",
            "Verdict": "**supported**",
            "Effect": "−0.1 [−0.1, −0.1]",
            "Adjusted p": "0",
            "Seeds": "2",
            "Remarks": "",
        },
    ]
    # 0.2 ± the quantile 6.3138 of one degree of freedom times 0.1.
    assert second[0] == {
        "Where": "toy, 270°",
        "ρ": "0.5",
        "Epoch": "30",
        "Verdict": "open",
        "Effect": "+0.2 [−0.431, +0.831]",
        "Adjusted p": "0.16",
        "Seeds": "2",
        "Remarks": "the interval crosses the margin; 1 of 3 dropped",
    }
    assert f"- Not run: Waterbirds; CIFAR-MNIST: {NOT_THERE}." in page
    assert "Effect: error, both − LSAM; claimed: within ±0.02; 90 % intervals." in page
    assert "- Digits: 2 seeds, 3 epochs." in page
    assert "Holm's method" in page
    assert "Over test examples" not in first[0]
    sampled = tabulate(
        [row | {"test_low": -0.15, "test_high": -0.0625} for row in table[:1].to_dict("records")]
    )
    (line,) = markdown_tables(to_markdown(sampled, []))[1]
    assert line["Over test examples"] == "[−0.15, −0.0625]"


def test_other_methods_stand_beside_and_are_not_counted(table, markdown_tables) -> None:
    others = [
        LOWER.evaluate(CheckContext(REAL, "CelebA", 1.0, method=method), pd.Series([-0.2, -0.2]))
        for method in ("lsam", "asam")
    ]
    more = tabulate([*table.to_dict("records"), *others])
    assert overall(more).equals(overall(table))
    alone, beside = (to_markdown(each, []) for each in (table, more))
    rows = markdown_tables(beside)[1]
    assert [(row["Where"], row["Method"]) for row in rows] == [
        ("CelebA", "SAM"),
        ("Digits (demonstration)", "SAM"),
        ("CelebA", "LSAM"),
        ("CelebA", "ASAM"),
    ]
    assert "Method" not in markdown_tables(alone)[1][0]
    assert "Checks of LSAM, ASAM stand beside the paper's below;" in beside
    assert "stand beside" not in alone
    # On the toy LSAM is the paper's.
    assert "Method" not in markdown_tables(beside)[2][0]


def test_a_check_that_was_made_and_is_open_without_a_number_is_not_called_not_run(
    table, markdown_tables
) -> None:
    context, reason = CheckContext(TOY, "toy, 90°"), "the label is lost at the best ρ"
    lost = SAME.unknown(context, reason) | {"verdict": OPEN}
    more = tabulate([*table.to_dict("records"), lost])
    (toy,) = overall(more).query("Where == 'toy'").to_dict("records")
    assert (toy["Verdicts"], toy["Not run"]) == ("supported 0 of 3, contradicted 1, open 2", "")
    page = to_markdown(more, [])
    assert "Of the 4 checks" in page
    assert f"Not run: toy, 90°: {reason}" not in page
    row = markdown_tables(page)[2][-1]
    assert (row["Where"], row["Verdict"], row["Remarks"]) == ("toy, 90°", OPEN, reason)


def test_a_demonstration_is_called_so_at_the_top(table) -> None:
    warning = "DEMONSTRATION data: a verdict on them says nothing of the paper."
    assert warning in to_markdown(table, []).split("## How a check is decided")[0]
    assert warning not in to_markdown(table[table["data"] != DEMONSTRATION], [])


def test_every_claim_has_its_part(table) -> None:
    assert list(CLAIMS) == list(range(1, 12))
    page = to_markdown(table, [])
    places = [page.index(f"## Claim {claim}: {title}") for claim, title in CLAIMS.items()]
    assert places == sorted(places)
