"""What reruns after a change: what depends on it, and nothing else.

Which scripts an edited module concerns is tested in tests/test_digest.py; here it is what Snakemake
makes of that.
"""

import ast
import os
import shutil
from pathlib import Path

import pytest

from .conftest import ROOT, WORKFLOW_FILES, Tree

# What reads what each rule writes, as far as it is known before a new selection has been made.
REPORTING = {"collect", "table", "claims", "figure", "page", "all"}
FEATURES = {"train", "select", "embed", "probe", "perturb_network"} | REPORTING
# A file of the workflow with the rules that an edit to it makes due.
EDITS = {
    "feature_quality/training/sam.py": FEATURES | {"perturb_toy"},
    "feature_quality/data/digits_photos.py": FEATURES
    | {"prepare_digits_photos", "split_digits_photos"},
    "feature_quality/features/probe.py": REPORTING | {"probe", "importance", "collect_importance"},
    "feature_quality/toy/kernel.py": {
        *("toy_study", "toy_dynamics", "perturb_toy", "perturb_network"),
        *("figure", "claims", "page", "all"),
    },
    "feature_quality/reporting/claims/noise.py": {"claims", "page", "all"},
    "feature_quality/errors.py": set(),
}
# A module of one figure or table, with how many jobs of each rule an edit makes due.
DRAWN = {
    "figures/figure_02.py": {"figure": 1, "all": 1},
    "figures/groups.py": {"figure": 1, "all": 1},
    "tables/grid.py": {"table": 1, "page": 1, "all": 1},
}


def due_after_edit(tree: Tree, name: str) -> dict[str, int]:
    """Return what is due when a statement is added to a file of the workflow."""
    path = tree.path / "workflow" / name
    text = path.read_text()
    path.write_text(text + "\nEDITED = True\n")
    try:
        return tree.due()
    finally:
        path.write_text(text)


def test_a_second_run_does_nothing(finished_once: Tree) -> None:
    assert "Nothing to be done" in finished_once.run()


@pytest.mark.slow
@pytest.mark.parametrize("name", EDITS)
def test_an_edit_reruns_what_uses_it(finished_once: Tree, name: str) -> None:
    assert set(due_after_edit(finished_once, name)) == EDITS[name]


@pytest.mark.parametrize("name", DRAWN)
def test_an_edit_to_one_figure_or_table_makes_that_one_alone(
    finished_once: Tree, name: str
) -> None:
    found = due_after_edit(finished_once, f"feature_quality/reporting/{name}")
    assert found == DRAWN[name]


@pytest.mark.slow
def test_an_edited_table_reruns_for_real_and_retrains_nothing(finished: Tree) -> None:
    module = finished.path / "workflow" / "feature_quality" / "reporting" / "tables" / "table1.py"
    module.write_text(module.read_text().replace("Table 1: ", "Table 1, edited: "))
    models = finished.results("runs", "embeddings", "probes")
    said = finished.run()
    table = (finished.path / "results/tables/table1.md").read_text()
    assert table.startswith("# Table 1, edited: ")
    assert finished.results("runs", "embeddings", "probes") == models
    assert not finished.due()
    # That tables are replaced by those of another configuration is said.
    assert "not that of the last run" not in said
    said = finished.run("table1", "--forcerun", "table", "--config", "data_seed=1")
    assert "is not that of the last run here (config.yaml). They differ in: data_seed." in said


@pytest.mark.slow
def test_comments_docstrings_and_touches_rerun_nothing(finished: Tree) -> None:
    for path in (finished.path / "workflow").rglob("*.py"):
        text = path.read_text()
        docstring = ast.get_docstring(ast.parse(text), clean=False)
        if docstring:
            text = text.replace(docstring, f"{docstring} Reworded.", 1)
        path.write_text(f"# A comment.\n\n{text}\n# Another.\n")
        os.utime(path)
    assert not finished.due()


@pytest.mark.slow
def test_a_fresh_checkout_beside_old_results_reruns_nothing(finished: Tree) -> None:
    for name in WORKFLOW_FILES:
        if name == "config.yaml":
            os.utime(finished.path / name)
            continue
        target = finished.path / name
        (shutil.rmtree if target.is_dir() else Path.unlink)(target)
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, target, copy_function=shutil.copyfile)
        else:
            shutil.copyfile(ROOT / name, target)
    assert not finished.due()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("override", "expected"),
    [
        # The images stay; the new seed splits them.
        (
            "seeds=[0,1]",
            {
                "split_digits_photos": 1,
                "split_digits_domains": 1,
                "train": 4,
                "embed": 4,
                "probe": 4,
            },
        ),
        # A target domain's examples are one draw.
        ("probe={draws: 2}", {"probe": 2}),
        ("probe={tolerance: 0.00001}", {"probe": 4}),
        ("training={digits_photos: {epochs: 3}}", {"train": 2, "embed": 2, "probe": 2}),
        (
            "grid={digits_photos: {lr: [0.05], rho: [0.1, 0.2]}}",
            {"train": 1, "embed": 1, "probe": 1},
        ),
        ("methods=[sgd, sam, lsam]", {"train": 2, "embed": 2, "probe": 2}),
        ("data_seed=1", {}),
        # Seed 0's, and the only one there is.
        ("splits=fixed", {}),
        ("grid={digits_photos: {lr: [5.0e-2], rho: [0.10]}}", {}),
        ("toy={grid: {complexity: [270, 360]}}", {"toy_study": 1}),
        ("toy={grid: {batch_size: [5, 7, 60]}}", {"toy_study": 4}),
        ("toy={grid: {noise: {label: [0.2]}}}", {"toy_study": 1}),
        ("toy={grid: {alpha: [3]}}", {"toy_study": 1}),
        ("toy={grid: {snapshot_epochs: [2]}}", {"toy_dynamics": 1, "perturb_toy": 1}),
    ],
)
def test_a_changed_setting_reruns_what_it_concerns(
    finished_once: Tree, override: str, expected: dict[str, int]
) -> None:
    due = finished_once.due("--config", override)
    stages = ("prepare_digits_photos", "prepare_digits_domains", "train", "embed", "probe")
    stages += (
        "split_digits_photos",
        "split_digits_domains",
        "toy_study",
        "toy_dynamics",
        "perturb_toy",
    )
    assert {rule: due[rule] for rule in stages if due[rule]} == expected
