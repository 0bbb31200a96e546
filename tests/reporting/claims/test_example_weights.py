from typing import Any

import numpy as np
import pandas as pd
import pytest

from feature_quality.artifacts.features import IMPORTANCE
from feature_quality.reporting.claims.example_weights import CHECKS, absent
from feature_quality.reporting.claims.example_weights import check as example_weights
from feature_quality.reporting.weighted_points import WeightedPoints

TOY = {"rho": 0.5, "axes": {"complexity": [270.0]}}
DATASET = {
    "dataset": "shapes",
    "title": "Shapes in colours",
    "demonstration": False,
    "custom": False,
    "easy": "colour",
    "hard": "shape",
    "told_apart": True,
    "compared": "sam",
    "phantom_rho": 0.1,
    "runs": [
        {"method": method, "lr": lr, "rho": rho, "seed": seed}
        for method, lr, rho in (("sgd", 0.05, 0.0), ("sam", 0.2, 0.5))
        for seed in range(3)
    ],
}


def weights(points: pd.DataFrame, about: dict[str, Any]) -> list[Any]:
    return example_weights(WeightedPoints.of(points, about))


# Four points. The easy feature fits the first two worse, the hard one the second and third; it gets
# the third wrong.
EASY, HARD = [1.0, 2.0, 3.0, 4.0], [7.0, 1.0, -1.0, 8.0]
EVEN, UNEVEN = [1.0, 1.0, 1.0, 1.0], [0.0, 0.0, 0.0, 1.0]


@pytest.fixture(scope="session")
def both():
    """Make some seeds of two equal networks, or others by SGD or (L)SAM, from λ and λ̃."""

    def make(sam: dict[str, Any] | None = None, seeds: int = 3, **details: Any) -> pd.DataFrame:
        usual = {"weight": EVEN, "phantom_weight": EVEN, "epoch": 6, "easy": EASY, "hard": HARD}
        usual["random_weight"] = details.get("weight", EVEN)
        points = [
            pd.DataFrame(usual | details | (sam if sam and rho else {})).assign(seed=seed, rho=rho)
            for seed in range(seeds)
            for rho in (0.0, 0.5)
        ]
        names = {"easy": "easy_contribution", "hard": "hard_contribution"}
        table = pd.concat(points).rename(columns=names)[IMPORTANCE.names]
        return table.sample(frac=1, random_state=1)

    return make


@pytest.mark.parametrize(
    ("weight", "phantom", "effect", "verdict"),
    [
        # The Gini coefficient of one nonzero of four is 3/4.
        (UNEVEN, EVEN, -0.75, "supported"),
        (EVEN, UNEVEN, 0.75, "contradicted"),
        # Shares of 0, 0, 1/2, 1/2.
        (UNEVEN, [0, 0, 1, 1], -0.25, "supported"),
        (EVEN, EVEN, 0, "open"),
    ],
)
def test_weights_may_be_more_uniform(both, only, weight, phantom, effect, verdict) -> None:
    rows = weights(both(weight=weight, phantom_weight=phantom), TOY)
    for method in ("SGD", "LSAM"):
        row = only(rows, "5a", where=f"toy, 270°, trained by {method}")
        assert (row["effect"], row["verdict"], row["runs"]) == (effect, verdict, 3)
        assert (row["data"], row["rho"], row["epoch"]) == ("toy", 0.5, 6)
    # LSAM's phantom weights against SGD's real ones.
    lsam = {"weight": [1, 2, 3, 9], "phantom_weight": phantom}
    rows = weights(both(weight=weight, phantom_weight=[5, 0, 0, 1], sam=lsam), TOY)
    row = only(rows, "5b", where="toy, 270°")
    assert (row["effect"], row["verdict"]) == (effect, verdict)
    # One seed is open.
    row = only(weights(both(weight=weight, phantom_weight=phantom, seeds=1), TOY), "5b")
    assert (row["reason"], row["effect"]) == ("one seed", effect)


@pytest.mark.parametrize(
    ("phantom", "expected"),
    [
        # From shares of a quarter each: to the second, third, first and last point.
        ([1, 5, 1, 1], {"6a": "supported", "6b": "contradicted", "6c": "contradicted"}),
        ([1, 1, 5, 1], {"6a": "supported", "6b": "supported", "6c": "supported"}),
        ([5, 1, 1, 1], {"6a": "contradicted", "6b": "contradicted", "6c": "contradicted"}),
        ([1, 1, 1, 5], {"6a": "contradicted", "6b": "contradicted", "6c": "supported"}),
        (EVEN, {"6a": "open", "6b": "open", "6c": "open"}),
    ],
)
def test_who_gains_and_who_loses(both, found, phantom, expected) -> None:
    rows = weights(both(phantom_weight=phantom), TOY)
    for check, verdict in expected.items():
        assert found(rows, check)["verdict"].tolist() == [verdict] * 2
    # No point is wrong by the easy feature: that is no gain of 0.
    wrong_by_easy = found(rows, "6d")
    assert wrong_by_easy["verdict"].tolist() == ["not run"] * 2
    assert wrong_by_easy["reason"].tolist() == ["no seed has what is compared"] * 2


def test_shares_by_hand(both, found) -> None:
    rows = weights(both(weight=[1, 2, 3, 4], phantom_weight=[4, 8, 4, 4], easy=[-1, 0, 3, 4]), TOY)
    effects = {check: set(found(rows, check)["effect"]) for check in ("6a", "6b", "6c", "6d")}
    # Shares of .1 .2 .3 .4 and of .2 .4 .2 .2; a contribution of 0 is wrong.
    assert effects == {"6a": {0.1}, "6b": {-0.1}, "6c": {0.3}, "6d": {0.3}}
    assert found(rows, "6d")["verdict"].tolist() == ["contradicted"] * 2


def test_the_joint_cell_by_hand(both, found) -> None:
    # The easy medians are 2.5 and 2, the hard ones 4 and 0.5. Above the one and not above the other
    # is the third point alone, by signs too; opposite is the first alone, and by signs the second.
    points = {"easy": [1.0, -2.0, 3.0, 4.0], "hard": [7.0, 1.0, -1.0, 8.0]}
    rows = weights(both(weight=[1, 2, 3, 4], phantom_weight=[4, 8, 4, 4], **points), TOY)
    effects = {check: set(found(rows, check)["effect"]) for check in ("6g", "6h", "6i", "6j")}
    # Shares of .1 .2 .3 .4 and of .2 .4 .2 .2.
    assert effects == {"6g": {-0.1}, "6h": {-0.1}, "6i": {-0.2}, "6j": {-0.3}}
    assert found(rows, "6g")["verdict"].tolist() == ["contradicted"] * 2
    # A contribution of 0 is wrong, and no point is wrong by the hard feature, or none opposite.
    rows = weights(both(easy=[0.0, 1, 2, 3], hard=[4.0, 3, 2, 1]), TOY)
    assert (found(rows, "6h", "6j")["dropped"] == 3).all()
    assert (found(rows, "6g", "6i")["runs"] == 3).all()
    rows = weights(both(phantom_weight=UNEVEN, easy=[1.0] * 4, hard=[-1.0, 1, 1, -1]), TOY)
    assert (found(rows, "6j")["verdict"] == "not run").all()
    assert found(rows, "6h")["effect"].tolist() == [0.5, 0.5]


def test_the_control_is_a_random_perturbation(both, found) -> None:
    rows = weights(both(random_weight=UNEVEN), TOY)
    assert found(rows, "5a")["effect"].tolist() == [0, 0]
    assert found(rows, "5c")["effect"].tolist() == [-0.75, -0.75]
    assert found(rows, "5c")["verdict"].tolist() == ["supported"] * 2


# Easy exceeds hard at the first five of ten points.
TEN: dict[str, Any] = {"easy": [1.0] * 5 + [0.0] * 5, "hard": [0.0] * 5 + [0.0, 1, 1, 1, 1]}


def test_medians_by_hand(both, found) -> None:
    real = [0, 0.5, 1, 1.5, 9, 2, 4, 5, 6, 7]
    phantom = [100, 0, 200, 300, 250, 1, 2, 3, 1, 2]
    rows = weights(both(weight=real, phantom_weight=phantom, **TEN), TOY)
    assert found(rows, "6e")["effect"].tolist() == [2.0, 2.0]
    assert found(rows, "6e")["verdict"].tolist() == ["supported"] * 2
    assert found(rows, "6f")["effect"].tolist() == pytest.approx([-np.log10(5)] * 2)
    assert found(rows, "6f")["verdict"].tolist() == ["contradicted"] * 2


@pytest.mark.parametrize(
    "details",
    [
        {"weight": [0, 0, 0] + [1.0] * 7},
        {"hard": [9.0] * 10},
        {"hard": [-9.0] * 10},
        {"hard": [0.0] * 4 + [9.0] * 6},
        {"hard": [-9.0] * 6 + [9.0] * 4},
    ],
    ids=["median 0", "never easier", "always easier", "four easier", "four harder"],
)
def test_a_median_that_is_not_defined_is_open(both, found, details) -> None:
    ten = {"weight": [1.0] * 10, "phantom_weight": [1.0] * 10} | TEN | details
    row = found(weights(both(**ten), TOY), "6f").iloc[0]
    assert (row["verdict"], row["runs"], row["dropped"]) == ("not run", 0, 3)
    assert row["reason"] == "no seed has what is compared"


def test_weights_that_are_all_0_have_no_uniformity(both, found) -> None:
    rows = weights(both(weight=[0, 0, 0, 0]), TOY)
    for check in ("5a", "5b", "6a", "6b"):
        assert (found(rows, check)["dropped"] == 3).all()
        assert (found(rows, check)["verdict"] == "not run").all()


def test_every_checkpoint_has_its_rows(both, found) -> None:
    later = both(weight=UNEVEN, epoch=10)
    rows = weights(pd.concat([later, both(weight=EVEN, phantom_weight=UNEVEN, epoch=2)]), TOY)
    table = found(rows, "5b")
    assert table["epoch"].tolist() == [2, 10]
    assert table["verdict"].tolist() == ["contradicted", "supported"]
    for check in ("5a", "5c", *(f"6{letter}" for letter in "abcdghi")):
        assert found(rows, check)["epoch"].tolist() == [2, 10, 2, 10]


def test_a_run_with_nan_takes_its_pair_along(both, only) -> None:
    points = both(weight=UNEVEN)
    points.loc[(points["seed"] == 1) & (points["rho"] == 0), "weight"] = np.nan
    rows = weights(points, TOY)
    for check, where in (("5b", "toy, 270°"), ("5a", "toy, 270°, trained by SGD")):
        row = only(rows, check, where=where)
        assert (row["effect"], row["runs"], row["dropped"]) == (-0.75, 2, 1)
    assert only(rows, "5a", where="toy, 270°, trained by LSAM")["dropped"] == 0


def test_a_dataset_names_its_method_and_counts_a_run_that_is_not_there(both, only, found) -> None:
    points = both(weight=UNEVEN)
    points = points[(points["seed"] != 1) | (points["rho"] == 0)]
    rows = weights(points, DATASET)
    row = only(rows, "5b", where="Shapes in colours")
    assert (row["runs"], row["dropped"]) == (2, 1)
    row = only(rows, "6a", where="Shapes in colours, trained by SAM")
    assert (row["runs"], row["dropped"], row["rho"]) == (2, 1, 0.1)
    note = "easy: colour, hard: shape; SGD at lr 0.05, SAM at lr 0.2"
    assert (row["note"], row["data"], row["method"]) == (note, "real data", "sam")

    runs = [run | {"method": run["method"].replace("sam", "asam")} for run in DATASET["runs"]]
    about = DATASET | {"compared": "asam", "runs": runs, "demonstration": True}
    sam, asam = found(rows), found(weights(points, about))
    assert set(asam["method"]) == {"asam"}
    assert set(asam["data"]) == {"demonstration"}
    assert asam["where"].tolist() == sam["where"].str.replace("SAM", "ASAM").tolist()
    assert asam["note"].str.endswith("ASAM at lr 0.2").all()
    same = ["check", "statement", "effect", "verdict", "rho", "epoch"]
    pd.testing.assert_frame_equal(asam[same], sam[same])


def test_claim_6_is_open_where_easy_and_hard_are_not_told_apart(both, found) -> None:
    # More uniform λ̃, which shift to where the easy feature is right: 5a and 6 have verdicts.
    points = both(weight=UNEVEN, phantom_weight=EVEN)
    told, untold = (
        found(weights(points, DATASET | {"told_apart": each})) for each in (True, False)
    )
    assert {*told.loc[told["claim"] == 6, "verdict"]} > {"open"}
    same = ["check", "where", "effect", "low", "high", "runs"]
    pd.testing.assert_frame_equal(untold[same], told[same])
    sixth = untold[(untold["claim"] == 6) & (untold["runs"] > 0)]
    assert set(sixth["verdict"]) == {"open"}
    assert set(sixth["reason"]) == {"SGD's errors do not tell easy from hard"}
    assert set(sixth["p"]) == {1.0}
    pd.testing.assert_frame_equal(untold[untold["claim"] == 5], told[told["claim"] == 5])


def test_datasets_without_weights_are_not_run(description_of, selection_of, found) -> None:
    sgd, sam = ("sgd", 0.1, 0.0), ("sam", 0.1, 0.05)
    descriptions = [description_of("celeba", title="CelebA"), description_of()]
    selections = {
        "celeba": selection_of(sgd, sam, failed=["asam"], dataset="celeba"),
        "toy": selection_of(sgd),
    }
    rows = found(absent(descriptions, selections))
    assert len(rows) == 5 * len(CHECKS)
    assert set(rows["verdict"]) == {"not run"}
    reasons = rows.groupby(["where", "method"])["reason"].unique().map(list).to_dict()
    not_there = ["the dataset is not among the results"]
    assert reasons == {
        ("CelebA", "asam"): ["no run of ASAM has finished"],
        ("Shapes in colours", "sam"): ["no run of SAM has finished"],
        ("CIFAR-MNIST", "sam"): not_there,
        ("FMNIST-MNIST", "sam"): not_there,
        ("Waterbirds", "sam"): not_there,
    }
