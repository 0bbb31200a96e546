import re
from collections.abc import Callable
from typing import Any

import pandas as pd
import pytest

from feature_quality.reporting.rendering2 import notes, readable, to_latex, to_markdown
from feature_quality.reporting.table2 import COLUMNS, Transfer

Tables = Callable[[str], list[list[dict[str, str]]]]
Transfers = Callable[..., Transfer]
Cells = Callable[..., dict[str, Any]]

NAMES = [
    *("SGD", "SAM", "SGD, paper", "SAM, paper", "SGD − paper", "SAM − paper"),
    *("SGD, selected", "SAM, selected"),
]
AGAINST = "Differences are ours less the paper's"


def cell(target: str, method: str, mean: float = 0.5, **changes: Any) -> dict[str, Any]:
    """Return a row of the tidy table that the paper has no number for."""
    row = {
        "dataset": "PACS",
        "target": target,
        "method": method,
        "mean": mean,
        "std": 0.03,
        "n_seeds": 3,
        "lr": 0.0005,
        "rho": 0.0 if method == "SGD" else 0.07,
        "paper": None,
        "difference": None,
        "low": None,
        "high": None,
        "backbone": "resnet18 (ImageNet)",
        "resolution": 224,
        "demonstration": False,
    }
    return row | changes


def compared(target: str, method: str, mean: float, paper: float, half: float | None, **changes):
    ends = {} if half is None else {"low": mean - paper - half, "high": mean - paper + half}
    found = {"paper": paper, "difference": mean - paper} | ends | changes
    return cell(target, method, mean, **found)


def tidy(*rows: dict[str, Any]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=COLUMNS)


@pytest.fixture
def table() -> pd.DataFrame:
    """PACS of two targets, SAM's runs on the second of which diverged but for one seed."""
    return tidy(
        compared("A", "SGD", 0.94321, 0.91, 0.12706),
        compared("A", "SAM", 0.9, 0.914, 0.01),
        compared("C", "SGD", 0.8, 0.897, 0.2),
        compared("C", "SAM", 1.0, 0.921, None, std=None, n_seeds=1, lr=0.01),
    )


EXPECTED = {
    "A": [
        *("0.9432 ± 0.0300", "0.9000 ± 0.0300", "0.910", "0.914"),
        *("+0.033 [−0.094, +0.160]", "−0.014 [−0.024, −0.004]"),
        *("lr 0.0005, ρ 0, 3 seeds", "lr 0.0005, ρ 0.07, 3 seeds"),
    ],
    "C": [
        *("0.8000 ± 0.0300", "1.0000", "0.897", "0.921"),
        *("−0.097 [−0.297, +0.103]", "+0.079"),
        "lr 0.0005, ρ 0, 3 seeds",
    ],
}


def assert_expected(rows: list[dict[str, str]]) -> None:
    assert [list(row) for row in rows] == [["Method", "A", "C"]] * len(rows)
    assert [row["Method"] for row in rows] == NAMES
    assert [row["A"] for row in rows] == EXPECTED["A"]
    assert [row["C"] for row in rows[:-1]] == EXPECTED["C"]
    assert rows[-1]["C"].startswith("lr 0.01, ρ 0.07, 1 seed")


class TestReadable:
    def test_a_row_a_method_and_a_column_a_target(self, table: pd.DataFrame) -> None:
        assert_expected(readable(table).to_dict("records"))

    def test_a_target_that_a_method_lacks_shows_a_dash(self) -> None:
        part = tidy(cell("A", "SGD"), cell("A", "SAM"), cell("C", "SGD"))
        text = readable(part).set_index("Method")
        assert text.index.tolist() == ["SGD", "SAM", "SGD, selected", "SAM, selected"]
        assert text["C"].tolist() == ["0.5000 ± 0.0300", "–", "lr 0.0005, ρ 0, 3 seeds", "–"]

    def test_sgd_comes_first_even_where_the_first_target_lacks_it(self) -> None:
        part = tidy(
            compared("A", "SAM", 0.9, 0.914, 0.1),
            compared("C", "SGD", 0.9, 0.897, 0.1),
            compared("C", "SAM", 0.9, 0.921, 0.1),
        )
        text = readable(part).set_index("Method")
        assert text.index.tolist() == NAMES
        assert (text["A"] == "–").tolist() == [True, False] * 4

    @pytest.mark.parametrize("present", ["SGD", "SAM"])
    def test_a_method_that_is_nowhere_has_no_row(self, present: str) -> None:
        text = readable(tidy(cell("A", present)))
        assert text["Method"].tolist() == [present, f"{present}, selected"]


class TestNotes:
    def test_all_of_them_in_order(self, table: pd.DataFrame, transfer_of: Transfers) -> None:
        transfers = [
            transfer_of("A", departures=("seeds: [0].", "grid.pacs.lr: [1.0].")),
            transfer_of("C", departures=("seeds: [0].", "probe.draws: 2.")),
        ]
        network, against, diverged, unconverged, *rest = notes(
            table, transfers, ["Left out: A."], 3
        )
        assert network == "Network: resnet18 (ImageNet), on images of 224 × 224 pixels."
        assert against.startswith(AGAINST)
        assert diverged == "Left out: A."
        assert "95 % t-interval" in against
        assert unconverged == "3 probe fits of these runs did not converge."
        assert rest == [
            "Weakest provenance of the constants used: cited.",
            *("seeds: [0].", "grid.pacs.lr: [1.0].", "probe.draws: 2."),
        ]

    def test_without_a_paper_number_nothing_is_said_of_differences(
        self, transfer_of: Transfers
    ) -> None:
        assert notes(tidy(cell("A", "SGD")), [transfer_of("A")], [], 0) == [
            "Network: resnet18 (ImageNet), on images of 224 × 224 pixels.",
            "Weakest provenance of the constants used: cited.",
        ]

    def test_every_network_is_named_once(self, table: pd.DataFrame, transfer_of: Transfers) -> None:
        transfers = [
            transfer_of("A", backbone="resnet50 (ImageNet)"),
            transfer_of("C", backbone="cnn (from scratch)", resolution=64),
            transfer_of("P", backbone="resnet50 (ImageNet)"),
        ]
        assert notes(table, transfers, [], 0)[:2] == [
            "Network: cnn (from scratch), on images of 64 × 64 pixels.",
            "Network: resnet50 (ImageNet), on images of 224 × 224 pixels.",
        ]

    @pytest.mark.parametrize("demonstration", [True, False])
    def test_the_warning_is_for_demonstrations_and_comes_first(
        self, table: pd.DataFrame, transfer_of: Transfers, *, demonstration: bool
    ) -> None:
        lines = notes(table, [transfer_of("A", demonstration=demonstration)], [], 0)
        warned = ["DEMONSTRATION data: these numbers reproduce nothing of the paper."]
        assert [line for line in lines if "DEMONSTRATION" in line] == warned * demonstration
        assert (lines[0] in warned) is demonstration


class TestMarkdown:
    def test_numbers_are_those_of_the_table(
        self, table: pd.DataFrame, markdown_tables: Tables
    ) -> None:
        (rows,) = markdown_tables(to_markdown(table, {"PACS": []}))
        assert_expected(rows)

    def test_datasets_stand_apart_with_their_notes(
        self, table: pd.DataFrame, markdown_tables: Tables
    ) -> None:
        both = pd.concat([table, tidy(cell("P", "SGD", dataset="Digits"))], ignore_index=True)
        text = to_markdown(both, {"Digits": ["One.", "Two."], "PACS": ["Three."]})
        first, second = markdown_tables(text)
        assert list(first[0]) == ["Method", "P"]
        assert_expected(second)
        heading, digits, pacs = re.split("^## ", text, flags=re.MULTILINE)
        assert heading.startswith("# Table 2: ")
        assert digits.startswith("Digits\n\n|")
        assert "\n\n- One.\n- Two.\n" in digits
        assert "Three" not in digits
        assert pacs.startswith("PACS\n\n|")
        assert "\n\n- Three.\n\nAccuracies are fractions" in pacs
        assert text.endswith(".\n")

    def test_a_dataset_whose_every_run_diverged_is_said_to_be_left_out(
        self, table: pd.DataFrame, markdown_tables: Tables
    ) -> None:
        remarks = {"VLCS": ["Never shown."], "PACS": []}
        text = to_markdown(table, remarks)
        assert "## VLCS\n\nLeft out: every run diverged.\n\n## PACS\n" in text
        assert "Never shown." not in text
        assert len(markdown_tables(text)) == 1
        latex = to_latex(table, remarks)
        assert latex.count("\\begin{table}") == 1
        assert "VLCS" not in latex


class TestLatex:
    @pytest.fixture
    def text(self, table: pd.DataFrame) -> str:
        both = pd.concat([table, tidy(cell("P", "SGD", dataset="A_B & C"))], ignore_index=True)
        return to_latex(
            both, {"PACS": ["224 × 224, 5 % of x_y."], "A_B & C": ["training.pacs.epochs: 1."]}
        )

    def test_numbers_are_those_of_the_table(self, text: str) -> None:
        body = re.findall(r"\\toprule\n(.*?)\\bottomrule", text, re.DOTALL)[0]
        for command, character in {"$\\pm$": "±", "$-$": "−", "$\\rho$": "ρ"}.items():
            body = body.replace(command, character)
        heading, *rows = [
            [each.strip() for each in line.removesuffix("\\\\").split("&")]
            for line in body.splitlines()
            if line != "\\midrule"
        ]
        assert_expected([dict(zip(heading, row, strict=True)) for row in rows])

    def test_environments_are_balanced(self, text: str) -> None:
        environments = re.findall(r"\\(begin|end)\{(\w+)\}", text)
        one = [("begin", "table"), ("begin", "tabular"), ("end", "tabular"), ("end", "table")]
        assert environments == one * 2
        assert text.count("{") == text.count("}")
        assert text.count("$") % 2 == 0
        assert re.findall(r"\\begin\{tabular\}\{(\w+)\}", text) == ["lcc", "lc"]

    def test_special_characters_are_escaped(self, text: str) -> None:
        for character in "−×±ρ":
            assert character not in text
        assert r"224 $\times$ 224, 5 \% of x\_y." in text
        assert r"\caption{A\_B \& C}" in text
        assert r"SGD $-$ paper" in text
        assert not re.search(r"(?<!\\)[_%#]", text)

    def test_labels_tell_datasets_apart(self, text: str) -> None:
        assert re.findall(r"\\label\{(.*?)\}", text) == ["tab:transfer-1", "tab:transfer-2"]

    def test_remarks_and_protocol_stand_in_their_environment(self, text: str) -> None:
        first, second = re.findall(r"\\begin\{table\}.*?\\end\{table\}", text, re.DOTALL)
        assert "training.pacs.epochs: 1." not in first
        assert "training.pacs.epochs: 1." in second
        for part in (first, second):
            assert part.count("the accuracy is the probe's on the target's test split") == 1
