from feature_quality.reporting.figures.drawing import below, diverged, plain, setting, weighting


def test_a_setting_is_spelled_as_in_paths() -> None:
    assert setting(5e-4, 0.0) == "lr 0.0005, ρ 0"


def test_a_name_is_no_formula() -> None:
    assert plain("$x^2$") == r"\$x^2\$"


def test_runs_that_diverged_are_counted_by_setting() -> None:
    settings = [(0.1, 0.2), (0.05, 0.2), (0.1, 0.2)]
    expected = "Left out, as they diverged: runs 1 at lr 0.05, ρ 0.2; 2 at lr 0.1, ρ 0.2."
    assert diverged(iter(settings)) == expected
    assert diverged([]) == ""


def test_weights_of_groups_are_mentioned_where_there_are_any(description_of) -> None:
    weighted = description_of(group_weights=(0.4, 0.1, 0.1, 0.4))
    assert "by its frequency in training" in weighting(weighted)
    assert weighting(description_of()) == ""


def test_what_stands_below_ends_with_dataset_and_target(description_of) -> None:
    assert below(description_of(), "Means.", "") == ("Means.", "", "Shapes in colours:")
    assert below(description_of(target="R")) == ("Shapes in colours, target R:",)
