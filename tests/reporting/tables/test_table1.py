import io
import re

import pandas as pd
import pytest

from feature_quality.reporting.tables.table1 import (
    make,
    readable,
    selection_notes,
    tidy,
    told_apart_notes,
)

SGD, SAM, AT_SGD = ("sgd", 0.1, 0.0), ("sam", 0.2, 0.05), ("sam", 0.1, 0.05)
LSAM, ASAM = ("lsam", 0.1, 0.2), ("asam", 0.1, 1.0)
MEASURED = {"test": 0.5, "shape": 0.25, "colour": 0.75}


def read_back(table: pd.DataFrame) -> pd.DataFrame:
    """Read the CSV that the script writes, empty cells as empty strings."""
    text = table.to_csv(index=False, lineterminator="\n")
    return pd.read_csv(io.StringIO(text), dtype=str, keep_default_na=False)


def cell(table: pd.DataFrame, method: str, metric: str) -> pd.Series:
    (row,) = [
        row for _, row in table.iterrows() if (row["method"], row["metric"]) == (method, metric)
    ]
    return row


@pytest.fixture
def runs(rows_of) -> pd.DataFrame:
    """Shape is easier at SGD's chosen rate, but not in seed 0, nor at the other rate or in SAM."""
    return pd.concat(
        [
            rows_of(*SGD, 0, test=0.1, shape=0.4, colour=0.3),
            rows_of(*SGD, 1, test=0.2, shape=0.1, colour=0.3),
            rows_of(*SGD, 2, test=0.3, shape=0.1, colour=0.3),
            rows_of("sgd", 0.2, 0.0, 0, test=0.6, shape=0.9, colour=0.0),
            rows_of("sgd", 0.2, 0.0, 1, test=0.6, shape=0.9, colour=0.0),
            rows_of(*SAM, 0, test=0.0, shape=0.5, colour=0.1),
            rows_of(*SAM, 1, test=0.1, shape=0.6, colour=0.1),
            rows_of(*SAM, 2, test=0.5, shape=0.7, colour=0.1),
            rows_of(*AT_SGD, 0, test=0.7, shape=0.2, colour=0.8),
        ],
        ignore_index=True,
    )


@pytest.fixture
def tidied(dataset_of, selection_of):
    """Make the tidy table of one dataset from its settings."""

    def make(runs: pd.DataFrame, *settings, at_sgd=(), **details) -> pd.DataFrame:
        return tidy(runs, [dataset_of(selection_of(*settings, at_sgd=at_sgd), **details)])

    return make


def test_numbers_by_hand(runs, tidied) -> None:
    table = read_back(tidied(runs, SGD, SAM, at_sgd=[AT_SGD]))
    expected = [
        ("sgd", "selected", SGD, "", 0.2, 0.1),
        ("sgd", "selected", SGD, "shape", 0.2, 0.03**0.5),
        ("sgd", "selected", SGD, "colour", 0.3, 0),
        ("sam", "selected", SAM, "", 0.2, 0.07**0.5),
        ("sam", "selected", SAM, "shape", 0.6, 0.1),
        ("sam", "selected", SAM, "colour", 0.1, 0),
        ("sam", "at SGD's lr", AT_SGD, "", 0.7, None),
        ("sam", "at SGD's lr", AT_SGD, "shape", 0.2, None),
        ("sam", "at SGD's lr", AT_SGD, "colour", 0.8, None),
    ]
    assert (
        list(table)
        == list(read_back(tidied(runs)))
        == [
            *("dataset", "method", "setting", "metric", "feature", "mean", "std", "low", "high"),
            *("n_settings", "n_seeds", "lr", "rho", "diverged", "demonstration", "provenance"),
        ]
    )
    metrics = ["test_error", "easy_probe_error", "hard_probe_error"]
    assert table["metric"].tolist() == metrics * 3
    for (_, row), (method, chosen, setting, feature, mean, std) in zip(
        table.iterrows(), expected, strict=True
    ):
        assert (row["method"], row["setting"], row["feature"]) == (method, chosen, feature)
        assert (method, float(row["lr"]), float(row["rho"])) == setting
        assert float(row["mean"]) == pytest.approx(mean)
        # One seed has no deviation: the cell is empty, neither 0 nor nan.
        assert row["std"] == "" if std is None else float(row["std"]) == pytest.approx(std)
        assert row["n_seeds"] == ("1" if std is None else "3")
        assert row["diverged"] == "0"


def test_every_method_has_its_rows_in_the_order_of_the_registry(rows_of, tidied) -> None:
    runs = pd.concat([rows_of(*each, 0, **MEASURED) for each in (ASAM, LSAM, SAM, AT_SGD, SGD)])
    # LSAM's and ASAM's own choices are at SGD's rate.
    table = tidied(runs, ASAM, LSAM, SAM, SGD, at_sgd=[AT_SGD, LSAM, ASAM])
    assert table[["method", "setting"]].drop_duplicates().to_numpy().tolist() == [
        ["sgd", "selected"],
        ["sam", "selected"],
        ["sam", "at SGD's lr"],
        ["lsam", "selected"],
        ["asam", "selected"],
    ]
    assert len(table) == 5 * 3
    text, settings, _ = readable(table)
    assert text["Method"].tolist() == settings["Method"].tolist()
    assert text["Method"].tolist() == ["SGD", "SAM", "SAM at SGD's lr", "LSAM", "ASAM"]


@pytest.mark.parametrize("features", [("shape", "colour"), ("colour", "shape")])
def test_easy_and_hard_swap_when_the_numbers_swap(runs, tidied, features) -> None:
    # Whichever is feature A, the label.
    names = {"shape_probe_error": "colour_probe_error", "colour_probe_error": "shape_probe_error"}
    swapped = runs.assign(metric=runs["metric"].replace(names))
    before, after = (tidied(each, SGD, SAM, features=features) for each in (runs, swapped))
    assert cell(before, "sgd", "easy_probe_error")["feature"] == "shape"
    assert cell(after, "sgd", "easy_probe_error")["feature"] == "colour"
    assert cell(after, "sam", "easy_probe_error")["feature"] == "colour"
    assert cell(after, "sam", "hard_probe_error")["feature"] == "shape"
    pd.testing.assert_series_equal(before["mean"], after["mean"])


def test_a_note_says_where_easy_and_hard_are_not_told_apart(
    rows_of, dataset_of, selection_of
) -> None:
    pairs = [(0.1, 0.3), (0.2, 0.5), (0.3, 0.4)]
    rows = [rows_of(*SGD, seed, shape=a, colour=b) for seed, (a, b) in enumerate(pairs)]
    dataset = dataset_of(selection_of(SGD))
    (note,) = told_apart_notes(pd.concat(rows), dataset)
    assert note == (
        "Easy and hard feature are not told apart: SGD's error on colour less that on shape is "
        "+0.2000, with a 95 % interval of [-0.0484, +0.4484]."
    )
    assert told_apart_notes(pd.concat(rows[::2]), dataset_of(selection_of())) == []
    assert told_apart_notes(pd.concat(rows[:1]), dataset) == []


def test_diverged_seeds_are_excluded_and_counted(runs, rows_of, tidied) -> None:
    # Counted in, SGD's two would make colour the easy feature.
    more = [
        rows_of(*SGD, 3, test=0.9, shape=1.0, colour=0.0, diverged=True),
        rows_of(*SGD, 4, diverged=True),
        rows_of(*SAM, 3, test=0.9, shape=1.0, colour=0.0, diverged=True),
        # A seed that diverged elsewhere stays.
        rows_of(*AT_SGD, 1, test=0.9, shape=0.9, colour=0.9, diverged=True),
    ]
    before = tidied(runs, SGD, SAM)
    after = tidied(pd.concat([*more, runs], ignore_index=True), SGD, SAM)
    same = ["method", "metric", "feature", "mean", "std", "n_seeds"]
    pd.testing.assert_frame_equal(after[same], before[same])
    assert after["diverged"].tolist() == [2, 2, 2, 1, 1, 1]


def test_datasets_do_not_mix_and_one_without_sgd_is_left_out(
    runs, dataset_of, selection_of, markdown_tables
) -> None:
    halved = runs["value"].where(runs["metric"] == "diverged", runs["value"] / 2)
    three = pd.concat(
        [runs, runs.assign(dataset="other", value=halved), runs.assign(dataset="gone")]
    )
    rendered = make(
        three.reset_index(drop=True),
        [
            dataset_of(selection_of(SAM, dataset="gone"), title="The Gone"),
            dataset_of(
                selection_of(SGD, SAM, dataset="other"),
                title="The Others",
                demonstration=True,
                provenance="ours",
                differences=("lr is 7, documented 8.",),
            ),
            dataset_of(selection_of(SGD)),
        ],
    )
    table = rendered.rows
    assert table["dataset"].tolist() == ["other"] * 6 + ["toy"] * 3
    assert table["demonstration"].tolist() == [True] * 6 + [False] * 3
    assert table["provenance"].tolist() == ["ours"] * 6 + ["cited"] * 3
    assert table["mean"][:3].tolist() == pytest.approx([m / 2 for m in table["mean"][6:]])

    assert len(markdown_tables(rendered.markdown)) == 4
    _, gone, others, toys = rendered.markdown.split("\n## ")
    assert gone == "The Gone\n\nLeft out: every run of SGD diverged.\n"
    for said in ("DEMONSTRATION", "lr is 7, documented 8.", "SAM has 3 settings"):
        assert (said in others, said in toys) == (True, False)
    assert "SGD: 1 of 3 settings" in toys
    # The protocol closes the page and holds for all.
    assert "test data chose nothing" in toys
    assert "Gone" not in rendered.latex


def test_readers_see_the_numbers_of_the_csv(rows_of, dataset_of, selection_of, markdown_tables):
    runs = [
        rows_of("sgd", 0.0005, 0.0, 0, test=1 / 7, shape=1 / 11, colour=1 / 3),
        rows_of("sgd", 0.0005, 0.0, 1, test=1 / 9, shape=1 / 13, colour=1 / 5, unconverged=13),
        rows_of("sam", 0.1, 0.07, 0, test=1 / 17, shape=1 / 19, colour=1 / 21),
        rows_of("sam", 0.1, 0.07, 1, diverged=True),
    ]
    selection = selection_of(("sgd", 0.0005, 0.0), ("sam", 0.1, 0.07))
    table = make(pd.concat(runs, ignore_index=True), [dataset_of(selection)])
    errors, settings = markdown_tables(table.markdown)
    names = ["Method", "Test error", "Easy feature: shape", "Hard feature: colour"]
    assert [
        dict(zip(names, row, strict=True))
        for row in (
            ["SGD", "0.1270 ± 0.0224", "0.0839 ± 0.0099", "0.2667 ± 0.0943"],
            # One seed has no deviation.
            ["SAM", "0.0588", "0.0526", "0.0476"],
        )
    ] == errors
    assert [[*row.items()] for row in settings] == [
        [("Method", "SGD"), ("lr", "0.0005"), ("ρ", "0"), ("Seeds", "2"), ("Diverged", "0")],
        [("Method", "SAM"), ("lr", "0.1"), ("ρ", "0.07"), ("Seeds", "1"), ("Diverged", "1")],
    ]
    # The lowest of each column are bold in print.
    for row in (
        r"SGD & 0.1270 $\pm$ 0.0224 & 0.0839 $\pm$ 0.0099 & 0.2667 $\pm$ 0.0943",
        r"SAM & \textbf{0.0588} & \textbf{0.0526} & \textbf{0.0476}",
        "SAM & 0.1 & 0.07 & 1 & 1",
    ):
        assert row in table.latex
    assert "- 13 probe fits of these runs did not converge." in table.markdown


class TestTiedSettings:
    """SAM's selected setting ties with two others; SGD's with none."""

    @pytest.fixture
    def tied(self, rows_of, dataset_of, selection_of):
        errors = {(0.2, 0.05): [0.2, 0.4], (0.1, 0.05): [0.1, 0.1], (0.1, 0.2): [0.6, None]}
        runs = [
            rows_of("sam", *setting, seed, test=0.5, shape=0.1, colour=error, diverged=not error)
            for setting, values in errors.items()
            for seed, error in enumerate(values)
        ]
        runs += [rows_of(*SGD, seed, test=0.5, shape=0.1, colour=0.25) for seed in (0, 1)]
        selection = selection_of(SGD, (*SAM, 3, 1), at_sgd=[AT_SGD])
        selection["choices"]["sam"]["tied"] = [list(setting) for setting in errors]

        def make_table(**details) -> pd.DataFrame:
            return tidy(pd.concat(runs, ignore_index=True), [dataset_of(selection, **details)])

        return runs, make_table

    def test_their_mean_and_range_stand_beside_the_selected_one(self, tied) -> None:
        table = tied[1]()
        (row,) = [
            row
            for _, row in table.iterrows()
            if (row["setting"], row["metric"]) == ("tied", "hard_probe_error")
        ]
        # Of the means 0.3, 0.1 and 0.6, the last one's second seed having diverged.
        assert (row["mean"], row["low"], row["high"]) == pytest.approx((1 / 3, 0.1, 0.6))
        assert row["n_settings"] == 3
        assert set(table.loc[table["setting"] == "tied", "method"]) == {"sam"}
        text, settings, best = readable(table)
        assert text["Method"].tolist() == [
            *("SGD", "SAM", "SAM, mean of 3 tied", "SAM at SGD's lr"),
        ]
        assert text["Hard feature: colour"][2] == "0.3333 [0.1000, 0.6000]"
        assert settings["Method"].tolist() == ["SGD", "SAM", "SAM at SGD's lr"]
        assert best["Hard feature: colour"].tolist() == [False, False, False, True]

    def test_that_were_not_all_probed_have_no_mean(self, tied) -> None:
        runs, make_table = tied
        runs[2] = runs[2][runs[2]["split"] != "probe_test"]
        runs[3] = runs[3][runs[3]["split"] != "probe_test"]
        table = make_table()
        assert set(table.loc[table["setting"] == "tied", "metric"]) == {"test_error"}


def test_numbers_of_the_users_stand_beside_ours(runs, dataset_of, selection_of) -> None:
    reference = {"sam": {"test_error": 0.125, "hard_probe_error": 0.5}}
    table = tidy(runs, [dataset_of(selection_of(SGD, SAM), reference=reference)])
    text, settings, best = readable(table)
    assert text["Method"].tolist() == ["SGD", "SAM", "SAM, reference"]
    assert text.iloc[2].tolist()[1:] == ["0.1250", "–", "0.5000"]
    assert len(settings) == 2
    assert not best.iloc[2].any()
    # The worst group's error has a column where somebody compares it.
    assert "Worst group error" not in text
    named = {"sgd": {"worst_group_error": 0.25}}
    text, _, _ = readable(tidy(runs, [dataset_of(selection_of(SGD, SAM), reference=named)]))
    assert text["Worst group error"].tolist()[1] == "0.2500"


class TestSelectionNotes:
    def test_rule_ties_counts_and_costs(self, selection_of, dataset_of) -> None:
        settings = [(*SGD, 3, 2), (*SAM, 18, 11), (*LSAM, 18, 1), (*ASAM, 9, 4)]
        at_sgd = [(*AT_SGD, 6, 5), LSAM, ASAM]
        lines = selection_notes(dataset_of(selection_of(*settings, at_sgd=at_sgd)))
        assert lines == [
            "Selected by: the first that came.",
            "SGD: 2 of 3 settings were best before ties were broken.",
            "SAM: 11 of 18 settings were best before ties were broken.",
            "LSAM: 1 of 18 settings were best before ties were broken.",
            "ASAM: 4 of 9 settings were best before ties were broken.",
            "SAM has 18 settings to choose from and SGD 3, and a step of SAM takes two gradients.",
            "LSAM has 18 settings to choose from and SGD 3, and a step of LSAM takes one gradient, "
            "and one of the last layer.",
            "ASAM has 9 settings to choose from and SGD 3, and a step of ASAM takes two gradients.",
        ]

    def test_a_method_that_was_not_trained_at_sgds_rate_is_named(
        self, selection_of, dataset_of
    ) -> None:
        *_, said = selection_notes(dataset_of(selection_of(SGD, SAM, LSAM, at_sgd=[LSAM])))
        assert said == "SAM was not trained at SGD's learning rate."

    def test_a_method_of_which_every_run_diverged_is_named(self, selection_of, dataset_of) -> None:
        selection = selection_of((*SGD, 1, 1), (*LSAM, 1, 1), failed=["sam"])
        lines = selection_notes(dataset_of(selection))
        assert lines[-2:] == [
            "Left out: LSAM at SGD's learning rate: every run diverged.",
            "Left out: SAM: every run diverged.",
        ]
        assert any(
            line.startswith("LSAM has 1 setting to choose from and SGD 1,") for line in lines
        )


def test_of_equal_errors_both_are_the_lowest(rows_of, dataset_of, selection_of) -> None:
    """Their means differ in the last bit, as their seeds have them in another order."""
    errors = {SGD: [3, 5, 7, 4], SAM: [5, 4, 7, 3]}
    runs = pd.concat(
        rows_of(*setting, seed, test=error / 1960, shape=0.1, colour=0.2)
        for setting, found in errors.items()
        for seed, error in enumerate(found)
    )
    table = tidy(runs, [dataset_of(selection_of(SGD, SAM))])
    means = table.loc[table["metric"] == "test_error", "mean"]
    assert means.nunique() == 2
    assert readable(table)[2]["Test error"].all()

    @pytest.mark.parametrize("group_weights", [None, (0.7, 0.1, 0.1, 0.1)])
    def test_weighted_errors_are_called_that(self, selection_of, dataset_of, group_weights) -> None:
        text = " ".join(selection_notes(dataset_of(selection_of(SGD), group_weights=group_weights)))
        assert ("frequency in training" in text) == (group_weights is not None)
        assert not re.search("SAM", text)
