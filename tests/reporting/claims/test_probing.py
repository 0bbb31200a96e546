"""Claims 1, 2 and 11: SGD and other methods, compared by seed."""

from collections.abc import Callable
from typing import Any

import pandas as pd
import pytest
from scipy.stats import linregress, ttest_1samp

from feature_quality.reporting.claims.probing import probing, transfer

SGD, SAM, LSAM = ("sgd", 0.1, 0.0), ("sam", 0.2, 0.05), ("lsam", 0.2, 0.05)
PAPERS = ["CIFAR-MNIST", "FMNIST-MNIST", "CelebA", "Waterbirds"]
ABSENT = "the dataset is not among the results"
HERE = "Shapes in colours"

Errors = tuple[float, float] | None


@pytest.fixture
def checked(
    rows_of, selection_of, description_of, bootstrap_of
) -> Callable[..., list[dict[str, Any]]]:
    """Check one dataset from each method's (shape, colour) errors by seed; None diverged.

    A method whose runs have all diverged has no setting. Runs that are not asked for differ.
    """

    def check(
        sgd: list[Errors],
        sam: list[Errors],
        lsam: list[Errors] | None = None,
        dataset: str = "toy",
        check: Any = probing,
        **details: Any,
    ) -> list[dict[str, Any]]:
        errors = {SGD: sgd, SAM: sam} | ({LSAM: lsam} if lsam else {})
        runs = [
            rows_of(
                *setting,
                seed,
                test=0.1,
                shape=0.9 if pair is None else pair[0],
                colour=0.9 if pair is None else pair[1],
                diverged=pair is None,
                dataset=dataset,
            )
            for setting, pairs in errors.items()
            for seed, pair in enumerate(pairs)
        ]
        runs += [
            rows_of(*setting, seed, test=0.9, shape=0.9, colour=0.0, dataset=name)
            for setting, name in ((("sam", 0.1, 0.05), dataset), (SAM, "another"))
            for seed in range(3)
        ]
        finished = [setting for setting in errors if any(errors[setting])]
        failed = [setting[0] for setting in errors if setting not in finished]
        selection = selection_of(
            *finished, at_sgd=[("sam", 0.1, 0.05)], failed=failed, dataset=dataset
        )
        runs = pd.concat(runs, ignore_index=True)
        bootstrap = bootstrap_of(runs)
        return check(runs, [description_of(dataset, **details)], {dataset: selection}, bootstrap)

    return check


def test_the_selected_settings_are_compared_by_seed(checked, only) -> None:
    rows = checked(
        [(0.1, 0.3), (0.2, 0.5), (0.3, 0.5)],
        # The easy feature gains 0.1 each time, the hard one loses 0.1, 0.2 and 0.3.
        [(0.0, 0.4), (0.1, 0.7), (0.2, 0.8)],
    )
    hard, easy = (only(rows, check, where=HERE) for check in ("1a", "2a"))
    assert (easy["verdict"], easy["effect"], easy["runs"]) == ("supported", -0.1, 3)
    assert hard["effect"] == pytest.approx(0.2)
    # The quantile 4.302653 of two degrees of freedom times 0.1 / √3.
    assert (hard["low"], hard["high"]) == pytest.approx((0.2 - 0.248414, 0.2 + 0.248414), abs=1e-6)
    assert (hard["verdict"], hard["reason"]) == ("open", "the interval holds 0")
    assert hard["note"] == "colour; SGD at lr 0.1, SAM at lr 0.2"
    assert easy["note"].startswith("shape;")
    assert (hard["method"], hard["rho"]) == ("sam", 0.05)


def test_the_easy_feature_is_told_by_sgd_alone(checked, only) -> None:
    rows = checked([(0.3, 0.1), (0.3, 0.1), None], [(0.0, 0.2), (0.0, 0.2), (0.0, 0.2)])
    hard, easy = (only(rows, check, where=HERE) for check in ("1a", "2a"))
    assert hard["note"].startswith("shape;")
    assert (hard["verdict"], hard["effect"]) == ("supported", -0.3)
    assert (easy["verdict"], easy["effect"]) == ("contradicted", 0.1)
    assert hard["low"] == hard["high"] == -0.3


def test_where_sgds_errors_do_not_tell_easy_from_hard_neither_claim_has_a_verdict(
    checked, found, only
) -> None:
    # SAM's errors are lower on every seed.
    sgd = [(0.1, 0.3), (0.2, 0.5), (0.3, 0.4)]
    rows = checked(sgd, [(shape - 0.1, colour - 0.2) for shape, colour in sgd])
    for check, effect in (("1a", -0.2), ("2a", -0.1)):
        row = only(rows, check, where=HERE)
        assert (row["verdict"], row["p"], row["runs"]) == ("open", 1.0, 3)
        assert row["effect"] == row["low"] == row["high"] == effect
        assert row["reason"] == "SGD's errors do not tell easy from hard"
    # Claim 11 has one feature, the label.
    rows = checked(sgd, [(shape - 0.1, colour) for shape, colour in sgd], check=transfer)
    assert only(rows, "11a", where=HERE)["verdict"] == "supported"


@pytest.mark.parametrize(
    ("sgd", "sam", "expected"),
    {
        "pairs without one that diverged": (
            [None, (0.1, 0.3), (0.2, 0.4), (0.1, 0.4)],
            [(0.0, 0.0), None, (0.1, 0.3), (0.0, 0.2)],
            ("open", "the interval holds 0", -0.15, 2, 2),
        ),
        "one seed": ([(0.1, 0.3)], [(0.0, 0.1)], ("open", "one seed", -0.2, 1, 0)),
        "equal errors": (
            [(0.1, 0.3), (0.2, 0.4)],
            [(0.1, 0.3), (0.2, 0.4)],
            ("open", "a tie on every seed", 0, 2, 0),
        ),
    }.values(),
)
def test_what_leaves_a_check_open(checked, only, sgd, sam, expected) -> None:
    row = only(checked(sgd, sam), "1a", where=HERE)
    columns = ["verdict", "reason", "effect", "runs", "dropped"]
    assert tuple(row[columns]) == expected


@pytest.mark.parametrize("check", [probing, transfer])
@pytest.mark.parametrize(
    ("sgd", "sam", "reason"),
    [
        ([(0.1, 0.3)], [None], "no run of SAM has finished"),
        ([None], [(0.1, 0.3)], "no run of SGD has finished"),
        ([None], [None], "no run of SGD or SAM has finished"),
    ],
)
def test_a_method_without_a_finished_run_is_said(checked, found, check, sgd, sam, reason) -> None:
    rows = found(checked(sgd, sam, check=check), where=HERE)
    claims = (1, 2) if check is probing else (11,)
    assert rows["check"].tolist() == [f"{claim}{part}" for claim in claims for part in "abc"]
    for _, row in rows.iterrows():
        assert (row["verdict"], row["reason"], row["runs"]) == ("not run", reason, 0)


@pytest.mark.parametrize("check", [probing, transfer])
def test_other_methods_stand_beside_sam_and_say_who_they_are(checked, found, check) -> None:
    sgd, sam, lsam = [(0.1, 0.3)] * 2, [(0.1, 0.2)] * 2, [(0.0, 0.5)] * 2
    rows = found(checked(sgd, sam, lsam, check=check), where=HERE)
    name = "1a" if check is probing else "11a"
    of_check = rows[rows["check"] == name].set_index("method")
    assert of_check.index.tolist() == ["sam", "lsam"]
    assert of_check["note"].str.contains("SGD at lr 0.1, L?SAM at lr 0.2").all()
    # Alone, SAM's rows are the same, and so they are where no run of LSAM has finished.
    others = checked(sgd, sam, [None], check=check)
    alone = found(checked(sgd, sam, check=check))
    pd.testing.assert_frame_equal(
        found(others)[lambda table: table["method"] == "sam"].reset_index(drop=True),
        alone.reset_index(drop=True),
    )
    lost = found(others, name, where=HERE, method="lsam")
    assert lost["reason"].tolist() == ["no run of LSAM has finished"]


def test_the_papers_datasets_that_are_not_there_are_open(checked, found, only) -> None:
    rows = checked([(0.1, 0.3)], [(0.0, 0.1)], demonstration=True)
    assert only(rows, "1a", where=HERE)["data"] == "demonstration"
    absent = found(rows, "1a", reason=ABSENT)
    assert absent["where"].tolist() == PAPERS
    for column, value in (("verdict", "not run"), ("data", "real data"), ("method", "sam")):
        assert (absent[column] == value).all()
    rows = checked([(0.1, 0.3)], [(0.0, 0.1)], dataset="celeba", title="CelebA")
    absent = found(rows, "2c", reason=ABSENT)
    assert absent["where"].tolist() == ["CIFAR-MNIST", "FMNIST-MNIST", "Waterbirds"]
    assert len(found(rows, "2a", where="CelebA", reason="one seed")) == 1


def test_celebas_hard_feature_is_expected_to_be_gender(checked, only) -> None:
    hair_easy, gender_easy = [(0.1, 0.3), (0.2, 0.5)], [(0.3, 0.1), (0.4, 0.2)]
    for sgd, effect, verdict in (
        (hair_easy, 0.25, "open"),
        (gender_easy, -0.2, "contradicted"),
        ([*gender_easy, None], -0.2, "contradicted"),
    ):
        rows = checked(sgd, [(0.0, 0.0)] * len(sgd), dataset="celeba", title="CelebA")
        row = only(rows, "1d", where="CelebA")
        assert (row["effect"], row["verdict"], row["runs"]) == (effect, verdict, 2)
    assert only(checked(hair_easy, hair_easy), "1d")["reason"] == ABSENT
    lost = checked([None], [(0.0, 0.0)], dataset="celeba", title="CelebA")
    assert only(lost, "1d")["reason"] == "no run of SGD has finished"


class TestSweep:
    """SGD at rates 0.1 and 0.2, and SAM at both with ρ of 1 and 2; shape is easy, colour hard."""

    SETTINGS = ("sgd", 0.1, 0.0), ("sam", 0.2, 1.0)

    @pytest.fixture
    def swept(self, rows_of, selection_of, description_of, bootstrap_of):
        """Check from SAM's hard error less SGD's by (ρ, lr), one per seed; None diverged."""

        def check(differences: dict[Any, list[float | None]], unprobed: Any = None) -> list[Any]:
            sgds = {0.1: [0.5, 0.6, 0.7], 0.2: [0.4, 0.4, 0.4]}
            errors = {("sgd", lr, 0.0): values for lr, values in sgds.items()}
            for (rho, lr), values in differences.items():
                pairs = zip(sgds[lr], values, strict=True)
                errors["sam", lr, rho] = [None if b is None else a + b for a, b in pairs]
            runs = pd.concat(
                [
                    rows_of(*run, seed, shape=0.0, colour=error, diverged=error is None)
                    for run, values in errors.items()
                    for seed, error in enumerate(values)
                ]
            )
            if unprobed:
                of_run = (
                    runs[["method", "lr", "seed"]] == pd.Series(unprobed, runs.columns[[1, 2, 4]])
                ).all(axis=1)
                runs = runs[~(of_run & (runs["split"] == "probe_test"))]
            selections = {"toy": selection_of(*self.SETTINGS)}
            return probing(runs, [description_of()], selections, bootstrap_of(runs))

        return check

    def test_numbers_by_hand(self, swept, only) -> None:
        rows = swept(
            {
                (1.0, 0.1): [-0.1, -0.2, -0.3],
                (1.0, 0.2): [-0.1, 0.0, -0.1],
                (2.0, 0.1): [-0.2, None, -0.2],
                (2.0, 0.2): [-0.1, -0.2, 0.0],
            }
        )
        # Means over the rates are −0.1, −0.1, −0.2 at ρ = 1; and −0.15, −0.2 and −0.1 at 2, where
        # seed 1 has the second rate alone.
        first, second = (only(rows, "1b", where=HERE, rho=rho) for rho in (1, 2))
        assert first["effect"] == pytest.approx(-0.4 / 3)
        low, high = ttest_1samp([-0.1, -0.1, -0.2], 0).confidence_interval(0.95)
        assert (first["low"], first["high"]) == pytest.approx((low, high))
        assert first["note"] == "colour; learning rates: 2"
        assert second["effect"] == pytest.approx(-0.15)
        assert second["note"].endswith("; 1 of 6 pairs left out: a run diverged")
        assert (first["runs"], second["runs"], second["dropped"]) == (3, 3, 0)
        # Each seed's line through (0, 0) and its two differences: means over the rates, but seed
        # 1 has a line at the second rate alone.
        slope = only(rows, "1c", where=HERE)
        seeds = [[-0.1, -0.15], [0.0, -0.2], [-0.2, -0.1]]
        expected = [linregress([0, 1, 2], [0, *each]).slope for each in seeds]
        assert slope["effect"] == pytest.approx(sum(expected) / 3)
        low, high = ttest_1samp(expected, 0).confidence_interval(0.95)
        assert (slope["low"], slope["high"]) == pytest.approx((low, high))
        assert pd.isna(slope["rho"])
        assert slope["note"].endswith("; 1 of 6 slopes left out: a run diverged")
        # Of the two samples SAM has 0.1 more in one; the percentiles lie between.
        assert first["test_low"] == pytest.approx(first["effect"] + 0.025 * 0.1)
        assert first["test_high"] == pytest.approx(first["effect"] + 0.975 * 0.1)
        assert slope["test_high"] == pytest.approx(slope["effect"] + 0.975 * 0.05)
        easy = only(rows, "2b", where=HERE, rho=1)
        assert (easy["effect"], easy["reason"]) == (0, "a tie on every seed")

    def test_a_seed_that_lost_all_rates_at_a_radius_is_dropped_there_and_from_the_slope(
        self, swept, only
    ) -> None:
        rows = swept(
            {(1.0, 0.1): [-0.1] * 3, (1.0, 0.2): [-0.1] * 3}
            | {(2.0, lr): [-0.2, -0.2, None] for lr in (0.1, 0.2)}
        )
        counts = {"1b": (1.0, 3, 0), "1c": (None, 2, 1)}
        for check, (rho, runs, dropped) in counts.items():
            row = only(rows, check, where=HERE, **({"rho": rho} if rho else {}))
            assert (row["runs"], row["dropped"], row["verdict"]) == (runs, dropped, "supported")
            assert row["effect"] == pytest.approx(-0.1)
        row = only(rows, "1b", where=HERE, rho=2)
        assert (row["runs"], row["dropped"]) == (2, 1)

    def test_a_run_that_diverged_does_not_tilt_the_slope(self, swept, only) -> None:
        """SAM gains at the first rate alone, whatever ρ is, and diverges at the second."""
        gains = {(rho, 0.1): [-0.1, -0.2, -0.3] for rho in (1.0, 2.0)}
        complete = swept(gains | {(rho, 0.2): [0.0] * 3 for rho in (1.0, 2.0)})
        diverged = swept(gains | {(1.0, 0.2): [0.0] * 3, (2.0, 0.2): [None] * 3})
        # The slope of 0, −.1 and −.1 at ρ of 0, 1 and 2 is −.05: at the first rate only.
        assert only(complete, "1c", where=HERE)["effect"] == pytest.approx(-0.05)
        assert only(diverged, "1c", where=HERE)["effect"] == pytest.approx(-0.1)

    def test_one_rho_has_no_slope(self, swept, only) -> None:
        rows = swept({(1.0, lr): [-0.1] * 3 for lr in (0.1, 0.2)})
        assert only(rows, "1b", where=HERE)["verdict"] == "supported"
        slope = only(rows, "1c", where=HERE)
        assert (slope["verdict"], slope["reason"]) == ("not run", "the sweep has one ρ")

    def test_methods_without_a_common_learning_rate_have_no_sweep(self, checked, found) -> None:
        errors = [(0.1, 0.3)] * 2
        rows = found(checked(errors, errors, lsam=errors), "1b", "1c", where=HERE, method="lsam")
        assert rows["verdict"].tolist() == ["not run"] * 2
        assert rows["reason"].tolist() == ["no learning rate in common with SGD"] * 2

    def test_a_sweep_of_which_a_part_was_probed_is_not_run(self, swept, found) -> None:
        sam = {(1.0, lr): [-0.1] * 3 for lr in (0.1, 0.2)}
        rows = found(swept(sam, unprobed=("sam", 0.1, 1)), "1b", "1c", where=HERE)
        assert rows["reason"].tolist() == ["only the selected runs were probed"] * 2
        assert rows["verdict"].tolist() == ["not run"] * 2


class TestTransfer:
    @pytest.fixture
    def transferred(self, checked):
        """Check one target of PACS from the errors of the class probe."""

        def check(sgd: list[Any], sam: list[Any], **details: Any) -> list[dict[str, Any]]:
            errors = [[None if e is None else (e, 0.7) for e in each] for each in (sgd, sam)]
            details = {"title": "PACS", "target": "A"} | details
            return checked(*errors, dataset="pacs_A", check=transfer, **details)

        return check

    @pytest.mark.parametrize(
        ("sam", "effect", "verdict"),
        [
            ([0.1, 0.2, 0.3], 0.1, "supported"),
            ([0.3, 0.4, 0.5], -0.1, "contradicted"),
            ([0.2, 0.3, 0.4], 0.0, "open"),
            ([0.2, 0.26, None], 0.02, "open"),
        ],
    )
    def test_accuracies_are_compared(self, transferred, only, sam, effect, verdict) -> None:
        row = only(transferred([0.2, 0.3, 0.4], sam), "11a", where="PACS, target A")
        assert (row["effect"], row["verdict"]) == (effect, verdict)
        assert (row["runs"], row["dropped"]) == (3 - sam.count(None), sam.count(None))
        assert (row["rho"], row["note"]) == (0.05, "SGD at lr 0.1, SAM at lr 0.2")
        assert row["data"] == "real data"

    @pytest.mark.parametrize(
        ("details", "others", "here", "data"),
        [
            ({}, 11, "PACS, target A", "real data"),
            # Another copy stands for the dataset, demonstration data stand for none.
            ({"title": "PACS (another copy)"}, 11, "PACS (another copy), target A", "real data"),
            (
                {"title": "PACS of mine", "custom": True},
                12,
                "PACS of mine, target A",
                "custom dataset",
            ),
            ({"title": "Digits", "demonstration": True}, 12, "Digits, target A", "demonstration"),
        ],
    )
    def test_every_target_of_the_paper_has_a_row(
        self, transferred, found, details, others, here, data
    ) -> None:
        rows = found(transferred([0.2], [0.1], **details), "11a")
        absent = rows[rows["reason"] == ABSENT]
        assert (len(absent), len(rows)) == (others, others + 1)
        assert rows.loc[~rows.index.isin(absent.index), ["where", "data"]].to_numpy().tolist() == [
            [here, data]
        ]
        assert {"OfficeHome, target R", "VLCS, target L", "PACS, target S"} <= {*absent["where"]}
