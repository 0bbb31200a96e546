from typing import Any

import pytest

from feature_quality.config.settings import load
from feature_quality.errors import InputError


def remark(toy: dict[str, Any]) -> str:
    return load({"toy": toy}).toy.remark()


@pytest.mark.parametrize(
    ("toy", "fault"),
    [
        (
            {"sweep": {"batch_size": [5, 400]}},
            "toy.sweep.batch_size[1]: 400 should be at most toy.distribution.train_points, 300",
        ),
        (
            {"training": {"batch_size": 301}},
            "toy.training.batch_size: 301 should be at most toy.distribution.train_points, 300",
        ),
        ({"shown": {"rho": 0.4}}, "toy.shown.rho: 0.4 should be among toy.sweep.rho"),
        (
            {"shown": {"complexity": 90}},
            "toy.shown.complexity: 90 should be among toy.sweep.complexity",
        ),
    ],
)
def test_sections_that_disagree_are_named(toy: dict[str, Any], fault: str) -> None:
    with pytest.raises(InputError) as error:
        load({"toy": toy})
    assert str(error.value).splitlines() == ["The configuration has 1 fault:", f"  {fault}"]


def test_disagreements_are_counted_one_by_one() -> None:
    with pytest.raises(InputError, match="has 3 faults") as error:
        load({"toy": {"shown": {"complexity": 90, "rho": 0.4}, "training": {"batch_size": 999}}})
    assert len(str(error.value).splitlines()) == 1 + 3


def test_a_batch_may_be_all_points() -> None:
    toy = {"distribution": {"train_points": 50}, "sweep": {"batch_size": [1, 50]}}
    assert load({"toy": toy}).toy.sweep.batch_size == (1, 50)


def test_no_studies_leave_the_toy_out() -> None:
    assert load({"toy": {"studies": []}}).toy.studies == ()


def test_the_documented_toy_is_remarked_without_departures() -> None:
    assert remark({}) == "Toy data: 10 seeds, 300 epochs."


def test_departures_are_remarked_by_name() -> None:
    changed = {"seeds": [1], "training": {"epochs": 20}, "sweep": {"noise": {"label": [0, 0.1]}}}
    assert remark(changed) == (
        "Toy data: 1 seed, 20 epochs. "
        "Not the documented settings: seeds, training.epochs, sweep.noise.label."
    )
