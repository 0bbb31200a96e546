import math
import re
from functools import partial

import pandas as pd
import pytest

from feature_quality.reporting.claims.batch_size import bootstrap_costs, check

batch_size = partial(check, usual=5)
EQUAL = "toy, 270°, equal updates, batch size"


@pytest.fixture
def runs(toy_runs):
    """Make runs from the errors of each (batch size, ρ), the same for both budgets."""

    def make(errors: dict[tuple[int, float], list]) -> pd.DataFrame:
        return pd.concat(
            [
                toy_runs(values, batch_size=size, rho=rho, budget=budget)
                for budget in ("updates", "epochs")
                for (size, rho), values in errors.items()
            ],
            ignore_index=True,
        )

    return make


SMALL = {(5, 0.0): [0.4, 0.5, 0.6], (5, 0.5): [0.2, 0.3, 0.4], (5, 1.0): [0.1, 0.2, 0.3]}


@pytest.mark.parametrize(
    ("at_half", "effect", "verdict"),
    [
        # A gain of 0.2 at batch size 5.
        ([0.3, 0.4, 0.5], -0.1, "supported"),
        ([0.5, 0.6, 0.7], -0.3, "supported"),
        ([0.1, 0.2, 0.3], 0.1, "contradicted"),
        ([0.2, 0.3, 0.4], 0.0, "open"),
        ([0.0, 0.3, 0.6], 0.0, "open"),
    ],
)
def test_gains_are_compared(runs, only, at_half, effect, verdict) -> None:
    large = {(300, 0.0): SMALL[5, 0.0], (300, 0.5): at_half, (300, 1.0): [0.9, 0.9, 0.9]}
    between = {(20, rho): [0.0, 0.0, 0.0] for rho in (0.0, 0.5, 1.0)}
    rows = batch_size(runs(SMALL | between | large))
    row = only(rows, "10a", where=f"{EQUAL} 300", rho=0.5)
    assert (row["verdict"], row["runs"]) == (verdict, 3)
    assert row["effect"] == pytest.approx(effect)


def test_every_rho_and_budget_has_a_row(runs, found) -> None:
    large = {(300, rho): [0.9, 0.9, 0.9] for rho in (0.0, 0.5, 1.0)}
    rows = batch_size(runs(SMALL | large))
    wheres = [f"toy, 270°, equal {budget}, batch size 300" for budget in ("updates", "epochs")]
    fades = found(rows, "10a")
    assert fades["where"].tolist() == [where for where in wheres for _ in range(2)]
    assert fades["rho"].tolist() == [0.5, 1.0] * 2
    assert found(rows, "10b")["where"].tolist() == wheres


WIDE = SMALL | {(5, 2.0): [0.5, 0.5, 0.5]}


def doubled(errors: dict[tuple[int, float], list]) -> dict[tuple[int, float], list]:
    """Six seeds, of which each three are alike: a bootstrap of three says too much."""
    return {setting: 2 * values for setting, values in errors.items()}


@pytest.mark.parametrize(
    ("half", "one", "effect", "verdict", "best"),
    [
        # At batch size 5 the best is 1, the middle of the sweep; SGD may be best.
        ([0.3, 0.3, 0.3], [0.1, 0.2, 0.3], 0.0, "supported", "1"),
        ([0.95, 0.95, 0.95], [1.1, 1.1, 1.1], 0.2, "contradicted", "0"),
        ([0.2, 0.2, 0.2], [0.21, 0.21, 0.21], 0.01, "supported", "0.5"),
        ([0.2, 0.2, 0.2], [0.3, 0.3, 0.3], 0.1, "contradicted", "0.5"),
        ([0.2, 0.2, 0.2], [0.1, 0.2, 0.4], 0.1 / 3, "open", "0.5"),
        # Of two equally good ones the smaller is best, and the other costs nothing.
        ([0.2, 0.2, 0.2], [0.2, 0.2, 0.2], 0.0, "supported", "0.5"),
    ],
)
def test_the_best_rho_of_5_serves_others(runs, only, half, one, effect, verdict, best) -> None:
    large = {(50, 0.0): [0.9, 0.9, 0.9], (50, 0.5): half, (50, 1.0): one}
    large[50, 2.0] = [0.95, 0.95, 0.95]
    row = only(batch_size(runs(doubled(WIDE | large))), "10b", where=f"{EQUAL} 50")
    assert (row["verdict"], row["level"]) == (verdict, 0.9)
    assert row["effect"] == pytest.approx(effect)
    assert row["note"] == f"best ρ {best}, and 1 at batch size 5"


def test_an_optimum_at_the_edge_of_the_sweep_is_open_and_one_without_the_label_is_none(
    runs, only
) -> None:
    large = {(50, rho): [error] * 3 for rho, error in ((0.0, 0.9), (0.5, 0.4), (1.0, 0.2))}
    made = runs(doubled(SMALL | large))
    row = only(batch_size(made), "10b", where=f"{EQUAL} 50")
    assert row["verdict"] == "open"
    assert row["reason"] == "an optimum is at the largest ρ of the sweep, 1"
    # Where one of its runs has lost the label, the next best ρ stands, inside the sweep.
    made.loc[(made["rho"] == 1) & (made["seed"] == 0), "train_error"] = 0.021
    row = only(batch_size(made), "10b", where=f"{EQUAL} 50")
    assert (row["verdict"], row["note"]) == (
        "supported",
        "best ρ 0.5, and 0.5 at batch size 5",
    )


def test_a_run_that_has_lost_the_label_is_dropped(runs, only) -> None:
    large = {(50, rho): [0.1, 0.2, 0.3] for rho in (0.0, 0.5, 1.0)}
    made = runs(SMALL | large)
    made.loc[(made["batch_size"] == 50) & (made["rho"] == 0.5), "train_error"] = 0.021
    made.loc[(made["rho"] == 1) & (made["seed"] == 0), "train_error"] = 0.021
    rows = batch_size(made)
    for name in ("10a", "10c"):
        row = only(rows, name, where=f"{EQUAL} 50", rho=0.5)
        assert row["reason"] == "no seed has what is compared"
        row = only(rows, name, where=f"{EQUAL} 50", rho=1.0)
        assert (row["runs"], row["dropped"]) == (2, 1)
    # The best ρ at batch size 5, 0.5, cannot be used at 50.
    row = only(rows, "10b", where=f"{EQUAL} 50")
    assert (row["verdict"], row["runs"]) == ("open", 0)
    assert row["reason"] == "the label is lost at batch size 5's best ρ"
    assert row["note"] == "best ρ 0, and 0.5 at batch size 5"


def test_a_bootstrap_says_nothing_finer_than_its_samples(runs, only) -> None:
    large = {(50, rho): [0.4, 0.4, 0.4] for rho in (0.0, 0.5, 1.0, 2.0)}
    row = only(batch_size(runs(doubled(WIDE | large))), "10b", where=f"{EQUAL} 50")
    assert (row["verdict"], row["p"]) == ("supported", 1 / 10_001)
    row = only(batch_size(runs(WIDE | large)), "10b", where=f"{EQUAL} 50")
    assert (row["verdict"], row["p"], row["reason"]) == ("open", 1, "fewer than 6 seeds")
    assert pd.isna(row["low"])


def test_a_cost_that_many_samples_do_not_have_is_open(runs, only) -> None:
    # At batch size 5, ρ = .5 is the best of both seeds, and 1 in a quarter of the samples.
    usual = {
        (5, 0.0): [0.5, 0.5],
        (5, 0.5): [0.3, 0.1],
        (5, 1.0): [0.1, 0.35],
        (5, 2.0): [0.9, 0.9],
    }
    large = {(50, rho): [0.4, 0.4] for rho in (0.0, 0.5, 1.0, 2.0)}
    made = runs(usual | large)
    made.loc[(made["batch_size"] == 50) & (made["rho"] == 1), "train_error"] = 0.5
    row = only(batch_size(made), "10b", where=f"{EQUAL} 50")
    assert (row["verdict"], row["p"]) == ("open", 1)
    assert math.isnan(row["low"])
    assert re.fullmatch(r"the cost is not known in 2\d% of the bootstrap samples", row["reason"])


def test_seeds_that_diverged_leave_the_cost_open(runs, only) -> None:
    errors = [0.1, 0.2, *[None] * 8]
    made = runs({(size, rho): errors for size in (5, 50) for rho in (0.0, 0.5, 1.0, 2.0)})
    row = only(batch_size(made), "10b", where=f"{EQUAL} 50")
    assert (row["verdict"], row["runs"]) == ("open", 2)


def test_the_choice_of_the_best_rho_is_bootstrapped_by_seed() -> None:
    # Of two seeds, a sample has both with probability 1/2, or one of them twice.
    usual = pd.DataFrame({0.0: [0.0, 1.0], 1.0: [1.0, 0.1]})
    here = pd.DataFrame({0.0: [0.0, 0.5], 1.0: [0.2, 0.1]})
    costs = bootstrap_costs(usual, here)
    # (0, 0): 0 best for both; (1, 1): 1 best for both; (0, 1): 0 has .5 and 1 has .55, here .25
    # and .15, so that 0 costs .1.
    shares = pd.Series(costs.round(12)).value_counts(normalize=True)
    assert shares.index.tolist() == [0, 0.1] or shares.index.tolist() == [0.1, 0]
    assert shares[0.1] == pytest.approx(0.5, abs=0.05)


def test_lsam_helps_at_each_size_and_the_largest_rho_is_more_sensitive(runs, only, found) -> None:
    large = {(50, 0.0): [0.4, 0.5, 0.6], (50, 0.5): [0.3, 0.4, 0.5], (50, 1.0): [0.5, 0.6, 0.9]}
    rows = batch_size(runs(SMALL | large))
    assert len(found(rows, "10c")) == 2 * 2 * 2
    for rho, effect, verdict in ((0.5, -0.1, "supported"), (1.0, 0.5 / 3, "open")):
        row = only(rows, "10c", where=f"{EQUAL} 50", rho=rho)
        assert (row["effect"], row["verdict"]) == (pytest.approx(effect), verdict)
    row = only(rows, "10d", where="toy, 270°, equal updates")
    # Over two sizes the standard deviation is the distance over √2.
    assert row["effect"] == pytest.approx((0.4 + 0.4 + 0.6 - 0.3) / 3 / 2**0.5)
    assert (row["verdict"], row["rho"]) == ("supported", 1)
    # A ρ that loses the label somewhere is not compared.
    lost = runs(SMALL | large)
    lost.loc[(lost["batch_size"] == 50) & (lost["rho"] == 1), "train_error"] = 0.021
    row = only(batch_size(lost), "10d", where="toy, 270°, equal updates")
    assert row["reason"] == "fewer than two ρ keep the label at every batch size"


def test_diverged_runs_are_dropped(runs, only) -> None:
    large = {
        (50, 0.0): [0.4, 0.5, None],
        (50, 0.5): [0.3, None, 0.3],
        (50, 1.0): [None, None, None],
    }
    rows = batch_size(runs(SMALL | large))
    row = only(rows, "10a", where=f"{EQUAL} 50", rho=0.5)
    assert (row["reason"], row["runs"], row["dropped"]) == ("one seed", 1, 2)
    row = only(rows, "10b", where=f"{EQUAL} 50")
    assert row["reason"] == "no seed has what is compared"
    assert row["note"] == ""


@pytest.mark.parametrize("sizes", [(5,), (1, 5), (1, 50)])
def test_without_the_sizes_to_compare_both_are_open(runs, found, sizes) -> None:
    errors = {(size, rho): [0.1, 0.1] for size in sizes for rho in (0.0, 0.5)}
    rows = found(batch_size(runs(errors)))
    assert rows["check"].tolist() == ["10a", "10b", "10c", "10d"]
    assert set(rows["reason"]) == {"batch size 5 and a larger one are not both among the runs"}
