import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import same_color
from scipy.stats import t

from feature_quality.artifacts.embeddings import Embeddings, write_embeddings
from feature_quality.methods import METHODS
from feature_quality.reporting.figures.groups import draw, group_errors, plot

SETTINGS = {"sgd": (0.05, 0.0), "sam": (0.01, 0.1)}
PAIR = [METHODS[name] for name in SETTINGS]
GROUPS = {0: 700, 2: 1200, 3: 40}


def make(seeds: int = 3) -> pd.DataFrame:
    rng = np.random.default_rng(seeds)
    names = ["group", "examples", "method", "lr", "rho", "seed"]
    rows = [
        (group, size, method, *setting, seed)
        for group, size in GROUPS.items()
        for method, setting in SETTINGS.items()
        for seed in range(seeds)
    ]
    table = pd.DataFrame(rows, columns=names).assign(error=rng.uniform(0.3, 0.4, len(rows)))
    return table.sample(frac=1, random_state=0)


def of_method(artists, method: str) -> list:
    return [each for each in artists if same_color(each.get_color(), METHODS[method].colour)]


def test_errors_are_those_of_each_group_there_is() -> None:
    examples = pd.DataFrame({"label": [0, 0, 1, 1, 1], "group": [0, 0, 3, 3, 3]})
    logits = np.array([[1, 0], [0, 1], [0, 1], [1, 0], [1, 0]], np.float32)
    run = {"method": "lsam", "lr": 0.1, "rho": 0.05, "seed": 7, "diverged": None}
    errors = group_errors(examples, logits, run)
    assert errors["group"].tolist() == [0, 3]
    assert errors["error"].tolist() == pytest.approx([1 / 2, 2 / 3])
    assert errors["examples"].tolist() == [2, 3]
    named = errors[["method", "lr", "rho", "seed"]].to_numpy().tolist()
    assert named == [["lsam", 0.1, 0.05, 7]] * 2


@pytest.mark.parametrize("seeds", [1, 4])
def test_points_are_seeds_beside_means_with_intervals(description_of, seeds) -> None:
    errors = make(seeds)
    figure = plot(errors, description_of(), PAIR)
    (panel,) = figure.axes
    for method in SETTINGS:
        mine = errors[errors["method"] == method]
        points, *means = [
            line for line in of_method(panel.lines, method) if line.get_marker() in ("o", "s")
        ]
        assert sorted(points.get_xdata()) == sorted(mine["error"])
        for place, (line, (_, rows)) in enumerate(zip(means, mine.groupby("group"), strict=True)):
            assert line.get_xdata() == pytest.approx([rows["error"].mean()])
            assert abs(line.get_ydata()[0] - place) < 0.5
            near = np.abs(points.get_ydata() - place) < 0.5
            assert sorted(points.get_xdata()[near]) == sorted(rows["error"])
    ends = [bar.get_segments()[0][:, 0] for bar in panel.collections]
    expected = []
    for _, rows in sorted(
        errors.groupby(["method", "group"]), key=lambda each: each[0][0] != "sgd"
    ):
        mean = rows["error"].mean()
        half = t.ppf(0.975, seeds - 1) * rows["error"].sem() if seeds > 1 else 0
        expected.append((max(mean - half, 0), mean + half))
    np.testing.assert_allclose(ends, expected)
    figure.draw_without_rendering()


def test_no_interval_reaches_below_0_and_groups_are_named_by_both_values(description_of) -> None:
    errors = make()
    errors["error"] = [0.9 if seed == 0 else 0.0 for seed in errors["seed"]]
    figure = plot(errors, description_of(), PAIR)
    (panel,) = figure.axes
    assert all(bar.get_segments()[0][0, 0] == 0 for bar in panel.collections)
    assert panel.get_xlim()[0] == 0
    names = [label.get_text() for label in panel.get_yticklabels()]
    assert names == ["round, red (n = 700)", "square, red (n = 1,200)", "square, blue (n = 40)"]
    assert panel.get_title(loc="left") == "group: shape and colour"
    assert panel.get_xlabel() == "test error"
    assert panel.get_ylim() == (2.5, -0.5)
    (legend,) = figure.legends
    texts = [text.get_text() for text in legend.get_texts()]
    assert texts == ["SGD: lr 0.05, ρ 0", "SAM: lr 0.01, ρ 0.1"]


def test_it_is_drawn_of_the_runs_that_finished_in_the_methods_name(tmp_path, examples_of) -> None:
    table = pd.DataFrame({"label": [0, 0, 1, 1], "group": [0, 0, 3, 3]})
    examples = table.assign(id="x", feature_a=0, feature_b=0)
    tests = []
    for method, rho, seed in (("sgd", 0.0, 0), ("sgd", 0.0, 1), ("asam", 1.0, 0), ("asam", 1.0, 1)):
        logits = np.eye(2, dtype=np.float32)[[0, seed, 1, 0 if rho else 1]]
        diverged = [1, 2] if (method, seed) == ("sgd", 0) else None
        run = {"method": method, "lr": 0.1, "rho": rho, "seed": seed, "diverged": diverged}
        tests.append(str(tmp_path / f"{method}{seed}"))
        write_embeddings(tests[-1], Embeddings(examples, logits, logits), run)
    drawing = draw({"examples": [examples_of()], "tests": tests}, "asam")
    (panel,) = drawing.figure.axes
    (sgd, *_), (asam, *_) = (of_method(panel.lines, method) for method in ("sgd", "asam"))
    assert sgd.get_xdata().tolist() == [0.5, 0]
    assert asam.get_xdata().tolist() == [0, 0.5, 0.5, 0.5]
    (legend,) = drawing.figure.legends
    texts = [text.get_text() for text in legend.get_texts()]
    assert texts == ["SGD: lr 0.1, ρ 0", "ASAM: lr 0.1, ρ 1"]
    lost = "Diverged runs, left out: 1 at lr 0.1, ρ 0."
    assert drawing.texts[2:] == (lost, "Shapes in colours:")
