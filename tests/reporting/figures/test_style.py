from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure

from feature_quality.methods import METHODS
from feature_quality.reporting.figures.drawing import save
from feature_quality.reporting.figures.style import (
    FEATURES,
    NEUTRAL,
    WIDTH,
    canvas,
    empty_panel,
    lines,
    sequence,
)


@pytest.mark.parametrize("which", ["all", "one diverged", "single"])
def test_lines_are_means_over_seeds_with_intervals(assert_shows, bands, which) -> None:
    rng = np.random.default_rng(0)
    values = pd.DataFrame({"x": np.repeat([0.0, 0.5, 2.0], 4), "y": rng.uniform(size=12)})
    values = values.sample(frac=1, random_state=0)
    if which == "one diverged":
        values["y"] = values["y"].where(values.index != 5)
    if which == "single":
        values = values.drop_duplicates("x")
    _, axes = canvas(1, 1, 2)
    lines(values, axes[0, 0], x="x", y="y", color=NEUTRAL)
    assert_shows(axes[0, 0], values.dropna(), "x", "y", NEUTRAL)
    assert axes[0, 0].lines[0].get_marker() == "o"
    if which == "single":
        assert bands(axes[0, 0], NEUTRAL) == [{}]


def test_colours_of_methods_features_and_the_rest_differ() -> None:
    methods = [method.colour for method in METHODS.values()]
    colours = [*methods, *FEATURES.values(), NEUTRAL]
    assert len({to_rgb(colour) for colour in colours}) == len(METHODS) + 3


def contrast_with_white(colour: tuple[float, ...]) -> float:
    """Return the contrast ratio of WCAG 2.1 between an sRGB colour and white."""
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in colour[:3]]
    return float(1.05 / (np.dot([0.2126, 0.7152, 0.0722], linear) + 0.05))


@pytest.mark.parametrize("values", [[5, 1, 300, 5, 20], [270.0, 270.0]])
def test_colours_of_a_sweep_get_darker_and_none_fades_on_white(values) -> None:
    colours = sequence(pd.Series(values))
    assert [*colours] == sorted(set(values))
    contrasts = [contrast_with_white(colour) for colour in colours.values()]
    assert contrasts == sorted(contrasts)
    assert len(set(contrasts)) == len(contrasts)
    # That which WCAG asks of graphics.
    assert contrasts[0] >= 3


def test_a_canvas_is_a_page_wide_and_an_empty_panel_says_why() -> None:
    figure, axes = canvas(2, 3, 4.5, sharey=True)
    assert figure.get_size_inches().tolist() == [WIDTH, 4.5]
    assert axes.shape == (2, 3)
    assert axes[0, 0].get_shared_y_axes().joined(axes[0, 0], axes[1, 2])
    _, axes = canvas(1, 1, 1)
    assert axes.shape == (1, 1)
    empty_panel(axes[0, 0], "nothing here")
    (text,) = axes[0, 0].texts
    assert text.get_text() == "nothing here"
    assert text.get_transform() == axes[0, 0].transAxes


class TestSave:
    @staticmethod
    def figure() -> Figure:
        figure, axes = canvas(1, 1, 2)
        table = pd.DataFrame({"x": [0, 1, 0, 1], "y": [1, 2, 3, 5]})
        lines(table, axes[0, 0], x="x", y="y")
        axes[0, 0].set(title="λ, ρ", xlabel="$\\tilde{w}_h$")
        return figure

    def test_equal_figures_give_equal_bytes(self, tmp_path: Path) -> None:
        written = []
        for place in ("first", "second"):
            folder = tmp_path / place
            save(self.figure(), folder / "a.pdf", str(folder / "b.png"))
            assert {path.name for path in folder.iterdir()} == {"a.pdf", "b.png"}
            written.append([(folder / name).read_bytes() for name in ("a.pdf", "b.png")])
        assert written[0] == written[1]
        pdf, png = written[0]
        assert pdf.startswith(b"%PDF-")
        assert png.startswith(b"\x89PNG\r\n")
        # Both were written in the same second.
        assert b"Date" not in pdf + png
