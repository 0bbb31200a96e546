import pandas as pd
import pytest

from feature_quality.reporting.toy_runs import (
    TOY_METHODS,
    breaks,
    degrees,
    method_of,
    phantom_ratio,
    radii,
    setting,
)


@pytest.fixture
def runs() -> pd.DataFrame:
    """Two complexities at two ρ, two seeds each; no mean breaks."""
    rows = [(c, rho, seed) for c in (180.0, 270.0) for rho in (0.5, 0.0) for seed in (1, 0)]
    table = pd.DataFrame(rows, columns=["complexity", "rho", "seed"])
    ratios = {"phantom_ratio_mean": 0.8, "phantom_ratio_median": 0.6}
    return table.assign(phantom_easy_nonpositive=0.01, **ratios)


def test_sgd_is_the_toys_method_at_0_and_lsam_at_any_other_rho() -> None:
    named = method_of(pd.Series([0.0, 0.1, 0.0, 1.0], index=[3, 2, 1, 0]))
    assert named.to_dict() == {3: "sgd", 2: "lsam", 1: "sgd", 0: "lsam"}
    assert [method.label for method in TOY_METHODS] == ["SGD", "LSAM"]


def test_a_setting_is_found_by_seed(runs) -> None:
    found = setting(runs, complexity=270, rho=0.5)
    assert found.index.tolist() == [0, 1]
    assert set(found["complexity"]) == {270}
    assert radii(pd.concat([runs, runs.assign(rho=0.1)])) == [0.1, 0.5]
    assert degrees(270.0) == "toy, 270°"


@pytest.mark.parametrize(
    ("share", "times", "expected"),
    [(0.0, 1, False), (0.01, 2, False), (0.0101, 1, True), (0.0, 2.1, True), (0.0, -0.1, True)],
)
def test_a_mean_breaks_above_one_step_of_a_hundred_or_far_from_the_median(
    runs, share, times, expected
) -> None:
    runs["phantom_easy_nonpositive"] = share
    runs["phantom_ratio_mean"] = times * runs["phantom_ratio_median"]
    assert breaks(runs).tolist() == [expected] * len(runs)
    summary = "median" if expected else "mean"
    assert phantom_ratio(runs).tolist() == runs[f"phantom_ratio_{summary}"].tolist()


def test_one_seed_breaks_its_setting_and_no_other_and_a_diverged_one_says_nothing(runs) -> None:
    one = (runs["complexity"] == 270) & (runs["rho"] == 0.5)
    runs.loc[one & (runs["seed"] == 1), "phantom_easy_nonpositive"] = 0.4
    assert breaks(runs).tolist() == one.tolist()
    runs.loc[one & (runs["seed"] == 0), "phantom_easy_nonpositive"] = None
    assert breaks(runs).tolist() == one.tolist()
