from feature_quality.reporting.figures.figure_text import below, diverged, plain, setting, weighting


def test_a_setting_is_spelled_as_in_paths() -> None:
    assert setting(5e-4, 0.0) == "lr 0.0005, ρ 0"


def test_a_name_is_no_formula() -> None:
    assert plain("$x^2$") == r"\$x^2\$"


def test_runs_that_diverged_are_counted_by_setting() -> None:
    settings = [(0.1, 0.2), (0.05, 0.2), (0.1, 0.2)]
    expected = "Left out, as they diverged: runs 1 at lr 0.05, ρ 0.2; 2 at lr 0.1, ρ 0.2."
    assert diverged(iter(settings)) == expected
    assert diverged([]) == ""


def test_weights_of_groups_are_mentioned_where_there_are_any(subject_of) -> None:
    weighted = subject_of(group_weights=(0.4, 0.1, 0.1, 0.4)).description
    assert "by its frequency in training" in weighting(weighted)
    assert weighting(subject_of().description) == ""


def test_what_stands_below_names_dataset_and_target(subject_of) -> None:
    texts = below(subject_of().description, "4 seeds.", "Means.", "", "One left out.")
    assert texts == ("Means. One left out.", "Shapes in colours: 4 seeds.")
    transfer = subject_of(target="R").description
    assert below(transfer, "4 seeds.") == ("", "Shapes in colours, target R: 4 seeds.")
