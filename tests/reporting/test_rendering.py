import io
import re
from collections.abc import Callable
from typing import Any

import pandas as pd
import pytest

from feature_quality.reporting.rendering import notes, readable, spread, to_latex, to_markdown
from feature_quality.reporting.table1 import Subject, table1

Rows = Callable[..., pd.DataFrame]
Selections = Callable[..., Any]
Subjects = Callable[..., Subject]
Tables = Callable[[str], list[list[dict[str, str]]]]

SGD, SAM = (0.0005, 0.0), (0.1, 0.07)
WARNING = "DEMONSTRATION"


@pytest.fixture
def runs(rows_of: Rows) -> pd.DataFrame:
    return pd.concat(
        [
            rows_of(*SGD, 0, test=1 / 7, shape=1 / 11, colour=1 / 3),
            rows_of(*SGD, 1, test=1 / 9, shape=1 / 13, colour=1 / 5),
            rows_of(*SAM, 0, test=1 / 17, shape=1 / 19, colour=1 / 21),
            rows_of(*SAM, 1, diverged=True),
        ],
        ignore_index=True,
    )


@pytest.fixture
def selection(selection_of: Selections) -> Any:
    return selection_of(SGD=(*SGD, 3, 2), SAM=(*SAM, 18, 11), at_sgd=(0.0005, 0.05, 6, 5))


def only_measured(selection: Any) -> Any:
    choices = {name: selection["choices"][name] for name in ("SGD", "SAM")}
    return selection | {"choices": choices}


@pytest.fixture
def table(runs: pd.DataFrame, selection: Any, subject_of: Subjects) -> pd.DataFrame:
    return table1(runs, [subject_of()], {"toy": only_measured(selection)})


HEADINGS = {
    "test_error": "Test error",
    "easy_probe_error": "Easy feature: shape",
    "hard_probe_error": "Hard feature: colour",
}


def numbers(text: str) -> list[float]:
    return [float(number) for number in re.split(r" (?:±|\$\\pm\$) ", text)]


def assert_same_numbers(rows: list[dict[str, str]], table: pd.DataFrame) -> None:
    """Compare rendered cells to those of the CSV, which the table is read back from."""
    csv = pd.read_csv(io.StringIO(table.to_csv(index=False)))
    assert len(csv) == 3 * len(rows) == 6
    by_method = {row["Method"]: row for row in rows}
    for _, line in csv.iterrows():
        row = by_method[line["method"]]
        (heading,) = [name for name in row if name.startswith(HEADINGS[line["metric"]])]
        expected = [line["mean"]] if pd.isna(line["std"]) else [line["mean"], line["std"]]
        assert numbers(row[heading]) == pytest.approx(expected, abs=0.5001e-4)
        assert float(row["lr"]) == line["lr"]
        assert float(row["ρ" if "ρ" in row else "$\\rho$"]) == line["rho"]
        assert row["Seeds"] == str(line["n_seeds"])
        assert row["Diverged"] == str(line["diverged"])


def test_spread() -> None:
    assert spread(0.12346, 0.00006) == "0.1235 ± 0.0001"
    assert spread(0.5, 0.25) == "0.5000 ± 0.2500"
    assert spread(0.5, 0.0) == "0.5000 ± 0.0000"
    assert spread(0.5, None) == spread(0.5, float("nan")) == "0.5000"
    assert spread(float("nan"), None) == "–"


def test_readable_has_a_row_a_method_and_a_column_a_metric(table: pd.DataFrame) -> None:
    text = readable(table, "toy")
    assert text["Method"].tolist() == ["SGD", "SAM"]
    assert [*text][3:6] == list(HEADINGS.values())
    assert text.iloc[0].tolist() == [
        *("SGD", "0.0005", "0", "0.1270 ± 0.0224", "0.0839 ± 0.0099", "0.2667 ± 0.0943"),
        *("2", "0"),
    ]
    # One seed has no deviation.
    assert text.iloc[1].tolist() == ["SAM", "0.1", "0.07", "0.0588", "0.0526", "0.0476", "1", "1"]


class TestNotes:
    def test_rule_ties_and_counts(self, selection: Any, subject_of: Subjects) -> None:
        text = "\n".join(notes(subject_of(), selection, 0))
        assert "Selected by: the first that came." in text
        assert re.search(r"^SGD: 2 of 3 settings", text, re.MULTILINE)
        assert re.search(r"^SAM: 11 of 18 settings", text, re.MULTILINE)
        assert "SAM has 18 settings to choose from and SGD 3" in text
        assert "two gradients" in text
        assert "provenance of the constants used: cited." in text

    def test_departures_stand_word_for_word(self, selection: Any, subject_of: Subjects) -> None:
        sentences = ("seeds is (0,), documented (0, 1, 2, 3).", "data_seed is 1, documented 0.")
        lines = notes(subject_of(departures=sentences), selection, 0)
        assert [line for line in lines if "documented" in line] == list(sentences)
        assert not any("documented" in line for line in notes(subject_of(), selection, 0))

    @pytest.mark.parametrize("demonstration", [True, False])
    def test_the_warning_is_for_demonstrations(
        self, selection: Any, subject_of: Subjects, *, demonstration: bool
    ) -> None:
        lines = notes(subject_of(demonstration=demonstration), selection, 0)
        assert [WARNING in line for line in lines] == [demonstration] + [False] * (len(lines) - 1)

    @pytest.mark.parametrize("group_weights", [None, (0.7, 0.1, 0.1, 0.1)])
    def test_weighted_errors_are_called_that(
        self, selection: Any, subject_of: Subjects, group_weights: Any
    ) -> None:
        lines = notes(subject_of(group_weights=group_weights), selection, 0)
        said = [line for line in lines if "frequency in training" in line]
        assert len(said) == (group_weights is not None)

    def test_probes_that_did_not_converge_are_counted(
        self, selection: Any, subject_of: Subjects
    ) -> None:
        lines = notes(subject_of(), selection, 13)
        assert [line for line in lines if "converge" in line] == [
            "13 probe fits of these runs did not converge."
        ]
        assert not any("converge" in line for line in notes(subject_of(), selection, 0))

    def test_without_sam_nothing_is_said_of_it(
        self, selection_of: Selections, subject_of: Subjects
    ) -> None:
        text = "\n".join(notes(subject_of(), selection_of(SGD=(*SGD, 3, 2)), 0))
        assert "SAM" not in text
        assert "SGD: 2 of 3" in text


class TestMarkdown:
    def test_numbers_are_those_of_the_csv(
        self, table: pd.DataFrame, subject_of: Subjects, markdown_tables: Tables
    ) -> None:
        (rows,) = markdown_tables(to_markdown(table, [subject_of()], {"toy": []}))
        assert_same_numbers(rows, table)

    @pytest.mark.parametrize("demonstration", [True, False])
    def test_remarks_stand_under_their_dataset(
        self,
        runs: pd.DataFrame,
        selection: Any,
        subject_of: Subjects,
        markdown_tables: Tables,
        *,
        demonstration: bool,
    ) -> None:
        subjects = [
            subject_of("other", title="The Others", departures=("lr is 7, documented 8.",)),
            subject_of(demonstration=demonstration),
        ]
        selections = {
            "toy": only_measured(selection),
            "other": only_measured(selection) | {"dataset": "other", "rule": "the last"},
        }
        table = table1(
            pd.concat([runs, runs.assign(dataset="other")], ignore_index=True), subjects, selections
        )
        remarks = {each.dataset: notes(each, selections[each.dataset], 0) for each in subjects}
        text = to_markdown(table, subjects, remarks)
        assert len(markdown_tables(text)) == 2
        _, others, toys = text.split("\n## ")
        assert others.startswith("The Others\n")
        assert "- lr is 7, documented 8.\n" in others
        assert "- Selected by: the last." in others
        assert WARNING not in others
        assert toys.startswith("Shapes in colours\n")
        assert "documented" not in toys
        assert "- Selected by: the first that came." in toys
        assert "- SGD: 2 of 3 settings" in toys
        assert (WARNING in toys) is demonstration
        # The protocol closes the page and holds for all.
        assert "test data chose nothing" in toys

    def test_a_dataset_that_is_not_in_the_table_is_said_to_be_left_out(
        self, table: pd.DataFrame, subject_of: Subjects, markdown_tables: Tables
    ) -> None:
        subjects = [subject_of("gone", title="The Gone"), subject_of()]
        text = to_markdown(table, subjects, {"gone": [], "toy": []})
        assert "## The Gone\n\nLeft out: every run of SGD diverged.\n" in text
        assert len(markdown_tables(text)) == 1
        assert "The Gone" not in to_latex(table, subjects, {"gone": [], "toy": []})


def latex_rows(text: str) -> list[dict[str, str]]:
    """Read a LaTeX tabular back; columns are split at unescaped ampersands."""
    (body,) = re.findall(r"\\toprule\n(.*?)\\bottomrule", text, re.DOTALL)
    heading, *rows = [
        [cell.strip() for cell in re.split(r"(?<!\\)&", line.removesuffix("\\\\"))]
        for line in body.splitlines()
        if line != "\\midrule"
    ]
    return [dict(zip(heading, row, strict=True)) for row in rows]


class TestLatex:
    def test_numbers_are_those_of_the_csv(self, table: pd.DataFrame, subject_of: Subjects) -> None:
        rows = latex_rows(to_latex(table, [subject_of()], {"toy": []}))
        assert_same_numbers(rows, table)

    @pytest.fixture
    def text(self, runs: pd.DataFrame, selection: Any, subject_of: Subjects) -> str:
        named = runs.assign(metric=runs["metric"].str.replace("shape", "bird_type"))
        subjects = [
            subject_of(
                dataset,
                title="Cats_1 & 50% #2",
                features=("bird_type", "colour"),
                departures=("probe.per_group is ρ > 5 & x_y ± 3% ≥ #4.",),
            )
            for dataset in ("toy", "other_toy")
        ]
        selections = {
            each.dataset: only_measured(selection) | {"dataset": each.dataset} for each in subjects
        }
        both = pd.concat([named, named.assign(dataset="other_toy")], ignore_index=True)
        remarks = {each.dataset: notes(each, selections[each.dataset], 3) for each in subjects}
        return to_latex(table1(both, subjects, selections), subjects, remarks)

    def test_environments_are_balanced(self, text: str) -> None:
        opened: list[str] = []
        closed: list[str] = []
        for kind, name in re.findall(r"\\(begin|end)\{(\w+)\}", text):
            if kind == "begin":
                opened.append(name)
            else:
                assert opened.pop() == name
                closed.append(name)
        assert opened == []
        assert closed == ["tabular", "table"] * 2
        plain = re.sub(r"\\[{}]", "", text)
        assert plain.count("{") == plain.count("}")
        assert len(re.findall(r"(?<!\\)\$", text)) % 2 == 0

    def test_special_characters_are_escaped(self, text: str) -> None:
        assert r"Cats\_1 \& 50\% \#2" in text
        assert r"bird\_type" in text
        assert r"$\rho$ $>$ 5 \& x\_y $\pm$ 3\% $\geq$ \#4." in text
        for character in "ρ±≥":
            assert character not in text
        # A label is a name, not text.
        free = re.sub(r"\\label\{[^}]*\}", "", text)
        assert not re.search(r"(?<!\\)[_%#]", free)
        # Only a tabular's cells are parted.
        prose = re.sub(r"\\begin\{tabular\}.*?\\end\{tabular\}", "", free, flags=re.DOTALL)
        assert "Selected by" in prose
        assert not re.search(r"(?<!\\)&", prose)

    def test_every_row_has_as_many_cells_as_the_tabular_has_columns(self, text: str) -> None:
        for part in text.split("\\begin{table}")[1:]:
            (columns,) = re.findall(r"\\begin\{tabular\}\{(\w+)\}", part)
            assert {len(row) for row in latex_rows(part)} == {len(columns)}

    def test_labels_tell_datasets_apart(self, text: str) -> None:
        assert re.findall(r"\\label\{(.*?)\}", text) == ["tab:toy", "tab:other_toy"]

    def test_every_environment_holds_title_and_remarks(self, text: str) -> None:
        tables = re.findall(r"\\begin\{table\}.*?\\end\{table\}", text, re.DOTALL)
        assert len(tables) == 2
        for part in tables:
            assert part.count(r"\caption{Cats\_1") == 1
            assert part.count("3 probe fits of these runs did not converge.") == 1
            assert part.count("Selected by: the first that came.") == 1
            assert part.count("test data chose nothing") == 1
        assert WARNING not in text
