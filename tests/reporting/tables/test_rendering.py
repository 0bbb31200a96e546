import re

import pandas as pd
import pytest

from feature_quality.reporting.tables.rendering import Part, notes, render, spread

WARNING = "DEMONSTRATION data: these numbers reproduce nothing of the paper."
CELLS = pd.DataFrame({"Method": ["SGD", "SGD − paper"], "bird_type ρ": ["0.1 ± 0.2", "+0.1"]})
SETTINGS = pd.DataFrame({"Method": ["SGD"], "lr": ["0.1"]})
BEST = pd.DataFrame({"Method": [False, False], "bird_type ρ": [True, False]})
SAID = ["x_y is ρ > 5 & 3% ≥ #4.", "5 × 5.", 'a\\b: {"c": [1]} ^ ~ $.']
PARTS = [
    Part("Cats_1 & 50% #2", "toy", CELLS, SAID, settings=SETTINGS, best=BEST),
    Part("The Gone", "gone", CELLS.iloc[:0], ["Never shown."], "Left out: all diverged."),
    Part("Others → all", "other_toy", CELLS.iloc[:1]),
]
TABLE = render(CELLS, "A table", PARTS, ["What holds.", "And more."])


def test_spread() -> None:
    def of(mean: float, std: float | None) -> str:
        return spread({"mean": mean, "std": std})

    assert of(0.12346, 0.00006) == "0.1235 ± 0.0001"
    assert of(0.5, 0.0) == "0.5000 ± 0.0000"
    assert of(0.5, None) == of(0.5, float("nan")) == "0.5000"
    assert of(float("nan"), None) == "–"


def test_markdown_has_title_parts_notes_and_protocol(markdown_tables) -> None:
    assert TABLE.rows is CELLS
    assert markdown_tables(TABLE.markdown) == [
        CELLS.to_dict("records"),
        SETTINGS.to_dict("records"),
        CELLS.iloc[:1].to_dict("records"),
    ]
    first, gone, others = TABLE.markdown.split("\n\n## ")[1:]
    assert TABLE.markdown.startswith("# A table\n\n## Cats_1 & 50% #2\n\n|")
    assert first.endswith("\n\n- " + "\n- ".join(SAID))
    assert gone == "The Gone\n\nLeft out: all diverged."
    assert others.endswith("|\n\nWhat holds.\n\nAnd more.\n")
    assert "Never shown" not in TABLE.markdown


class TestLatex:
    def test_a_part_without_cells_is_left_out_and_labels_tell_the_others_apart(self) -> None:
        assert re.findall(r"\\label\{(.*?)\}", TABLE.latex) == [
            *("tab:toy", "tab:toy-settings", "tab:other_toy"),
        ]
        assert "Gone" not in TABLE.latex

    def test_environments_are_balanced(self) -> None:
        environments = re.findall(r"\\(begin|end)\{(\w+)\}", TABLE.latex)
        opened: list[str] = []
        for what, name in environments:
            if what == "begin":
                opened.append(name)
            else:
                assert opened.pop() == name
        assert opened == []
        assert [name for what, name in environments if what == "begin"] == [
            *("table", "threeparttable", "tabularx", "tablenotes"),
            *("table", "threeparttable", "tabularx"),
            *("table", "threeparttable", "tabularx", "tablenotes"),
        ]
        plain = re.sub(r"\\[{}$]", "", TABLE.latex)
        assert plain.count("{") == plain.count("}")
        assert plain.count("$") % 2 == 0

    def test_cells_are_those_of_the_table(self) -> None:
        tabulars = re.findall(r"\{l\*\{(\d)\}.*?\n\\toprule\n(.*?)\\bottom", TABLE.latex, re.S)
        expected = (CELLS, SETTINGS, CELLS.iloc[:1])
        for (columns, body), cells in zip(tabulars, expected, strict=True):
            for command, character in {r"$\pm$": "±", "$-$": "−", r"$\rho$": "ρ"}.items():
                body = body.replace(command, character)
            lines = [
                [
                    cell.strip().replace(r"\_\allowbreak{}", "_")
                    for cell in re.split(r"(?<!\\)&", line)
                ]
                for line in body.replace("\\\\", "").splitlines()
                if line != r"\midrule"
            ]
            lines = [[re.sub(r"\\textbf\{(.*)\}", r"\1", cell) for cell in line] for line in lines]
            assert lines == [list(cells), *cells.to_numpy().tolist()]
            assert columns == "1"
        assert r"SGD & \textbf{0.1 $\pm$ 0.2} \\" in TABLE.latex
        assert TABLE.latex.count("textbf") == 1

    def test_special_characters_are_escaped(self) -> None:
        assert r"\caption{A table. Cats\_\allowbreak{}1 \& 50\% \#2}" in TABLE.latex
        assert r"\caption{A table. Others $\to$ all}" in TABLE.latex
        # LaTeX numbers tables, and names keep their capitals.
        named = render(CELLS, "Table 1: errors of SGD", PARTS[:1], []).latex
        assert r"\caption{Errors of SGD. " in named
        assert (
            r'a\textbackslash{}b: \{"c": [1]\} \textasciicircum{} \textasciitilde{} \$.'
            in TABLE.latex
        )
        assert r"x\_\allowbreak{}y is $\rho$ $>$ 5 \& 3\% $\geq$ \#4. 5 $\times$ 5." in TABLE.latex
        for character in "ρ±≥×−→":
            assert character not in TABLE.latex
        # A label is a name, not text.
        free = re.sub(r"\\label\{[^}]*\}|^%.*", "", TABLE.latex)
        assert not re.search(r"(?<!\\)[_%#]", free)
        # Only a tabular's cells are parted.
        prose = re.sub(r"\\begin\{tabularx\}.*?\\end\{tabularx\}", "", free, flags=re.DOTALL)
        assert not re.search(r"(?<!\\)&", prose)

    def test_every_environment_holds_its_notes_and_the_protocol(self) -> None:
        first, _, second = re.findall(r"\\begin\{table\}.*?\\end\{table\}", TABLE.latex, re.DOTALL)
        assert ("textasciicircum" in first, "textasciicircum" in second) == (True, False)
        for part in (first, second):
            assert part.count("What holds. And more.") == 1


class TestNotes:
    @pytest.mark.parametrize("demonstration", [True, False])
    def test_are_the_warning_what_is_said_and_what_holds_for_all(
        self, dataset_of, selection_of, demonstration
    ) -> None:
        datasets = [
            dataset_of(selection_of(), differences=("seeds: [0].", "lr: 1."), provenance="ours"),
            dataset_of(
                selection_of(), differences=("seeds: [0].", "rho: 2."), demonstration=demonstration
            ),
        ]
        assert notes(datasets, ["Said."], 13) == [
            *([WARNING] if demonstration else []),
            "Said.",
            "13 probe fits of these runs did not converge.",
            "Weakest provenance of the constants used: cited, ours.",
            *("seeds: [0].", "lr: 1.", "rho: 2."),
        ]

    def test_what_is_not_so_is_not_said(self, dataset_of, selection_of) -> None:
        found = notes([dataset_of(selection_of())], [], 0)
        assert found == ["Weakest provenance of the constants used: cited."]
