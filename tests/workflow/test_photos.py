"""Waterbirds and CelebA through the whole workflow, on small files in the original layouts.

The published counts of the groups are replaced by the small files' own; nothing else is.
"""

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from photographs import GROUPS, write_celeba, write_waterbirds

from feature_quality.artifacts.weights import read_weights

from .conftest import Tree, copy_workflow

pytestmark = pytest.mark.slow

RESIDUAL = "waterbirds/sam/lr=0.01/rho=0.05/seed=0"
FIGURES = ("figure_05_waterbirds_sam", "figure_08_celeba_sam")
TARGETS = ("table1", *(f"results/figures/{name}.png" for name in FIGURES))


def configuration(data_dir: Path) -> dict:
    grid = {"lr": [0.01], "rho": [0.05]}
    training = {"epochs": 2, "batch_size": 16, "weights": None, "snapshot_epochs": [1]}
    return {
        "datasets": ["waterbirds", "celeba"],
        "data_dir": str(data_dir),
        "seeds": [0],
        "grid": {"waterbirds": grid, "celeba": grid},
        # The published network once; on the other dataset the quicker one.
        "training": {"waterbirds": training, "celeba": training | {"network": "cnn"}},
        "probe": {"draws": 1},
        "toy": {"studies": []},
    }


@pytest.fixture(scope="session")
def photo_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    data_dir = tmp_path_factory.mktemp("my photographs")
    write_waterbirds(data_dir)
    write_celeba(data_dir)
    return data_dir


def photo_tree(target: Path, data_dir: Path) -> Tree:
    tree = copy_workflow(target, configuration(data_dir))
    for name in ("waterbirds", "celeba"):
        module = target / "workflow" / "feature_quality" / "data" / f"{name}.py"
        text, found = re.subn(
            r"^GROUPS = \{.*?^\}", f"GROUPS = {GROUPS}", module.read_text(), flags=re.M | re.S
        )
        assert found == 1
        module.write_text(text)
    return tree


@pytest.fixture(scope="session")
def photos_once(tmp_path_factory: pytest.TempPathFactory, photo_dir: Path) -> Tree:
    tree = photo_tree(tmp_path_factory.mktemp("photos") / "tree", photo_dir)
    tree.run(*TARGETS)
    return tree


def test_both_datasets_are_in_the_tables(photos_once: Tree) -> None:
    results = photos_once.path / "results"
    table = pd.read_csv(results / "tables" / "table1.csv")
    assert set(table["dataset"]) == {"waterbirds", "celeba"}
    assert table["mean"].between(0, 1).all()
    page = (results / "tables" / "table1.md").read_text()
    for heading, features in (
        ("Waterbirds", ("bird", "background")),
        ("CelebA", ("hair", "gender")),
    ):
        part = page.partition(f"## {heading}\n")[2].partition("##")[0]
        assert all(f"feature: {feature}" in part for feature in features)
        assert "weight each group's error by its frequency in training" in part
        assert 'weights: null instead of the documented "imagenet"' in part
    assert not photos_once.due(*TARGETS)


def test_the_test_error_weights_groups_by_their_frequency_in_training(photos_once: Tree) -> None:
    results = photos_once.path / "results"
    runs = pq.read_table(results / "tables" / "runs.parquet").to_pandas()
    frequency = np.array(GROUPS["train"]) / sum(GROUPS["train"])
    for dataset in ("waterbirds", "celeba"):
        test = pq.read_table(
            results
            / "embeddings"
            / dataset
            / "sgd"
            / "lr=0.01"
            / "rho=0"
            / "seed=0"
            / "test.parquet"
        ).to_pandas()
        wrong = np.stack(test["logits"]).argmax(axis=1) != test["label"]
        errors = wrong.groupby(test["group"]).mean()
        found = runs[
            (runs["dataset"] == dataset) & (runs["rho"] == 0) & (runs["split"] == "test")
        ].set_index("metric")["value"]
        assert found["error"] == pytest.approx(errors @ frequency)
        assert found["balanced_error"] == pytest.approx(errors.mean())


def test_every_training_example_is_weighed_at_every_checkpoint(photos_once: Tree) -> None:
    results = photos_once.path / "results"
    weights = pq.read_table(results / "importance" / RESIDUAL / "sam.parquet").to_pandas()
    assert weights.groupby("epoch").size().to_dict() == {1: 60, 2: 60}
    network = read_weights(results / "runs" / RESIDUAL / "model.safetensors")
    assert network["head.weight"].shape == (2, 512)
    assert all((results / "figures" / f"{name}.pdf").stat().st_size for name in FIGURES)


def test_pretrained_weights_are_asked_for_by_name(photo_dir: Path, tmp_path: Path) -> None:
    tree = photo_tree(tmp_path / "tree", photo_dir)
    wanted = f"results/runs/{RESIDUAL}/history.parquet"
    pretrained = "training={waterbirds: {weights: imagenet}}"
    assert tree.due(wanted, "--config", pretrained)["fetch"] == 1
