from itertools import product

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from feature_quality.errors import InputError
from feature_quality.reporting.figures.importance import Subject, lorenz_curves, median_weights
from feature_quality.reporting.figures.style import IMAGE_METHODS, METHODS

EPOCHS = (1, 3, 10)
STYLES = {"weight": "--", "phantom_weight": "-"}
NAMES = {"weight": "λ", "phantom_weight": "$\\tilde{λ}$", "ratio": "$\\tilde{λ}$/λ"}


ABOUT = {
    "dataset": "shapes",
    "title": "Shapes in colours",
    "easy": "colour",
    "hard": "shape",
    "runs": [
        {"lr": lr, "rho": rho, "seed": seed, "phantom_rho": 0.5}
        for lr, rho in ((0.01, 0.5), (0.05, 0.0))
        for seed in (0, 1)
    ],
}


def toy(points: pd.DataFrame) -> Subject:
    return Subject.of(points, {"rho": 0.5})


def part(points: pd.DataFrame, method: str, epoch: int) -> pd.DataFrame:
    of_method = points["rho"] == (0 if method == "SGD" else 0.5)
    return points[of_method & (points["epoch"] == epoch)]


def places(figure: Figure) -> list[tuple[int, int]]:
    specs = [panel.get_subplotspec() for panel in figure.axes]
    return [(spec.rowspan.start, spec.colspan.start) for spec in specs if spec]


class TestLorenz:
    @pytest.fixture
    def points(self, points_of, request) -> pd.DataFrame:
        return points_of(getattr(request, "param", 3), epochs=EPOCHS, points=20)

    @staticmethod
    def curves_of(points: pd.DataFrame, kind: str) -> pd.DataFrame:
        tables = []
        for _, weights in points.groupby("seed")[kind]:
            top = weights.sort_values(ascending=False)
            share = [0, *(top.cumsum() / top.sum())]
            tables.append(pd.DataFrame({"x": np.linspace(0, 1, len(share)), "y": share}))
        return pd.concat(tables)

    @staticmethod
    def gini_of(points: pd.DataFrame, kind: str) -> float:
        ginis = []
        for _, weights in points.groupby("seed")[kind]:
            values = weights.to_numpy()
            ginis.append(np.abs(values[:, None] - values).mean() / (2 * values.mean()))
        return float(np.mean(ginis))

    def assert_panel(self, panel, points, method, assert_shows) -> None:
        for kind, style in STYLES.items():
            curves = self.curves_of(points, kind)
            assert_shows(panel, curves, "x", "y", METHODS[method], style)
        texts = [f"G({NAMES[kind]}) = {self.gini_of(points, kind):.4f}" for kind in STYLES]
        assert panel.get_xlabel().splitlines() == ["share of points", *texts]
        (legend,) = panel.figure.legends
        assert [text.get_text() for text in legend.get_texts()] == [
            f"real, {NAMES['weight']}",
            f"phantom, {NAMES['phantom_weight']}",
        ]
        styles = [handle.get_linestyle() for handle in legend.legend_handles]
        assert styles == [*STYLES.values()]
        (diagonal,) = (line for line in panel.lines if line.get_linestyle() == ":")
        np.testing.assert_array_equal(diagonal.get_data(), [[0, 1], [0, 1]])
        assert (panel.get_xlim(), panel.get_ylim()) == ((0, 1), (0, 1))

    @pytest.mark.parametrize("points", [1, 10], indirect=True)
    def test_one_checkpoint_has_the_methods_side_by_side(self, points, assert_shows) -> None:
        figure = lorenz_curves(toy(points), [3])
        assert places(figure) == [(0, 0), (0, 1)]
        for panel, method in zip(figure.axes, METHODS, strict=True):
            self.assert_panel(panel, part(points, method, 3), method, assert_shows)
        titles = [panel.get_title() for panel in figure.axes]
        assert titles == ["trained by SGD", "trained by LSAM"]
        assert [panel.get_ylabel() for panel in figure.axes] == ["share of weight", ""]
        figure.draw_without_rendering()

    def test_several_have_a_column_each_and_the_methods_rows(self, points, assert_shows) -> None:
        figure = lorenz_curves(toy(points), EPOCHS)
        assert places(figure) == [*product((0, 1), (0, 1, 2))]
        cells = [*product(METHODS, EPOCHS)]
        for panel, (method, epoch) in zip(figure.axes, cells, strict=True):
            self.assert_panel(panel, part(points, method, epoch), method, assert_shows)
        titles = [panel.get_title() for panel in figure.axes]
        assert titles == [*(f"epoch {epoch}" for epoch in EPOCHS), "", "", ""]
        labels = [panel.get_ylabel().splitlines() for panel in figure.axes]
        rows = [[f"trained by {method}", "share of weight"] for method in METHODS]
        assert labels == [rows[0], [], [], rows[1], [], []]
        figure.draw_without_rendering()

    def test_a_seed_without_weight_is_left_out_and_counted(self, points, assert_shows) -> None:
        nothing = (points["rho"] == 0) & (points["seed"] == 1)
        weightless = points.assign(weight=points["weight"].mask(nothing, 0.0))
        panel = lorenz_curves(toy(weightless), [3]).axes[0]
        rest = part(weightless[~nothing], "SGD", 3)
        assert_shows(panel, self.curves_of(rest, "weight"), "x", "y", METHODS["SGD"], "--")
        _, real, note, phantom = panel.get_xlabel().splitlines()
        assert real == f"G(λ) = {self.gini_of(rest, 'weight'):.4f}"
        assert note == "(all 0: 1 of 3 seeds)"
        assert "seed" not in phantom

    def test_a_diverged_run_is_left_out(self, points, assert_shows) -> None:
        diverged = (points["rho"] > 0) & (points["seed"] == 2)
        panels = lorenz_curves(toy(without(points, diverged)), [3]).axes
        for panel, method in zip(panels, METHODS, strict=True):
            rest = part(points[~diverged], method, 3)
            self.assert_panel(panel, rest, method, assert_shows)


def without(points: pd.DataFrame, diverged: pd.Series) -> pd.DataFrame:
    """Return the points with the measures of some runs lost."""
    measures = ["easy_contribution", "hard_contribution", *STYLES]
    return points.assign(**{name: points[name].mask(diverged) for name in measures})


@pytest.mark.parametrize("draw", [lorenz_curves, median_weights])
def test_without_a_finite_run_there_is_nothing_to_draw(points_of, draw) -> None:
    points = points_of(epochs=EPOCHS, points=20)
    diverged = (points["rho"] > 0) & (points["epoch"] == 10)
    with pytest.raises(InputError, match="LSAM: no run is finite at epoch 10"):
        draw(toy(without(points, diverged)), EPOCHS)


@pytest.fixture(scope="module")
def many_points(points_of) -> pd.DataFrame:
    return points_of(seeds=2, epochs=EPOCHS)


@pytest.fixture(scope="module")
def single(many_points) -> Figure:
    return median_weights(toy(many_points), [3])


@pytest.fixture(scope="module")
def several(many_points) -> Figure:
    return median_weights(toy(many_points), EPOCHS)


class TestMedians:
    @staticmethod
    def bins_of(panel) -> tuple[np.ndarray, np.ndarray]:
        corners = panel.collections[0].get_coordinates()
        return corners[0, :, 0], corners[:, 0, 1]

    @staticmethod
    def drawn(panel) -> np.ndarray:
        return np.ma.filled(panel.collections[0].get_array(), np.nan)

    def expected(self, points: pd.DataFrame, kind: str, bins) -> np.ndarray:
        """Return the median in every bin, a row a bin of the hard contribution."""
        places = [
            np.digitize(points[f"{feature}_contribution"], edges) - 1
            for feature, edges in zip(("hard", "easy"), reversed(bins), strict=True)
        ]
        found = np.full([len(edges) - 1 for edges in reversed(bins)], np.nan)
        for place, weights in points.groupby(places)[kind]:
            if len(weights) >= 5 and all(
                0 <= i < n for i, n in zip(place, found.shape, strict=True)
            ):
                found[place] = weights.median()
        return found

    def assert_maps(self, panels, points) -> None:
        """Check the maps of λ, λ̃ and their ratio."""
        bins = self.bins_of(panels[0])
        for feature, edges in zip(("easy", "hard"), bins, strict=True):
            inner = points[f"{feature}_contribution"].quantile([0.01, 0.99])
            np.testing.assert_allclose(edges, np.linspace(*inner, 17))
        maps = {kind: self.expected(points, kind, bins) for kind in STYLES}
        assert np.isfinite(maps["weight"]).sum() > 20
        maps["ratio"] = maps["phantom_weight"] / maps["weight"]
        for panel, kind in zip(panels, NAMES, strict=True):
            np.testing.assert_array_equal(self.bins_of(panel), bins)
            np.testing.assert_allclose(self.drawn(panel), maps[kind])
            assert panel.get_xlim() == (bins[0][0], bins[0][-1])
            assert panel.get_ylim() == (bins[1][0], bins[1][-1])

    def test_one_checkpoint_has_a_row_a_method(self, single, many_points) -> None:
        assert places(single)[:6] == [*product((0, 1), (0, 1, 2))]
        for row, method in enumerate(METHODS):
            panels = single.axes[3 * row : 3 * row + 3]
            self.assert_maps(panels, part(many_points, method, 3))
            titles = [f"{method}: {name}" for name in NAMES.values()]
            assert [panel.get_title() for panel in panels] == titles
        easy, hard = "easy, $y w_e f_e$", "hard, $y w_h f_h$"
        assert [panel.get_xlabel() for panel in single.axes[:6]] == [""] * 3 + [easy] * 3
        assert [panel.get_ylabel() for panel in single.axes[:6]] == [hard, "", ""] * 2
        single.draw_without_rendering()

    def test_several_have_a_column_each(self, several, many_points) -> None:
        assert places(several)[:18] == [*product(range(6), range(3))]
        rows = np.reshape(several.axes[:18], (6, 3))
        for column, epoch in enumerate(EPOCHS):
            for first, method in enumerate(METHODS):
                panels = rows[3 * first : 3 * first + 3, column]
                self.assert_maps(panels, part(many_points, method, epoch))
        titles = [f"epoch {epoch}" for epoch in EPOCHS] + [""] * 15
        assert [panel.get_title() for panel in rows.flat] == titles
        assert [panel.get_ylabel() for panel in rows[:, 0]] == [
            f"{method}: {name}\nhard, $y w_h f_h$"
            for method, name in product(METHODS, NAMES.values())
        ]
        assert {panel.get_ylabel() for panel in rows[:, 1:].flat} == {""}
        assert {panel.get_xlabel() for panel in rows[-1]} == {"easy, $y w_e f_e$"}
        assert {panel.get_xlabel() for panel in rows[:-1].flat} == {""}
        several.draw_without_rendering()

    @pytest.mark.parametrize("which", ["single", "several"])
    def test_all_maps_of_a_kind_share_a_scale_that_the_bar_shows(self, request, which) -> None:
        *panels, weights, ratios = request.getfixturevalue(which).axes
        meshes = [panel.collections[0] for panel in panels]
        names = {(mesh.norm.vmin, mesh.norm.vmax, mesh.get_cmap().name) for mesh in meshes}
        assert len(names) == 2
        of_weights, of_ratios = sorted(names)
        assert of_weights[:2] == (1e-9, 1)
        # As far below 1 as above, and as far as any ratio goes.
        assert of_ratios[0] * of_ratios[1] == pytest.approx(1)
        drawn = [self.drawn(panel) for panel in panels if panel.collections[0].norm.vmax > 1]
        assert len(drawn) == len(panels) / 3
        reach = max(np.nanmax(np.abs(np.log(ratio))) for ratio in drawn)
        assert np.log(of_ratios[1]) == pytest.approx(reach)
        assert weights.get_xlabel() == "median weight, λ or $\\tilde{λ}$"
        assert ratios.get_xlabel() == "ratio of medians, $\\tilde{λ}$/λ"
        assert weights.get_xlim() == pytest.approx(of_weights[:2])
        assert ratios.get_xlim() == pytest.approx(of_ratios[:2])

    def test_one_seed_is_enough(self, points_of) -> None:
        points = points_of(seeds=1, epochs=(3,), points=300)
        figure = median_weights(toy(points), [3])
        maps = {kind: self.drawn(panel) for kind, panel in zip(NAMES, figure.axes, strict=False)}
        bins = self.bins_of(figure.axes[0])
        expected = self.expected(part(points, "SGD", 3), "weight", bins)
        assert np.isfinite(expected).any()
        np.testing.assert_allclose(maps["weight"], expected)

    def test_a_diverged_run_is_left_out(self, many_points) -> None:
        diverged = (many_points["rho"] == 0) & (many_points["seed"] == 1)
        figure = median_weights(toy(without(many_points, diverged)), [3])
        self.assert_maps(figure.axes[:3], part(many_points[~diverged], "SGD", 3))

    def test_maps_of_few_points_are_blank(self, points_of) -> None:
        figure = median_weights(toy(points_of(seeds=1, epochs=(3,), points=20)), [3])
        assert all(np.isnan(self.drawn(panel)).all() for panel in figure.axes[:6])
        figure.draw_without_rendering()


class TestImages:
    """A dataset's figures are the toy's, but for the names."""

    @pytest.fixture
    def subject(self, many_points) -> Subject:
        return Subject.of(many_points, ABOUT)

    def test_the_remark_names_data_settings_and_radius(self, subject) -> None:
        assert subject.remark == (
            "Shapes in colours: SGD at lr 0.05 and ρ 0, SAM at lr 0.01 and ρ 0.5; "
            "$\\tilde{λ}$ at ρ 0.5."
        )
        assert subject.epochs == [*EPOCHS]
        assert "margins of the features' probes" in subject.bins
        assert toy(subject.points).remark == ""
        assert "probes" not in toy(subject.points).bins

    def test_curves_are_those_of_sgd_and_sam(self, subject, many_points) -> None:
        figure = lorenz_curves(subject, [3])
        theirs = lorenz_curves(toy(many_points), [3])
        titles = [panel.get_title() for panel in figure.axes]
        assert titles == ["trained by SGD", "trained by SAM"]
        for panel, same, colour in zip(
            figure.axes, theirs.axes, IMAGE_METHODS.values(), strict=True
        ):
            assert panel.get_xlabel() == same.get_xlabel()
            assert {line.get_color() for line in panel.lines[1:]} == {colour}

    def test_maps_have_the_features_names(self, subject) -> None:
        figure = median_weights(subject, [3])
        assert [panel.get_xlabel() for panel in figure.axes[3:6]] == ["easy: colour"] * 3
        assert figure.axes[0].get_ylabel() == "hard: shape"
        assert figure.axes[3].get_title() == "SAM: λ"

    def test_curves_of_many_points_stay_light_and_true(self, points_of) -> None:
        points = points_of(seeds=1, epochs=(3,), points=5000)
        panel = lorenz_curves(Subject.of(points, ABOUT), [3]).axes[0]
        _, dashed, _ = panel.lines
        x, y = dashed.get_data()
        assert len(x) == 301
        weights = part(points, "SGD", 3)["weight"].sort_values(ascending=False)
        expected = [weights.iloc[: round(5000 * share)].sum() / weights.sum() for share in x]
        np.testing.assert_allclose(y, expected, atol=2e-3)
