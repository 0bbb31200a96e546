import io

import pandas as pd
import pytest

from feature_quality.reporting.tables.table2 import (
    COLUMNS,
    PAPER,
    divergences,
    make,
    readable,
    tidy,
)

SGD, SAM, LSAM = ("sgd", 0.1, 0.0), ("sam", 0.2, 0.05), ("lsam", 0.1, 0.2)
NAMES = [
    *("SGD", "SAM", "SGD, paper", "SAM, paper", "SGD − paper", "SAM − paper"),
    *("SGD, selected", "SAM, selected"),
]


def read_back(table: pd.DataFrame) -> pd.DataFrame:
    """Read the CSV that the script writes, empty cells as empty strings."""
    text = table.to_csv(index=False, lineterminator="\n")
    return pd.read_csv(io.StringIO(text), dtype=str, keep_default_na=False)


@pytest.fixture
def runs_of(rows_of):
    """Make the runs of one setting from the class probe's error of each seed; None diverged."""

    def make(setting, *errors: float | None, target: str = "A", **details) -> pd.DataFrame:
        return pd.concat(
            [
                rows_of(
                    *setting,
                    seed,
                    test=0.9,
                    shape=0.4 if error is None else error,
                    colour=0.7,
                    diverged=error is None,
                    dataset=f"pacs_{target}",
                    **details,
                )
                for seed, error in enumerate(errors)
            ],
            ignore_index=True,
        )

    return make


@pytest.fixture
def target_of(dataset_of, selection_of):
    """Make a target domain of PACS, where shape is the class, from the chosen settings."""

    def make(target: str, *settings, at_sgd=(), failed=(), title: str = "PACS", **details):
        options = {"at_sgd": at_sgd, "failed": failed, "dataset": f"pacs_{target}"}
        return dataset_of(selection_of(*settings, **options), title=title, target=target, **details)

    return make


def test_columns_are_exactly_these(runs_of, target_of) -> None:
    expected = [
        *("dataset", "target", "method", "mean", "std", "n_seeds", "lr", "rho", "paper"),
        *("difference", "low", "high", "backbone", "resolution", "demonstration"),
    ]
    runs = pd.concat([runs_of(SGD, 0.1), runs_of(SAM, 0.1)], ignore_index=True)
    assert list(read_back(tidy(runs, [target_of("A", SGD, SAM)]))) == expected
    assert list(read_back(tidy(runs, []))) == expected


def test_numbers_by_hand(runs_of, target_of) -> None:
    runs = pd.concat(
        [
            runs_of(SGD, 0.05, None, 0.07),
            runs_of(SAM, 0.06, 0.08, 0.1),
            # Settings, methods and targets that are not asked for.
            runs_of(("sgd", 0.2, 0.0), 0.9, 0.9),
            runs_of(("sam", 0.1, 0.05), 0.9, 0.9),
            runs_of(("asam", 0.2, 0.05), 0.9, 0.9),
            runs_of(SGD, 0.9, 0.9, target="C"),
        ],
        ignore_index=True,
    )
    target = target_of("A", SGD, SAM, at_sgd=[("sam", 0.1, 0.05)], backbone="cnn", resolution=64)
    names = ["method", "mean", "std", "n_seeds", "lr", "rho", "paper", "difference", "low", "high"]
    # The quantile 12.706 of one degree of freedom times 0.02 / √2 / √2, and the quantile 4.303 of
    # two degrees of freedom times 0.02 / √3.
    expected = [
        ("sgd", 0.94, 0.02 / 2**0.5, 2, 0.1, 0.0, 0.91, 0.03, 0.03 - 0.12706, 0.03 + 0.12706),
        ("sam", 0.92, 0.02, 3, 0.2, 0.05, 0.914, 0.006, 0.006 - 0.04969, 0.006 + 0.04969),
    ]
    same = {"dataset": "PACS", "target": "A", "backbone": "cnn", "resolution": 64}
    same |= {"demonstration": False}
    for row, numbers in zip(tidy(runs, [target]).to_dict("records"), expected, strict=True):
        assert row == pytest.approx(same | dict(zip(names, numbers, strict=True)), abs=1e-5)


def test_targets_keep_their_order_and_the_paper_has_numbers_of_sgd_and_sam_alone(
    runs_of, target_of
) -> None:
    runs = pd.concat(
        [
            runs_of(setting, error, target=target)
            for target, error in [("A", 0.1), ("S", 0.3)]
            for setting in (SGD, SAM, LSAM)
        ],
        ignore_index=True,
    )
    targets = [target_of("S", LSAM, SAM, SGD), target_of("A", LSAM, SAM, SGD, resolution=64)]
    table = tidy(runs, targets)
    assert table[["target", "method", "resolution"]].to_numpy().tolist() == [
        *(["S", "sgd", 224], ["S", "sam", 224], ["S", "lsam", 224]),
        *(["A", "sgd", 64], ["A", "sam", 64], ["A", "lsam", 64]),
    ]
    assert table["mean"].tolist() == pytest.approx([0.7] * 3 + [0.9] * 3)
    published = read_back(table)["paper"].tolist()
    assert published == ["0.893", "0.908", "", "0.91", "0.914", ""]


def test_one_seed_has_no_deviation_and_no_interval(runs_of, target_of) -> None:
    runs = pd.concat([runs_of(SGD, 0.2), runs_of(SAM, None, 0.1)], ignore_index=True)
    table = read_back(tidy(runs, [target_of("A", SGD, SAM)]))
    assert table["n_seeds"].tolist() == ["1", "1"]
    assert table["difference"].astype(float).tolist() == pytest.approx([-0.11, -0.014])
    for column in ("std", "low", "high"):
        assert table[column].tolist() == ["", ""]


@pytest.mark.parametrize(
    ("title", "target", "demonstration"),
    [
        ("Digits in four domains (demonstration)", "P", True),
        ("PACS (another copy)", "A", False),
        ("pacs", "A", False),
        # A letter of VLCS.
        ("PACS", "L", False),
    ],
)
def test_only_what_the_paper_published_is_compared(
    runs_of, target_of, title, target, demonstration
) -> None:
    runs = runs_of(SGD, 0.25, 0.75, target=target)
    dataset = target_of(target, SGD, title=title, demonstration=demonstration)
    (row,) = read_back(tidy(runs, [dataset])).to_dict("records")
    assert (row["mean"], row["n_seeds"]) == ("0.5", "2")
    assert row["demonstration"] == str(demonstration)
    assert [row[column] for column in ("paper", "difference", "low", "high")] == [""] * 4
    assert "less the paper's" not in make(runs, [dataset]).markdown


@pytest.mark.parametrize("setting", [SGD, SAM])
def test_a_method_without_a_finished_run_is_absent(runs_of, target_of, setting) -> None:
    runs = pd.concat([runs_of(SGD, 0.1), runs_of(SAM, 0.1)], ignore_index=True)
    table = tidy(runs, [target_of("A", setting)])
    assert table["method"].tolist() == [setting[0]]
    label = setting[0].upper()
    kinds = ["", ", paper", " − paper", ", selected"]
    assert readable(table)["Method"].tolist() == [f"{label}{kind}" for kind in kinds]


def test_the_papers_numbers_are_those_of_appendix_f() -> None:
    published = {
        "OfficeHome": ("ACPR", ".687 .716 .853 .777", ".709 .745 .858 .784"),
        "PACS": ("ACPS", ".910 .897 .955 .893", ".914 .921 .964 .908"),
        "VLCS": ("CLSV", ".993 .736 .748 .812", ".996 .748 .776 .830"),
    }
    assert {
        title: {
            method: dict(zip(letters, map(float, row.split()), strict=True))
            for method, row in (("sgd", sgd), ("sam", sam))
        }
        for title, (letters, sgd, sam) in published.items()
    } == PAPER


def test_runs_that_diverged_are_said(runs_of, target_of) -> None:
    runs = pd.concat(
        [runs_of(SGD, None, 0.1, None), runs_of(SAM, 0.2), runs_of(SGD, 0.2, target="C")],
        ignore_index=True,
    )
    assert divergences(runs, target_of("A", SGD, SAM)) == [
        "Left out: SGD on target A: 2 of 3 runs diverged."
    ]
    assert divergences(runs, target_of("C", SGD)) == []
    assert divergences(runs, target_of("C", SGD, failed=["sam", "lsam"])) == [
        "Left out: SAM on target C: every run diverged.",
        "Left out: LSAM on target C: every run diverged.",
    ]


class TestReadable:
    @staticmethod
    def row(target: str, method: str, mean: float, paper: float, half: float | None, **changes):
        ends = {} if half is None else {"low": mean - paper - half, "high": mean - paper + half}
        same = {"dataset": "PACS", "std": 0.03, "n_seeds": 3, "lr": 0.0005}
        same |= {"rho": 0.0 if method == "sgd" else 0.07, "difference": mean - paper}
        return (
            same
            | {"target": target, "method": method, "mean": mean, "paper": paper}
            | ends
            | changes
        )

    def test_a_row_a_method_and_a_column_a_target(self) -> None:
        rows = [
            self.row("A", "sgd", 0.94321, 0.91, 0.12706),
            self.row("A", "sam", 0.9, 0.914, 0.01),
            self.row("C", "sgd", 0.8, 0.897, 0.2),
            self.row("C", "sam", 1.0, 0.921, None, std=None, n_seeds=1, lr=0.01),
        ]
        text = readable(pd.DataFrame(rows, columns=COLUMNS))
        assert list(text) == ["Method", "A", "C"]
        assert text["Method"].tolist() == NAMES
        assert text["A"].tolist() == [
            *("0.9432 ± 0.0300", "0.9000 ± 0.0300", "0.910", "0.914"),
            *("+0.033 [−0.094, +0.160]", "−0.014 [−0.024, −0.004]"),
            *("lr 0.0005, ρ 0, 3 seeds", "lr 0.0005, ρ 0.07, 3 seeds"),
        ]
        assert text["C"].tolist() == [
            *("0.8000 ± 0.0300", "1.0000", "0.897", "0.921"),
            *("−0.097 [−0.297, +0.103]", "+0.079"),
            *("lr 0.0005, ρ 0, 3 seeds", "lr 0.01, ρ 0.07, 1 seed"),
        ]

    def test_sgd_comes_first_and_a_target_that_it_lacks_shows_a_dash(self) -> None:
        rows = [
            self.row("A", "sam", 0.9, 0.914, 0.1),
            self.row("C", "sgd", 0.9, 0.897, 0.1),
            self.row("C", "sam", 0.9, 0.921, 0.1),
        ]
        text = readable(pd.DataFrame(rows, columns=COLUMNS))
        assert text["Method"].tolist() == NAMES
        assert (text["A"] == "–").tolist() == [True, False] * 4


def test_datasets_stand_apart_with_their_notes(runs_of, target_of, markdown_tables) -> None:
    runs = pd.concat(
        [
            runs_of(SGD, 0.1, None, unconverged=3),
            runs_of(SAM, 0.1, 0.1, unconverged=4),
            runs_of(SGD, 0.3, target="C"),
            runs_of(SGD, None, target="V"),
            # At SGD's rate, which this table does not show.
            runs_of(("sam", 0.1, 0.05), 0.2, unconverged=50),
        ],
        ignore_index=True,
    )
    digits = {"title": "Digits_1", "demonstration": True, "backbone": "cnn", "resolution": 32}
    targets = [
        target_of("A", SGD, SAM, at_sgd=[("sam", 0.1, 0.05)], differences=("seeds: [0].",)),
        target_of("P", failed=["sgd"], differences=("seeds: [0].", "lr: 1."), backbone="vit"),
        target_of("C", SGD, **digits),
        target_of("V", failed=["sgd"], title="VLCS"),
    ]
    table = make(runs, targets)
    assert len(markdown_tables(table.markdown)) == 2
    title, pacs, digits, vlcs = table.markdown.split("\n\n## ")
    assert title == "# Table 2: accuracy on a domain that was left out of training"
    network, vit, against, *rest = pacs.partition("\n\n- ")[2].split("\n- ")
    assert network == "Network: resnet18 (ImageNet), on images of 224 × 224 pixels."
    assert vit == "Network: vit, on images of 224 × 224 pixels."
    assert "95 % t-interval over our seeds" in against
    assert rest == [
        "Left out: SGD on target A: 1 of 2 runs diverged.",
        "Left out: SGD on target P: every run diverged.",
        "14 probe fits of these runs did not converge.",
        "Weakest provenance of the constants used: cited.",
        *("seeds: [0].", "lr: 1."),
    ]
    assert digits.startswith("Digits_1\n\n|")
    assert "\n\n- DEMONSTRATION data" in digits
    assert vlcs.startswith("VLCS\n\nLeft out: every run diverged.\n\nAccuracies are fractions")
    assert table.latex.count("\\label{tab:transfer-") == 2
    assert "VLCS" not in table.latex
