"""A dataset of DomainBed through the whole workflow, on small files in its layout."""

import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from .conftest import Tree, copy_workflow

pytestmark = pytest.mark.slow

DOMAINS = ("art_painting", "cartoon", "photo", "sketch")
CLASSES = ("dog", "elephant")
IMAGES = 10


def write_pacs(folder: Path) -> None:
    rng = np.random.default_rng(0)
    for domain in DOMAINS:
        for shade, name in ((60, "dog"), (190, "elephant")):
            for number in range(IMAGES):
                pixels = rng.normal(shade, 30, (40, 50, 3)).clip(0, 255).astype(np.uint8)
                path = folder / domain / name / f"pic_{number:03}.jpg"
                path.parent.mkdir(parents=True, exist_ok=True)
                Image.fromarray(pixels).save(path)


CONFIG = {
    "datasets": ["pacs_A", "pacs_S"],
    "seeds": [0],
    "domains": {"pacs": {"resolution": 32, "published": False}},
    "grid": {"pacs": {"lr": [0.01], "rho": [0.05]}},
    "training": {"pacs": {"network": "cnn", "weights": None, "epochs": 1, "batch_size": 16}},
    "toy": {"studies": []},
}


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Tree:
    """A run on an archive of it."""
    place = tmp_path_factory.mktemp("domains")
    write_pacs(place / "PACS")
    (place / "data").mkdir()
    with zipfile.ZipFile(place / "data" / "PACS.zip", "w") as archive:
        for path in sorted((place / "PACS").rglob("*.jpg")):
            archive.write(path, path.relative_to(place))
    tree = copy_workflow(place / "tree", CONFIG | {"data_dir": str(place / "data")})
    tree.run("table2", "results/tables/grid.md")
    return tree


def test_table_2_has_a_column_a_target_and_says_what_it_is(finished: Tree) -> None:
    tables = finished.path / "results" / "tables"
    table = pd.read_csv(tables / "table2.csv")
    assert table["target"].tolist() == ["A", "A", "S", "S"]
    assert table["method"].tolist() == ["sgd", "sam"] * 2
    assert table["mean"].between(0, 1).all()
    assert (table["n_seeds"] == 1).all()
    assert set(table["resolution"]) == {32}
    assert set(table["backbone"]) == {"cnn (from scratch)"}
    assert not table["demonstration"].any()
    # It is not the published dataset, and so has no published number beside it.
    assert set(table["dataset"]) == {"PACS (another copy)"}
    assert table["paper"].isna().all()
    page = (tables / "table2.md").read_text()
    assert "cnn (from scratch), on images of 32 × 32 pixels" in page
    assert 'training.pacs.network: "cnn" instead of the documented "resnet18"' in page
    assert not (tables / "table1.csv").exists()
    assert not finished.due("table2", "results/tables/grid.md")
