from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_rgb
from sklearn.decomposition import PCA

from feature_quality.artifacts.embeddings import Embeddings, write_embeddings
from feature_quality.methods import BASELINE, PAPER_METHOD
from feature_quality.reporting.figures.embedding import (
    POINTS,
    VALUES,
    draw,
    drawn_rows,
    plot,
    principal_plane,
)


def network(seed: int, examples: int = 40, features: int = 60) -> Embeddings:
    """Make embeddings of examples whose values are the same whatever the network."""
    values = np.random.default_rng(examples).integers(0, 2, (2, examples))
    table = pd.DataFrame(dict(zip(("feature_a", "feature_b"), values, strict=True)))
    table["group"] = 2 * values[0] + values[1]
    points = np.random.default_rng(seed).normal(size=(examples, features))
    points += 3 * values[0][:, None]
    logits = np.zeros((examples, 2), np.float32)
    return Embeddings(table, logits, points.astype(np.float32))


NETWORKS = {"SGD: lr 0.1, ρ 0, seed 0": network(0), "SAM: lr 0.1, ρ 0.5, seed 0": network(1)}


@pytest.mark.parametrize("shape", [(30, 200), (200, 30), (3, 7)])
def test_the_plane_is_that_of_principal_components(shape) -> None:
    points = np.random.default_rng(0).normal(size=shape).astype(np.float32) + 5
    places, shares = principal_plane(points)
    reference = PCA(n_components=2, svd_solver="full").fit(points.astype(float))
    expected = reference.transform(points.astype(float))
    for axis, direction in enumerate(reference.components_):
        expected[:, axis] *= np.sign(direction[np.abs(direction).argmax()])
    np.testing.assert_allclose(places, expected, atol=1e-8)
    np.testing.assert_allclose(shares, reference.explained_variance_ratio_)


def test_the_plane_of_a_dead_network_is_a_point() -> None:
    places, shares = principal_plane(np.full((5, 8), 0.25, np.float32))
    assert not places.any()
    assert shares.tolist() == [0, 0]


def test_rows_are_as_many_of_every_group_at_random_but_always_the_same() -> None:
    groups = np.repeat([0, 1, 3], [500, 40, 90])
    rows = drawn_rows(groups, "shapes")
    assert len(set(rows)) == len(rows)
    assert np.bincount(groups[rows]).tolist() == [40, 40, 0, 40]
    # No group lies on top of another.
    assert len(set(groups[rows[-20:]])) == 3
    assert rows.tolist() == drawn_rows(groups, "shapes").tolist()
    assert rows.tolist() != drawn_rows(groups, "birds").tolist()
    # There are not too many.
    assert len(drawn_rows(np.repeat(np.arange(3), 5000), "shapes")) == POINTS // 3 * 3


def test_it_is_drawn_of_a_network_each(tmp_path, examples_of) -> None:
    paths = []
    for seed, method in enumerate(("sgd", "lsam")):
        shown = network(seed)
        examples = shown.table.assign(id="x", label=shown.table["feature_a"])
        paths.append(str(tmp_path / method))
        run = {"method": method, "lr": 0.1, "rho": 0.2 * seed, "seed": 3}
        write_embeddings(paths[-1], replace(shown, table=examples), run)
    drawing = draw({"examples": [examples_of()], "embeddings": paths}, "lsam")
    names = [panel.get_ylabel().partition("\n")[0] for panel in drawing.figure.axes]
    assert names == ["SGD: lr 0.1, ρ 0, seed 3", "", "LSAM: lr 0.1, ρ 0.2, seed 3", ""]
    assert drawing.texts[-1] == "Shapes in colours:"


def test_a_row_is_a_network_and_a_column_a_feature_with_its_values(description_of) -> None:
    figure = plot(NETWORKS, description_of())
    rows = np.reshape(figure.axes, (2, 2))
    for row, (name, shown) in zip(rows, NETWORKS.items(), strict=True):
        drawn = drawn_rows(shown.table["group"].to_numpy(), "toy")
        places, shares = principal_plane(shown.embedding[drawn])
        first, second = (f"{100 * share:.0f} %" for share in shares)
        for panel, column in zip(row, ("feature_a", "feature_b"), strict=True):
            (points,) = panel.collections
            np.testing.assert_allclose(points.get_offsets(), places)
            colours = [to_rgb(VALUES[value]) for value in shown.table[column].iloc[drawn]]
            np.testing.assert_allclose(points.get_facecolors()[:, :3], colours)
            assert panel.get_xlabel() == f"PC 1 ({first})"
            assert panel.get_aspect() == 1
        assert [panel.get_ylabel() for panel in row] == [f"{name}\nPC 2 ({second})", ""]
    legends = [panel.get_legend() for panel in figure.axes]
    assert legends[2:] == [None, None]
    assert [each.get_title().get_text() for each in legends[:2]] == ["shape", "colour"]
    names = [[text.get_text() for text in legend.get_texts()] for legend in legends[:2]]
    assert names == [["round", "square"], ["red", "blue"]]
    for legend in legends[:2]:
        assert [handle.get_color() for handle in legend.legend_handles] == [*VALUES[:2]]


def test_many_values_have_colours_of_their_own_and_none_that_of_sgd_or_sam(description_of) -> None:
    names = tuple(f"${number}" for number in range(9))
    figure = plot(NETWORKS, description_of(classes=(("a", "b"), names)))
    handles = figure.axes[1].get_legend().legend_handles
    assert len({tuple(handle.get_color()) for handle in handles}) == 9
    figure.draw_without_rendering()
    assert len({*VALUES, BASELINE.colour, PAPER_METHOD.colour}) == 5 + 2
