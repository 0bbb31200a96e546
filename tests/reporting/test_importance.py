import pandas as pd
import pytest

from feature_quality.artifacts.importance import IMPORTANCE
from feature_quality.reporting.importance import describe, join


def run(lr: float, rho: float, seed: int, diverged: list[int] | None = None) -> tuple:
    points = pd.DataFrame(
        {
            "epoch": [1, 6],
            "id": ["x", "y"],
            "label": [0, 1],
            "group": [0, 3],
            "contribution_a": [rho + seed, 2.0],
            "contribution_b": [-rho - seed, 4.0],
            "weight": [0.5, 0.25],
            "phantom_weight": [0.75, 0.125],
        }
    )
    about = {"lr": lr, "rho": rho, "seed": seed, "phantom_rho": 0.1, "diverged": diverged}
    return points, about


RUNS = [run(0.1, 0.0, 0), run(0.1, 0.0, 1, [2, 1]), run(0.2, 0.1, 0)]


@pytest.mark.parametrize("first_is_easy", [True, False])
def test_join_tells_easy_from_hard_and_leaves_out_what_diverged(first_is_easy: bool) -> None:
    table = join(RUNS, first_is_easy)
    assert list(table) == IMPORTANCE.names
    first = {"easy_contribution": [0.0, 2.0, 0.1, 2.0], "hard_contribution": [-0.0, 4, -0.1, 4]}
    easy, hard = first.values() if first_is_easy else reversed(first.values())
    assert table.to_dict("list") == {
        "seed": [0] * 4,
        "rho": [0.0, 0.0, 0.1, 0.1],
        "epoch": [1, 6, 1, 6],
        "easy_contribution": easy,
        "hard_contribution": hard,
        "weight": [0.5, 0.25] * 2,
        "phantom_weight": [0.75, 0.125] * 2,
    }


def test_join_of_nothing_has_the_columns() -> None:
    assert list(join(RUNS[1:2], True)) == IMPORTANCE.names
    assert join(RUNS[1:2], True).empty


def test_describe_names_data_features_and_runs(subject_of) -> None:
    description = subject_of("shapes", demonstration=True).description
    about = describe(description, "colour", "shape", [about for _, about in RUNS])
    assert about == {
        "dataset": "shapes",
        "title": "Shapes in colours",
        "demonstration": True,
        "easy": "colour",
        "hard": "shape",
        "runs": [
            {"lr": 0.1, "rho": 0.0, "seed": 0, "phantom_rho": 0.1},
            {"lr": 0.1, "rho": 0.0, "seed": 1, "phantom_rho": 0.1},
            {"lr": 0.2, "rho": 0.1, "seed": 0, "phantom_rho": 0.1},
        ],
    }
