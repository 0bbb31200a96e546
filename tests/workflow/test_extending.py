"""What docs/extending.md shows works as it stands: a dataset, a method, a network and a figure."""

import re

import pandas as pd
import pytest

from .conftest import ROOT, Tree, copy_workflow

PAGE = (ROOT / "docs" / "extending.md").read_text(encoding="utf-8")
BLOCKS = dict(re.findall(r"```python\n# (\S+)\n(.*?)```", PAGE, re.DOTALL))
LIST = "workflow/feature_quality/data/datasets.py"
METHODS = "workflow/feature_quality/methods.py"
CONFIG = """
datasets: [stripes]
methods: [sgd, sam, alsam]
seeds: [0]
training: {stripes: {network: perceptron}}
toy: {studies: []}
"""


def insert(tree: Tree, name: str, before: str, text: str) -> None:
    """Put a text before what stands once in a file."""
    path = tree.path / name
    content = path.read_text()
    assert content.count(before) == 1
    path.write_text(content.replace(before, text + before))


def test_each_example_is_short_and_touches_two_files_at_most() -> None:
    assert len(BLOCKS) == 4
    for name, block in BLOCKS.items():
        # Those of the dataset are nearly all its description.
        assert len([line for line in block.splitlines() if line.strip()]) < 40, name
    rows = re.findall(r"^\| a .*\|$", PAGE, re.MULTILINE)
    assert [row.count("`") // 2 for row in rows] == [2, 1, 1, 1]


@pytest.mark.slow
def test_the_examples_run(tmp_path) -> None:
    tree = copy_workflow(tmp_path / "tree")
    for name, block in BLOCKS.items():
        if name == METHODS:
            insert(tree, name, "    )\n}", block)
        else:
            (tree.path / name).write_text(block)
    insert(tree, LIST, "    vlcs,\n    waterbirds,\n)\n", "    stripes,\n")
    insert(tree, LIST, "        digits_domains,\n", "        stripes,\n")
    (tree.path / "config.yaml").write_text(CONFIG)
    figures = [f"results/figures/losses_stripes_{method}.png" for method in ("sam", "alsam")]
    tree.run("table1", *figures)
    table = pd.read_csv(tree.path / "results" / "tables" / "table1.csv")
    assert set(table["method"]) == {"sgd", "sam", "alsam"}
    assert set(table["dataset"]) == {"stripes"}
    assert "| ALSAM " in (tree.path / "results" / "tables" / "table1.md").read_text()
    assert all((tree.path / figure).stat().st_size for figure in figures)


@pytest.mark.slow
def test_an_example_makes_nothing_anew_that_is_there(finished_once: Tree, tmp_path) -> None:
    before = {}
    for name, block in BLOCKS.items():
        path = finished_once.path / name
        before[path] = path.read_text() if path.exists() else None
        if name == METHODS:
            insert(finished_once, name, "    )\n}", block)
        else:
            path.write_text(block)
    try:
        due = finished_once.due()
    finally:
        for path, text in before.items():
            path.unlink() if text is None else path.write_text(text)
    assert not due.keys() & {"train", "embed", "probe", "importance", "perturb_network"}
