from itertools import product

import pytest

from feature_quality.toy.runs import Run, expand_grid

FIXED = {"batch_size": [5], "steps": [60]}


def test_every_combination_is_a_run_and_the_last_axis_varies_fastest():
    axes = FIXED | {"complexity": [270.0, 180.0], "rho": [0.0, 0.5], "seed": [3, 1]}
    found = [(run.complexity, run.rho, run.seed) for run in expand_grid(axes)]
    assert found == list(product([270.0, 180.0], [0.0, 0.5], [3, 1]))
    # The order of the axes is theirs, not that of the fields.
    axes = FIXED | {"seed": [0, 1], "complexity": [180.0, 270.0]}
    found = [(run.seed, run.complexity) for run in expand_grid(axes)]
    assert found == list(product([0, 1], [180.0, 270.0]))


def test_interventions_by_lsams_own_weights_are_not_sgd_once_more():
    axes = FIXED | {"complexity": [270.0], "seed": [0], "rho": [0.0, 0.5]}
    runs = expand_grid(axes | {"intervention": [None, "both"]})
    assert [(run.intervention, run.rho) for run in runs] == [(None, 0), (None, 0.5), ("both", 0.5)]
    # With weights of a fixed ratio, ρ is 0.
    runs = expand_grid(axes | {"intervention": ["both"], "alpha": [2.0], "rho": [0.0]})
    assert [(run.alpha, run.rho) for run in runs] == [(2.0, 0.0)]


def test_what_no_axis_names_is_sgd_without_noise_or_intervention():
    (run,) = expand_grid(FIXED | {"complexity": [270.0], "seed": [0]})
    assert run == Run(0, 270.0, 5, 60, "updates", 0.0, None, 0.0, "both", None, None, None)


def test_an_axis_that_no_run_has_is_refused():
    with pytest.raises(TypeError, match="momentum"):
        expand_grid(FIXED | {"complexity": [270.0], "seed": [0], "momentum": [0.9]})
