import math

import pandas as pd
import pytest

from feature_quality.methods import METHODS
from feature_quality.reporting.metrics import (
    AT_SGD_LR,
    SELECTED,
    Setting,
    chosen_settings,
    count_diverged,
    easy_and_hard,
    finished,
    selected_settings,
    setting_runs,
    summarise,
    told_apart,
    unconverged,
)

SGD, SAM, ASAM = ("sgd", 0.1, 0.0), ("sam", 0.2, 0.05), ("asam", 0.1, 1.0)


def test_summarise_is_the_sample_deviation() -> None:
    assert summarise(pd.Series([1.0, 2.0, 3.0, 6.0])) == {
        "mean": 3.0,
        "std": pytest.approx(math.sqrt(14 / 3)),
        "n_seeds": 4,
    }
    assert summarise(pd.Series([2.0])) == {"mean": 2.0, "std": None, "n_seeds": 1}


def test_a_method_has_a_second_setting_only_where_sgds_lr_leads_to_another(selection_of) -> None:
    at_sgd = [("sam", 0.1, 0.2), ("asam", 0.1, 1.0)]
    selection = selection_of(ASAM, SAM, SGD, at_sgd=at_sgd)
    found = [(each.label, each.chosen, each.lr, each.rho) for each in chosen_settings(selection)]
    assert found == [
        ("SGD", SELECTED, 0.1, 0.0),
        ("SAM", SELECTED, 0.2, 0.05),
        ("SAM at SGD's lr", AT_SGD_LR, 0.1, 0.2),
        ("ASAM", SELECTED, 0.1, 1.0),
    ]
    assert {name: each.lr for name, each in selected_settings(selection).items()} == {
        "sgd": 0.1,
        "sam": 0.2,
        "asam": 0.1,
    }


def test_the_runs_of_a_setting_and_those_that_finished(rows_of) -> None:
    setting = Setting(METHODS["sam"], SELECTED, 0.2, 0.05)
    kept = [rows_of(*SAM, seed, test=0.1 * seed) for seed in (0, 1)]
    others = [
        rows_of("asam", 0.2, 0.05, 0),
        rows_of("sam", 0.1, 0.05, 0),
        rows_of("sam", 0.2, 0.1, 0),
        rows_of(*SAM, 0, dataset="other"),
    ]
    gone = rows_of(*SAM, 7, test=0.9, diverged=True)
    rows = setting_runs(pd.concat([*others, *kept, gone]), "toy", setting)
    pd.testing.assert_frame_equal(finished(rows), pd.concat(kept))
    assert count_diverged(rows) == 1


@pytest.mark.parametrize("features", [("shape", "colour"), ("colour", "shape")])
def test_on_a_tie_the_first_feature_is_the_easy_one(rows_of, features) -> None:
    assert easy_and_hard(rows_of(*SGD, 0, shape=0.25, colour=0.25), features) == features


@pytest.mark.parametrize(
    ("hard", "told"),
    [
        # The same difference each time; the intervals 0.2 ± 0.248 and 0.3 ± 0.248; one seed; a tie.
        ([0.3, 0.4, 0.5], True),
        ([0.3, 0.5, 0.4], False),
        ([0.4, 0.6, 0.5], True),
        ([0.3], True),
        ([0.1, 0.2, 0.3], False),
    ],
)
def test_easy_and_hard_are_told_apart_by_the_interval_of_their_difference(
    rows_of, hard, told
) -> None:
    easy = [0.1, 0.2, 0.3][: len(hard)]
    pairs = zip(easy, hard, strict=True)
    rows = [rows_of(*SGD, seed, colour=low, shape=high) for seed, (low, high) in enumerate(pairs)]
    assert told_apart(pd.concat(rows), "colour", "shape") == told


def test_probe_fits_that_did_not_converge_are_counted_by_setting(rows_of, selection_of) -> None:
    probed = {"test": 0.1, "shape": 0.1, "colour": 0.2}
    runs = pd.concat(
        [
            rows_of(*SGD, 0, **probed, unconverged=1),
            rows_of(*SGD, 1, **probed, unconverged=2),
            rows_of(*SAM, 0, **probed, unconverged=4),
            rows_of("sam", 0.1, 0.05, 0, **probed, unconverged=8),
            rows_of("lsam", 0.2, 0.05, 0, **probed, unconverged=16),
            rows_of(*SAM, 0, **probed, unconverged=32, dataset="other"),
        ]
    )

    def count(*settings, **details) -> int:
        return unconverged(runs, "toy", chosen_settings(selection_of(*settings, **details)))

    # SAM's own choice may be at SGD's rate.
    assert count(SGD, SAM, at_sgd=[SAM]) == 1 + 2 + 4
    assert count(SGD, SAM, at_sgd=[("sam", 0.1, 0.05)]) == 15
    assert count() == 0
