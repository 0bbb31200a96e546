import pandas as pd
import pytest

from feature_quality.reporting.claims.complexity import check as complexity

SGD = [0.3, 0.4, 0.5]


@pytest.fixture(scope="module")
def rows(toy_runs) -> list:
    """Check two complexities at two radii; what SGD does is worse throughout at 180°."""
    runs = [
        toy_runs(SGD),
        toy_runs([0.2, 0.3, 0.4], rho=0.5),
        toy_runs([0.25, 0.5, 0.45], rho=1.0),
        toy_runs([0.0, 0.0, 0.0], complexity=180.0),
        toy_runs([0.1, 0.1, 0.1], complexity=180.0, rho=0.5),
        toy_runs([0.0, 0.0, 0.0], complexity=180.0, rho=1.0),
    ]
    return complexity(pd.concat(runs, ignore_index=True))


@pytest.mark.parametrize(
    ("where", "rho", "effect", "verdict"),
    [
        ("toy, 270°", 0.5, -0.1, "supported"),
        ("toy, 270°", 1.0, 0.0, "open"),
        ("toy, 180°", 0.5, 0.1, "contradicted"),
        ("toy, 180°", 1.0, 0.0, "open"),
    ],
)
def test_the_hard_error_is_compared_with_sgds(rows, only, where, rho, effect, verdict) -> None:
    row = only(rows, "3b", where=where, rho=rho)
    assert (row["effect"], row["verdict"], row["runs"]) == (effect, verdict, 3)
    assert (row["data"], row["method"]) == ("toy", "lsam")


def test_every_complexity_and_rho_has_a_row(rows, found) -> None:
    for check in ("3a", "3c"):
        assert len(found(rows, check)) == 2 * 3
    for check in ("3b", "3d", "4a", "4b", "7a", "7b", "7c"):
        settings = found(rows, check)[["where", "rho"]].to_numpy().tolist()
        assert settings == [[f"toy, {c}°", rho] for c in (180, 270) for rho in (0.5, 1)]


def test_the_error_at_each_rho_is_compared_with_that_at_the_next_smaller_one(rows, only) -> None:
    for rho, effect, verdict in ((0.5, -0.1, "supported"), (1.0, 0.1, "open")):
        row = only(rows, "3d", where="toy, 270°", rho=rho)
        assert (row["effect"], row["verdict"]) == (pytest.approx(effect), verdict)


def test_a_run_that_has_lost_the_label_is_no_evidence(toy_runs, only) -> None:
    lsam = toy_runs([0.2, 0.3, 0.1], rho=0.5, train_error=[0.0, 0.02, 0.03])
    rows = complexity(pd.concat([toy_runs(SGD), lsam], ignore_index=True))
    for check in ("3b", "3d"):
        row = only(rows, check, rho=0.5)
        assert (row["effect"], row["runs"], row["dropped"]) == (pytest.approx(-0.1), 2, 1)
    assert only(rows, "3b", rho=0.5)["note"] == "label lost in 1 of 3 runs"
    for check in ("4a", "4b", "7a", "7b", "7c", "7d", "7e"):
        row = only(rows, check, rho=0.5)
        assert (row["runs"], row["dropped"]) == (2, 1)
    for check in ("3a", "3c"):
        assert only(rows, check, rho=0.5)["runs"] == 3


def test_sgds_run_that_has_lost_the_label_takes_its_pair_along(toy_runs, only) -> None:
    sgd = toy_runs(SGD, train_error=[0.0, 0.0, 0.03])
    rows = complexity(pd.concat([sgd, toy_runs(SGD, rho=0.5)], ignore_index=True))
    assert [only(rows, each)["runs"] for each in ("3b", "4a", "4b", "7a")] == [2, 2, 2, 3]


@pytest.mark.parametrize(
    ("errors", "verdict", "exact"),
    [
        ([0.0, 0.0, 0.0], "supported", 3),
        ([0.0, 0.01, 0.0], "supported", 2),
        ([0.0, 0.1, 0.2], "open", 1),
        ([0.3, 0.3, 0.31], "contradicted", 0),
    ],
)
@pytest.mark.parametrize("rho", [0.0, 0.5])
def test_the_training_error_is_zero(toy_runs, only, errors, verdict, exact, rho) -> None:
    row = only(complexity(toy_runs(SGD, rho=rho, train_error=errors)), "3a", rho=rho)
    assert (row["verdict"], row["note"]) == (verdict, f"exactly 0 in {exact} of 3 runs")


@pytest.fixture
def checked(toy_runs):
    """Check SGD's runs and LSAM's at one ρ, given by their measures."""

    def check(sgd: dict, lsam: dict) -> list:
        runs = [toy_runs(SGD, **sgd), toy_runs(SGD, rho=0.5, **lsam)]
        return complexity(pd.concat(runs, ignore_index=True))

    return check


@pytest.mark.parametrize(
    ("lsam", "phantom", "real"),
    [
        # Relative changes of 0.05 or less; of 0.2; of −0.25; and of all sizes.
        ([0.84, 0.42, 0.63], "supported", "supported"),
        ([0.96, 0.48, 0.72], "supported", "contradicted"),
        ([0.6, 0.3, 0.45], "contradicted", "contradicted"),
        ([0.8, 0.3, 0.9], "open", "open"),
        ([0.8, 0.4, 0.6], "open", "supported"),
    ],
)
def test_the_ratios(checked, only, lsam, phantom, real) -> None:
    sgd = [0.8, 0.4, 0.6]
    both = ({"phantom_ratio_mean": each, "real_ratio_mean": each} for each in (sgd, lsam))
    rows = checked(*both)
    assert only(rows, "4a")["verdict"] == phantom
    row = only(rows, "4b")
    assert row["verdict"] == real
    change = sum(b / a - 1 for a, b in zip(sgd, lsam, strict=True)) / 3
    assert row["effect"] == pytest.approx(change)


def test_where_the_mean_breaks_medians_are_compared(checked, only) -> None:
    lsam = {
        "phantom_ratio_mean": [0.9, 90.0, -40.0],
        "phantom_ratio_median": [0.7, 0.8, 0.9],
        "phantom_easy_nonpositive": [0.0, 0.02, 0.03],
    }
    sgd = {"phantom_ratio_mean": 0.6, "phantom_ratio_median": [0.5, 0.6, 0.7]}
    row = only(checked(sgd, lsam), "4a")
    assert (row["effect"], row["verdict"]) == (0.2, "supported")
    assert row["note"] == "medians, as the mean breaks"


@pytest.mark.parametrize(("lost", "runs"), [(0.0, 0), (0.5, 2)])
def test_beyond_the_pole_of_the_ratio_nothing_of_the_phantom_is_compared(
    checked, only, lost, runs
) -> None:
    lsam = {
        "phantom_ratio_mean": [0.9, 0.8, -40.0],
        "phantom_ratio_median": [0.7, 0.8, -0.9],
        "phantom_easy_nonpositive": [0.0, 0.0, 0.6],
        "train_error": [0.0, 0.0, lost],
    }
    rows = checked({"phantom_ratio_mean": 0.6, "phantom_ratio_median": 0.6}, lsam)
    for check in ("4a", "7a", "7b", "7c", "7d", "7e"):
        row = only(rows, check)
        # Unless that run has lost the label, and is dropped.
        assert row["runs"] == runs
        assert (row["verdict"] == "not run") == (runs == 0)
        if not runs:
            assert row["reason"] == "a component of w̃ is negative in most steps"
    assert only(rows, "4b")["runs"] == 3 - (lost > 0)


@pytest.mark.parametrize(
    ("hard", "easy", "verdicts"),
    [
        ([1.1, 1.2], [0.8, 0.9], ["supported", "supported", "supported"]),
        ([0.9, 0.91], [0.8, 0.81], ["contradicted", "supported", "supported"]),
        ([0.9, 0.91], [1.1, 1.11], ["contradicted", "contradicted", "contradicted"]),
        ([1.0, 1.0], [1.0, 1.0], ["open", "open", "open"]),
        ([0.5, 1.5], [0.5, 1.5], ["open", "open", "open"]),
    ],
)
def test_the_learning_rates(checked, only, hard, easy, verdicts) -> None:
    # 0.1 and 0.2 leave an interval of 0.15 ± 0.124.
    hard, easy = ([a, b, (a + b) / 2] for a, b in (hard, easy))
    columns = {"hard_scaling": hard, "easy_scaling": easy}
    columns |= {"hard_relative_scaling": hard, "easy_relative_scaling": easy}
    rows = checked({}, columns)
    assert [only(rows, check)["verdict"] for check in ("7a", "7b", "7c")] == verdicts
    assert [only(rows, check)["verdict"] for check in ("7d", "7e")] == verdicts[:2]


def test_diverged_runs_take_their_pairs_along(toy_runs, only) -> None:
    runs = [toy_runs([0.3, None, 0.5, 0.4]), toy_runs([0.2, 0.1, None, 0.3], rho=0.5)]
    rows = complexity(pd.concat(runs, ignore_index=True))
    row = only(rows, "3b")
    assert (row["effect"], row["runs"], row["dropped"]) == (-0.1, 2, 2)
    # Its ratio to 1 needs no run of SGD.
    assert (only(rows, "7a")["runs"], only(rows, "7a")["dropped"]) == (3, 1)
    assert only(rows, "3a", rho=0.5)["dropped"] == 1
    none = complexity(pd.concat([toy_runs([0.3]), toy_runs([None], rho=0.5)]))
    assert only(none, "3b")["reason"] == "no seed has what is compared"
