import copy
from itertools import product
from typing import Any

import pytest

from feature_quality.config.toy import Toy
from feature_quality.toy.runs import Run, expand_grid
from feature_quality.toy.studies import parts

STUDIES = ("complexity", "dynamics", "interventions", "effects", "noise", "batch_size")
SIZES = (1, 2, 5, 10, 20, 50, 100, 300)
RADII = {0.0, 0.1, 0.2, 0.3, 0.5, 0.7, 1.0, 1.5, 2.0, 3.0}
CONSTANTS = [
    "documented",
    *("gap=0", "gap=0.3", "easy_scale=0.5", "easy_scale=2", "hard_scale=1", "hard_scale=6"),
    *("jitter=0", "jitter=0.05", "epochs=100", "initial=0.5", "width=50", "width=200"),
    *(f"easy_scale={easy},hard_scale={hard}" for easy in (0.5, 2) for hard in (1, 6)),
]
NAMES = {
    "complexity": [f"complexity={value}" for value in (180, 270, 360, 450, 540)],
    "dynamics": ["runs"],
    "interventions": ["kappa=constant", "kappa=tracking"],
    "effects": [
        f"effect={name}" for name in ("importance_weighting", "learning_rate", "direction", "norm")
    ],
    "noise": ["noise=label", "noise=gaussian", "noise=dropout"],
    "batch_size": [
        f"batch_size={size},equal={budget}" for size in SIZES for budget in ("updates", "epochs")
    ],
    "constants": CONSTANTS,
}
Settings = dict[str, Any]


@pytest.fixture
def settings() -> Settings:
    return Toy().model_dump(exclude={"studies"})


def runs_of(study: str, settings: Settings) -> list[Run]:
    return [run for axes in parts(**settings)[study].values() for run in expand_grid(axes)]


def all_parts(settings: Settings) -> dict[str, dict[str, list[Any]]]:
    return {
        f"{study}/{name}": axes
        for study in STUDIES
        for name, axes in parts(**settings)[study].items()
    }


def of(*studies: str) -> set[str]:
    return {f"{study}/{name}" for study in studies for name in NAMES[study]}


@pytest.mark.parametrize(
    ("study", "number"),
    [
        ("complexity", 5 * 10 * 10),
        ("dynamics", 2 * 10),
        ("interventions", 2 * 3 * 5 * 10),
        ("effects", 5 * 9 * 10),
        ("noise", 3 * 2 * 6 * 2 * 10),
        ("constants", 17 * (4 + 2 * 3) * 5),
        ("batch_size", 8 * 2 * 10 * 10),
    ],
)
def test_the_parts_have_their_names_and_no_run_is_missing_or_there_twice(study, number, settings):
    assert list(parts(**settings)[study]) == NAMES[study]
    runs = runs_of(study, settings)
    assert len(runs) == len(set(runs)) == number


@pytest.mark.parametrize("study", STUDIES)
def test_studies_train_for_300_epochs_of_60_steps_at_one_complexity(study, settings):
    runs = runs_of(study, settings)
    if study != "batch_size":
        assert {(run.batch_size, run.steps) for run in runs} == {(5, 18000)}
    if study != "complexity":
        assert {run.complexity for run in runs} == {270.0}


@pytest.mark.parametrize(
    ("size", "epochs"), [(1, 90000), (5, 18000), (7, 12900), (100, 900), (299, 600), (300, 300)]
)
def test_equal_updates_are_equal_steps_and_equal_epochs_count_the_partial_batch(
    size, epochs, settings
):
    settings["grid"]["batch_size"] = (size,)
    runs = runs_of("batch_size", settings)
    assert {(run.budget, run.batch_size, run.steps) for run in runs} == {
        ("updates", size, 18000),
        ("epochs", size, epochs),
    }


@pytest.mark.parametrize(
    ("study", "radii"),
    [
        ("complexity", RADII),
        ("dynamics", {0.0, 0.5}),
        ("interventions", {0.0}),
        ("effects", RADII - {0.0}),
        ("noise", {0.0, 0.5}),
        ("batch_size", RADII),
    ],
)
def test_each_part_holds_all_radii_and_seeds(study, radii, settings):
    for name, axes in parts(**settings)[study].items():
        found = {(run.rho, run.seed) for run in expand_grid(axes)}
        assert found == {(rho, seed) for rho in radii for seed in range(10)}, name


def test_parts_of_noise_and_interventions_hold_every_combination(settings):
    for kind in ("label", "gaussian", "dropout"):
        runs = expand_grid(parts(**settings)["noise"][f"noise={kind}"])
        expected = product([kind], ("both", "hard"), settings["grid"]["noise"][kind])
        assert {(run.noise, run.noisy, run.level) for run in runs} == set(expected)
    for kappa in ("constant", "tracking"):
        runs = expand_grid(parts(**settings)["interventions"][f"kappa={kappa}"])
        kinds = ("importance_weighting", "learning_rate", "both")
        expected = product([kappa], kinds, (0.25, 0.5, 1.0, 2.0, 4.0))
        assert {(run.kappa, run.intervention, run.alpha) for run in runs} == set(expected)


@pytest.mark.parametrize(
    ("place", "value", "changed"),
    [
        (
            ("grid", "complexity", 4),
            500.0,
            {"complexity/complexity=540", "complexity/complexity=500"},
        ),
        (("grid", "noise", "label", 5), 0.2, {"noise/noise=label"}),
        (("grid", "noise", "gaussian", 1), 0.3, {"noise/noise=gaussian"}),
        (("grid", "noise", "dropout", 2), 0.3, {"noise/noise=dropout"}),
        (
            ("grid", "batch_size", 4),
            25,
            {
                f"batch_size/batch_size={size},equal={budget}"
                for size in (20, 25)
                for budget in ("updates", "epochs")
            },
        ),
        (
            ("grid", "kappa", 1),
            "unit",
            {"interventions/kappa=tracking", "interventions/kappa=unit"},
        ),
        (("grid", "alpha", 0), 0.125, of("interventions")),
        (("grid", "rho", 6), 0.9, of("complexity", "effects", "batch_size")),
        (("grid", "snapshot_epochs", 0), 2, set()),
        (("shown", "rho"), 0.3, of("dynamics", "noise")),
        (("shown", "network_rho"), 0.3, set()),
        (("shown", "complexity"), 180.0, of(*STUDIES) - of("complexity")),
        (("training", "lr"), 0.1, set()),
        (("training", "epochs"), 1, of(*STUDIES)),
        (("seeds", 9), 10, of(*STUDIES)),
    ],
)
def test_a_changed_value_changes_its_own_parts_alone(place, value, changed, settings):
    other = copy.deepcopy(settings)
    *path, last = place
    inner = other
    for key in path[:-1]:
        inner = inner[key]
    if isinstance(last, int):
        values = inner[path[-1]]
        inner[path[-1]] = (*values[:last], value, *values[last + 1 :])
    else:
        inner[path[-1]][last] = value
    before, after = all_parts(settings), all_parts(other)
    assert {
        name for name in before.keys() | after.keys() if before.get(name) != after.get(name)
    } == changed


def test_settings_of_the_constants_change_what_their_name_says_and_the_noise_with_the_scale(
    settings,
):
    axes = parts(**settings)["constants"]
    documented = axes["documented"]
    changes = {
        name: {key: each[key] for key in each if each[key] != documented.get(key)}
        for name, each in axes.items()
    }
    assert changes["epochs=100"] == {"steps": [6000]}
    assert changes["jitter=0.05"] == {"jitter": [pytest.approx(0.15)]}
    assert changes["gap=0"] == {"gap": [0]}
    assert changes["easy_scale=2,hard_scale=6"] == {
        "easy_scale": [2],
        "hard_scale": [6],
        "jitter": [pytest.approx(0.12)],
    }


@pytest.mark.parametrize(
    ("distribution", "values"),
    [
        ({}, {"easy_scale": (1.0, 2.0)}),
        ({}, {"easy_scale": (1.0,), "hard_scale": (3.0,)}),
        ({"hard_scale": 6.0, "jitter": 0.12}, {}),
    ],
)
def test_no_setting_of_the_constants_is_there_twice(settings, distribution, values):
    """The documented scale is one of the extremes."""
    settings["distribution"] |= distribution
    settings["lost_constants"] |= values
    axes = parts(**settings)["constants"]
    runs = [tuple(expand_grid(each)) for each in axes.values()]
    assert len({*runs}) == len(runs)
