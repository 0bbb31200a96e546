import pytest

from feature_quality.reporting.figures.drawing import (
    bands_text,
    dataset_texts,
    diverged_settings_text,
    plain,
    setting_text,
)
from feature_quality.reporting.metrics import weighting_text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (setting_text(5e-4, 0.0), "lr 0.0005, ρ 0"),
        (plain("$x^2$"), r"\$x^2\$"),
        (bands_text(1), "One seed."),
        (bands_text(3), "Means over 3 seeds with 95 % t-intervals."),
        (diverged_settings_text([]), ""),
        (
            diverged_settings_text(iter([(0.1, 0.2), (0.05, 0.2), (0.1, 0.2)])),
            "Diverged runs, left out: 1 at lr 0.05, ρ 0.2; 2 at lr 0.1, ρ 0.2.",
        ),
    ],
)
def test_what_captions_are_made_of(text, expected) -> None:
    assert text == expected


def test_what_captions_say_of_a_dataset(description_of) -> None:
    weighted = description_of(group_weights=(0.4, 0.1, 0.1, 0.4))
    assert "by its frequency in training" in weighting_text(weighted)
    assert weighting_text(description_of()) == ""
    assert dataset_texts(description_of(), "Means.", "") == ("Means.", "", "Shapes in colours:")
    assert dataset_texts(description_of(target="R")) == ("Shapes in colours, target R:",)
