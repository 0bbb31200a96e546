import io
import re

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
    table = tidy(runs, [target])
    for row, numbers in zip(table.to_dict("records"), expected, strict=True):
        assert row == pytest.approx(same | dict(zip(names, numbers, strict=True)), abs=1e-5)
    text, settings, best = readable(table)
    assert text.to_dict("list") == {
        "Method": NAMES,
        "A": [
            *("0.9400 ± 0.0141", "0.9200 ± 0.0200", "0.910", "0.914"),
            *("+0.030 [−0.097, +0.157]", "+0.006 [−0.044, +0.056]"),
        ],
    }
    assert settings.to_dict("list") == {
        "Method": ["SGD", "SAM"],
        "A": ["lr 0.1, ρ 0, 2 seeds", "lr 0.2, ρ 0.05, 3 seeds"],
    }
    assert best["A"].tolist() == [True, *[False] * 5]
    assert list(read_back(table)) == list(read_back(tidy(runs, []))) == COLUMNS
    assert [
        *("dataset", "target", "method", "mean", "std", "n_seeds", "lr", "rho", "paper"),
        *("difference", "low", "high", "backbone", "resolution", "demonstration"),
    ] == COLUMNS


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
def test_a_method_without_a_finished_run_is_absent_and_one_seed_has_no_interval(
    runs_of, target_of, setting
) -> None:
    runs = pd.concat([runs_of(SGD, 0.1), runs_of(SAM, 0.1, None)], ignore_index=True)
    table = tidy(runs, [target_of("A", setting)])
    ours, paper = 0.9, PAPER["PACS"][setting[0]]["A"]
    (row,) = read_back(table).to_dict("records")
    assert (row["method"], row["n_seeds"]) == (setting[0], "1")
    assert float(row["difference"]) == pytest.approx(ours - paper)
    assert row["std"] == row["low"] == row["high"] == ""
    label = setting[0].upper()
    kinds = ["", ", paper", " − paper"]
    text, settings, _ = readable(table)
    assert text["Method"].tolist() == [f"{label}{kind}" for kind in kinds]
    shown = f"{ours - paper:+.3f}".replace("-", "−")
    assert text["A"][2] == shown
    assert settings["A"].tolist() == [f"lr {setting[1]}, ρ {setting[2]:g}, 1 seed"]


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


def test_sgd_comes_first_and_a_target_that_it_lacks_shows_a_dash(runs_of, target_of) -> None:
    runs = [runs_of(SAM, 0.1, 0.2), *(runs_of(each, 0.1, 0.2, target="C") for each in (SGD, SAM))]
    table = tidy(pd.concat(runs), [target_of("A", SAM), target_of("C", SAM, SGD)])
    text, settings, best = readable(table)
    assert text["Method"].tolist() == NAMES
    assert (text["A"] == "–").tolist() == [True, False] * 3
    assert (text["C"] != "–").all()
    assert settings["A"].tolist() == ["–", "lr 0.2, ρ 0.05, 2 seeds"]
    # Of equal numbers both are bold.
    assert best[["A", "C"]].to_numpy().tolist() == [[False, True], [True, True], *[[False] * 2] * 4]


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
    assert len(markdown_tables(table.markdown)) == 4
    title, pacs, digits, vlcs = table.markdown.split("\n\n## ")
    assert title == "# Table 2: accuracy on a domain that was left out of training"
    network, vit, against, *rest = pacs.partition("\n\n- ")[2].split("\n- ")
    assert network == "Network: resnet18 (ImageNet), on images of 224 × 224 pixels."
    assert vit == "Network: vit, on images of 224 × 224 pixels."
    assert "95 % t-interval over our seeds" in against
    assert rest == [
        "Domains: red, blue.",
        "Selected by: the first that came.",
        "SAM has 3 settings to choose from and SGD 3, and a step of SAM takes two gradients.",
        "Left out: SGD on target A: 1 of 2 runs diverged.",
        "Left out: SGD on target P: every run diverged.",
        "14 probe fits of these runs did not converge.",
        "Weakest provenance of the constants used: cited.",
        *("seeds: [0].", "lr: 1."),
    ]
    assert digits.startswith("Digits_1\n\n|")
    assert "\n\n- DEMONSTRATION data" in digits
    assert vlcs.startswith("VLCS\n\nLeft out: every run diverged.\n\nAccuracies are fractions")
    labels = re.findall(r"label\{tab:(.*?)\}", table.latex)
    assert labels == [f"transfer-{n}{kind}" for n in (1, 2) for kind in ("", "-settings")]
    assert "VLCS" not in table.latex
