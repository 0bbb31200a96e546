from typing import Any

import pandas as pd
import pytest

from feature_quality.reporting.claims.interventions import check as interventions

SGD = [0.3, 0.4, 0.5]
ALPHAS = (0.5, 1.0, 2.0)


@pytest.fixture
def trained(toy_runs) -> pd.DataFrame:
    """SGD with a ratio of 0.7, LSAM with one of 1 throughout; and another complexity."""
    return pd.concat(
        [
            toy_runs(SGD, real_ratio_mean=0.7),
            toy_runs([0.1, 0.2, 0.3], rho=0.5, phantom_ratio_mean=1.0),
            toy_runs([0.9, 0.9, 0.9], complexity=180.0, real_ratio_mean=0.1),
        ],
        ignore_index=True,
    )


@pytest.fixture
def intervened(toy_runs):
    """Make the runs of all interventions from each one's errors by α."""

    def make(kappa: str = "constant", **errors: dict[float, list[Any]]) -> pd.DataFrame:
        usual = dict.fromkeys(ALPHAS, SGD)
        return pd.concat(
            [
                toy_runs(values, intervention=kind, kappa=kappa, alpha=alpha)
                for kind in ("importance_weighting", "learning_rate", "both")
                for alpha, values in (usual | errors.get(kind, {})).items()
            ],
            ignore_index=True,
        )

    return make


AT = "toy, 270°, κ = √2, α = {}".format


def shifted(change: float) -> list[float]:
    return [error + change for error in SGD]


def test_each_alone_is_compared_with_sgd_at_a_raised_ratio_and_both_with_each_other(
    intervened, trained, only, found
) -> None:
    runs = intervened(
        importance_weighting={2.0: shifted(-0.1), 1.0: shifted(0.1)},
        learning_rate={2.0: [0.1, 0.4, 0.6]},
    )
    rows = interventions(runs, trained)
    # 0.5 lowers the ratio below SGD's 0.7.
    assert len(found(rows, "8a")) == 4
    for alpha, name, verdict, reason in (
        (2, "importance weighting", "supported", ""),
        (1, "importance weighting", "contradicted", ""),
        (1, "learning rate", "open", "a tie on every seed"),
        (2, "learning rate", "open", "the interval holds 0"),
    ):
        row = only(rows, "8a", where=f"{AT(alpha)}, {name}")
        assert (row["verdict"], row["reason"]) == (verdict, reason)
    assert row["effect"] == pytest.approx(-0.1 / 3)
    row = only(rows, "8b", where=AT(1))
    assert (row["effect"], row["verdict"], row["level"]) == (0.1, "contradicted", 0.9)


@pytest.mark.parametrize(
    ("change", "verdict"), [(0.0, "supported"), (0.03, "contradicted"), (-0.03, "contradicted")]
)
def test_the_gains_match_within_the_margin(intervened, trained, only, change, verdict) -> None:
    rows = interventions(intervened(importance_weighting={2.0: shifted(change)}), trained)
    row = only(rows, "8b", where=AT(2))
    assert (row["effect"], row["verdict"]) == (change, verdict)


def test_the_ratio_of_the_gains(intervened, trained, only) -> None:
    runs = intervened(
        importance_weighting={2.0: shifted(-0.06)}, learning_rate={2.0: [0.1, 0.2, 0.31]}
    )
    row = only(interventions(runs, trained), "8d", where=AT(2))
    assert row["effect"] == pytest.approx(0.06 / ((0.2 + 0.2 + 0.19) / 3))
    assert (row["verdict"], row["level"]) == ("contradicted", 0.9)


@pytest.mark.parametrize(
    ("ratio", "at_ratio"),
    [
        (1.0, 0.4),
        (2.0, 0.2),
        # Halfway between 1 and 2 in the logarithm.
        (2**0.5, 0.3),
    ],
)
def test_both_are_interpolated_at_lsams_ratio(
    toy_runs, intervened, trained, only, ratio, at_ratio
) -> None:
    trained.loc[trained["rho"] > 0, "phantom_ratio_mean"] = ratio
    trained["phantom_ratio_median"] = ratio
    runs = intervened(both={1.0: [0.4, 0.5, 0.6], 2.0: [0.2, 0.3, 0.4]})
    row = only(interventions(runs, trained), "8c")
    # LSAM's errors are 0.1, 0.2, 0.3.
    assert row["effect"] == pytest.approx(at_ratio - 0.1)
    assert (row["verdict"], row["rho"], row["runs"]) == ("contradicted", 0.5, 3)
    assert row["note"] == f"LSAM's ratio {ratio:.2f} to {ratio:.2f}"
    same = interventions(intervened(both={1.0: [0.11, 0.2, 0.3], 2.0: [0.11, 0.2, 0.3]}), trained)
    assert only(same, "8c")["verdict"] == "supported"


def test_each_seed_has_its_own_ratio(intervened, trained, only) -> None:
    lsam = trained["rho"] > 0
    own = trained["seed"].map({0: 0.5, 1: 1.0, 2: 2.1})
    trained.loc[lsam, "phantom_ratio_mean"] = own[lsam]
    trained["phantom_ratio_median"] = trained["phantom_ratio_mean"]
    runs = intervened(both={0.5: [0.2, 0, 0], 1.0: [0, 0.4, 0], 2.0: [0, 0, 0.9]})
    row = only(interventions(runs, trained), "8c")
    # 0.2 − 0.1 and 0.4 − 0.2; 2.1 is beyond the sweep.
    assert row["effect"] == pytest.approx(0.15)
    assert (row["runs"], row["dropped"]) == (2, 1)


def test_where_the_mean_breaks_medians_are_taken(intervened, trained, only) -> None:
    lsam = trained["rho"] > 0
    trained.loc[lsam, ["phantom_ratio_mean", "phantom_ratio_median"]] = [50.0, 2.0]
    row = only(interventions(intervened(both={2.0: [0.1, 0.2, 0.3]}), trained), "8c")
    assert (row["verdict"], row["effect"]) == ("supported", 0)
    assert row["note"] == "LSAM's ratio 2.00 to 2.00, medians, as the mean breaks"


def test_what_the_sweep_does_not_reach_is_said(intervened, trained, only, found) -> None:
    trained.loc[trained["rho"] > 0, "phantom_ratio_mean"] = 0.4
    row = only(interventions(intervened(), trained), "8c")
    assert row["verdict"] == "not run"
    assert row["reason"] == "LSAM's ratio lies beyond the α of the sweep"
    trained["real_ratio_mean"] = 3.0
    rows = found(interventions(intervened(), trained), "8a", "8b")
    assert rows["reason"].tolist() == ["no α of the sweep is above SGD's own ratio"] * 2


def test_runs_that_diverged_are_dropped(intervened, trained, only) -> None:
    runs = intervened(
        learning_rate={2.0: [0.2, None, 0.4]}, both={1.0: [None, 0.2, 0.3], 0.5: [None, None, 0.1]}
    )
    rows = interventions(runs, trained)
    row = only(rows, "8a", where=f"{AT(2)}, learning rate")
    assert (row["effect"], row["runs"], row["dropped"]) == (-0.1, 2, 1)
    assert only(rows, "8b", where=AT(2))["runs"] == 2
    # At a ratio of 1 itself, a neighbour that diverged does no harm.
    assert (only(rows, "8c")["runs"], only(rows, "8c")["verdict"]) == (2, "supported")


def test_each_kappa_has_its_rows(intervened, trained, found) -> None:
    runs = pd.concat([intervened("constant"), intervened("tracking")], ignore_index=True)
    rows = found(interventions(runs, trained))
    for name in ("κ = √2", "κ = ‖w‖"):
        assert rows["where"].str.contains(name, regex=False).sum() == len(rows) / 2


def test_without_a_run_to_compare_8c_is_open(toy_runs, intervened, trained, only) -> None:
    both = intervened(both={1.0: [None, None, None]})
    diverged = trained[trained["rho"] == 0]
    diverged = pd.concat([diverged, toy_runs([None, None, None], rho=0.5)], ignore_index=True)
    for rows in (interventions(both, trained), interventions(intervened(), diverged)):
        row = only(rows, "8c")
        assert (row["verdict"], row["runs"], row["dropped"]) == ("not run", 0, 3)
        assert row["reason"] == "no seed has what is compared"
        assert row["note"] == ""


def test_a_run_that_has_lost_the_label_is_dropped(intervened, trained, only) -> None:
    runs = intervened(learning_rate={2.0: [0.2, 0.3, 0.0]})
    lost = (runs["intervention"] == "learning_rate") & (runs["alpha"] == 2)
    runs.loc[lost & (runs["seed"] == 2), "train_error"] = 0.021
    row = only(interventions(runs, trained), "8a", where=f"{AT(2)}, learning rate")
    assert (row["effect"], row["runs"], row["dropped"]) == (pytest.approx(-0.1), 2, 1)
