import pandas as pd
import pytest

from feature_quality.reporting.claims.noise import check as noise

SGD = [0.3, 0.4, 0.5]


@pytest.fixture
def rows(toy_runs) -> list:
    lsam = {
        ("label", "hard", 0.1): [0.2, 0.3, 0.4],
        ("label", "both", 0.1): [0.4, 0.5, 0.6],
        ("gaussian", "hard", 0.5): [0.2, 0.5, 0.5],
        ("dropout", "both", 0.2): [0.2, None, 0.4],
        ("dropout", "both", 0.0): [0.1, 0.1, 0.1],
    }
    return noise(
        pd.concat(
            [
                toy_runs(errors, rho=rho, noise=kind, noisy=noisy, level=level)
                for (kind, noisy, level), values in lsam.items()
                for rho, errors in ((0.0, SGD), (0.5, values))
            ],
            ignore_index=True,
        )
    )


@pytest.mark.parametrize(
    ("where", "verdict", "runs"),
    [
        ("label noise, p = 0.1 on the hard feature", "supported", 3),
        ("label noise, p = 0.1 on both features", "contradicted", 3),
        ("Gaussian noise, σ = 0.5 on the hard feature", "open", 3),
        ("feature dropout, q = 0.2 on both features", "supported", 2),
    ],
)
def test_lsam_is_compared_with_sgd_under_the_same_noise(rows, only, where, verdict, runs) -> None:
    row = only(rows, "9", where=f"toy, 270°, {where}")
    assert (row["verdict"], row["runs"], row["rho"]) == (verdict, runs, 0.5)
    assert row["dropped"] == 3 - runs


def test_no_noise_is_no_check(rows) -> None:
    assert len(rows) == 4


def test_without_noise_the_claim_is_not_run(toy_runs) -> None:
    runs = [toy_runs([error], rho=error, noise="label", level=0.0) for error in (0.0, 0.5)]
    (row,) = noise(pd.concat(runs))
    assert (row["verdict"], row["reason"]) == ("not run", "no level of noise is above 0")


def test_one_seed_is_open(toy_runs, only) -> None:
    runs = [toy_runs([error], rho=error, noise="label", level=0.1) for error in (0.0, 0.5)]
    assert only(noise(pd.concat(runs)), "9")["reason"] == "one seed"
