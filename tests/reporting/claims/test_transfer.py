from collections.abc import Callable
from typing import Any

import pandas as pd
import pytest

from feature_quality.reporting.claims.transfer import transfer

SGD, SAM = (0.1, 0.0), (0.2, 0.05)


@pytest.fixture
def checked(rows_of, transfer_of, selection_of) -> Callable[..., list[dict[str, Any]]]:
    """Check one target from the errors of the class probe by seed; None diverged."""

    def check(
        sgd: list[float | None], sam: list[float | None], target: str = "A", **details: Any
    ) -> list[dict[str, Any]]:
        runs = [
            rows_of(
                *setting,
                seed,
                test=0.9,
                shape=0.9 if error is None else error,
                colour=0.7,
                diverged=error is None,
                dataset=f"pacs_{target}",
            )
            for setting, errors in ((SGD, sgd), (SAM, sam), ((0.1, 0.05), [0.0, 0.0]))
            for seed, error in enumerate(errors)
        ]
        description = transfer_of(target, **details).subject.description
        methods = {"SGD": SGD, "SAM": SAM}
        finished = {
            method: methods[method]
            for method, errors in (("SGD", sgd), ("SAM", sam))
            if any(error is not None for error in errors)
        }
        selections = {f"pacs_{target}": selection_of(f"pacs_{target}", **finished)}
        return transfer(pd.concat(runs, ignore_index=True), [description], selections)

    return check


@pytest.mark.parametrize(
    ("sam", "effect", "verdict"),
    [
        ([0.1, 0.2, 0.3], 0.1, "supported"),
        ([0.3, 0.4, 0.5], -0.1, "contradicted"),
        ([0.2, 0.3, 0.4], 0.0, "open"),
    ],
)
def test_accuracies_are_compared(checked, only, sam, effect, verdict) -> None:
    row = only(checked([0.2, 0.3, 0.4], sam), "11", where="PACS, target A")
    assert (row["effect"], row["verdict"], row["runs"]) == (effect, verdict, 3)
    assert (row["rho"], row["note"]) == (0.05, "SGD at lr 0.1, SAM at lr 0.2")
    assert row["data"] == "real data"


def test_hand_computed(checked, only) -> None:
    row = only(checked([0.2, 0.3, None], [0.18, 0.26, 0.0]), "11", where="PACS, target A")
    # Differences 0.02 and 0.04: 0.03 ± the quantile 12.7062 of one degree of freedom times 0.01.
    assert row["effect"] == pytest.approx(0.03)
    assert (row["low"], row["high"]) == pytest.approx((0.03 - 0.127062, 0.03 + 0.127062), abs=1e-6)
    assert (row["verdict"], row["runs"], row["dropped"]) == ("open", 2, 1)


def test_a_method_without_a_finished_run_is_said(checked, only) -> None:
    row = only(checked([0.2], [None]), "11", where="PACS, target A")
    assert (row["verdict"], row["reason"]) == ("open", "no run of SAM has finished")


def test_every_target_of_the_paper_has_a_row(checked, found) -> None:
    rows = found(checked([0.2], [0.1]), "11")
    assert len(rows) == 12
    absent = rows[rows["reason"] == "the dataset is not among the results"]
    assert set(rows["where"]) - set(absent["where"]) == {"PACS, target A"}
    assert {"OfficeHome, target R", "VLCS, target L", "PACS, target S"} <= set(absent["where"])


def test_another_copy_stands_for_the_dataset(checked, found) -> None:
    rows = found(checked([0.2], [0.1], title="PACS (another copy)"), "11")
    assert len(rows) == 12
    assert "PACS, target A" not in set(rows["where"])
    assert "PACS (another copy), target A" in set(rows["where"])


def test_demonstration_data_stand_for_no_dataset(checked, found) -> None:
    rows = found(checked([0.2], [0.1], title="Digits", demonstration=True), "11")
    assert len(rows) == 13
    assert rows.loc[rows["where"] == "Digits, target A", "data"].tolist() == ["demonstration"]
