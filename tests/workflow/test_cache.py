"""What reruns after a change: what depends on it, and nothing else."""

import ast
import os
import shutil
from pathlib import Path

import pytest

from .conftest import ROOT, WORKFLOW_FILES, Tree

PACKAGE = ROOT / "workflow" / "feature_quality"

# The rules in the order in which data flows, with the rules that read what each one writes.
READERS = {
    "prepare_digits_photos": [
        *("train", "embed", "probe", "perturb_network", "importance"),
        *("collect", "collect_importance", "table1", "grid", "claims"),
        *("sweep_figure", "selected_figure"),
    ],
    "prepare_digits_domains": ["train", "embed", "probe", "collect", "table2", "grid", "claims"],
    "train": [
        *("select_settings", "embed", "perturb_network", "importance"),
        *("collect", "collect_importance", "sweep_figure"),
    ],
    "toy_study": ["figure", "claims"],
    "toy_dynamics": ["perturb_toy", "figure", "claims"],
    "perturb_toy": ["figure"],
    "perturb_network": ["figure"],
    "select_settings": [
        *("importance", "collect", "collect_importance", "table1", "table2", "claims"),
    ],
    "embed": ["probe", "collect", "selected_figure"],
    "probe": ["collect", "collect_importance"],
    "importance": ["collect_importance"],
    "collect_importance": ["dataset_figure", "claims"],
    "collect": ["table1", "table2", "grid", "claims", "sweep_figure"],
    "table1": ["page"],
    "table2": ["page"],
    "grid": ["page"],
    "figure": ["all"],
    "dataset_figure": ["all"],
    "sweep_figure": ["all"],
    "selected_figure": ["all"],
    "claims": ["page", "overview"],
    "page": ["all"],
    "overview": ["all"],
    "all": [],
}

# The rules whose scripts come to run each module, by reading them; * stands for every rule.
USERS = {
    "artifacts/atomic.py": "*",
    "artifacts/embeddings.py": "embed probe importance collect selected_figure",
    "artifacts/history.py": "train select_settings embed perturb_network importance collect "
    "collect_importance"
    " sweep_figure",
    "artifacts/importance.py": "importance collect_importance figure dataset_figure claims",
    "artifacts/lock.py": "train",
    "artifacts/parquet.py": "*",
    "artifacts/prepared.py": "prepare_digits_photos train embed probe perturb_network importance "
    "collect collect_importance table1 grid claims"
    " prepare_digits_domains table2"
    " sweep_figure selected_figure",
    "artifacts/probes.py": "probe collect collect_importance",
    "artifacts/selection.py": "select_settings importance collect collect_importance table1 grid"
    " figure dataset_figure table2 claims"
    " sweep_figure selected_figure",
    "artifacts/sidecar.py": "table1 table2 grid figure dataset_figure claims"
    " sweep_figure selected_figure",
    "artifacts/tables.py": "collect collect_importance table1 grid table2 claims sweep_figure",
    "artifacts/toy.py": "toy_study toy_dynamics perturb_toy perturb_network figure claims",
    "artifacts/weights.py": "train embed importance toy_dynamics perturb_toy perturb_network",
    "data/archives.py": "prepare_digits_domains",
    "data/celeba.py": "",
    "data/cifar10.py": "",
    "data/cifar_mnist.py": "",
    "data/concatenated.py": "prepare_digits_photos",
    "data/digits_domains.py": "prepare_digits_domains",
    "data/digits_photos.py": "prepare_digits_photos",
    "data/domains.py": "prepare_digits_domains",
    "data/fmnist_mnist.py": "",
    "data/idx.py": "",
    "data/labelled.py": "prepare_digits_photos",
    "data/own.py": "",
    "data/photos.py": " prepare_digits_domains",
    "data/sources.py": "",
    "data/waterbirds.py": "",
    "errors.py": "*",
    "features/embedding.py": "embed importance",
    "features/importance.py": "importance",
    "features/margin.py": "importance perturb_toy perturb_network",
    "features/perturbation.py": "perturb_toy perturb_network",
    "features/probe.py": "probe importance",
    "job.py": "*",
    "record.py": "train probe importance toy_study toy_dynamics perturb_toy perturb_network table1 "
    "table2 grid figure dataset_figure claims"
    " sweep_figure selected_figure",
    "reporting/claims/batch_size.py": "claims",
    "reporting/claims/complexity.py": "claims",
    "reporting/claims/interventions.py": "claims",
    "reporting/claims/noise.py": "claims",
    "reporting/claims/page.py": "claims",
    "reporting/claims/probing.py": "claims",
    "reporting/claims/selected.py": "claims",
    "reporting/claims/toy.py": "claims",
    "reporting/claims/transfer.py": "claims",
    "reporting/claims/verdict.py": "claims",
    "reporting/claims/weights.py": "claims",
    "reporting/figures/appendix_d.py": "figure",
    "reporting/figures/batch_size.py": "figure",
    "reporting/figures/complexity.py": "figure",
    "reporting/figures/contours.py": "figure",
    "reporting/figures/embedding.py": "selected_figure",
    "reporting/figures/groups.py": "selected_figure",
    "reporting/figures/importance.py": "figure dataset_figure",
    "reporting/figures/interventions.py": "figure",
    "reporting/figures/learning.py": "sweep_figure",
    "reporting/figures/noise.py": "figure",
    "reporting/figures/scaling.py": "figure",
    "reporting/figures/style.py": "figure dataset_figure sweep_figure selected_figure",
    "reporting/figures/sweep.py": "sweep_figure",
    "reporting/figures/wording.py": "sweep_figure selected_figure",
    "reporting/grid.py": "grid",
    "reporting/html.py": "page overview",
    "reporting/importance.py": "collect_importance",
    "reporting/ratios.py": "figure claims",
    "reporting/rendering.py": "table1 grid table2",
    "reporting/rendering2.py": "table2",
    "reporting/runs.py": "collect collect_importance",
    "reporting/selection.py": "select_settings collect collect_importance table1 grid table2"
    " claims"
    " sweep_figure",
    "reporting/statistics.py": "figure dataset_figure table2 claims sweep_figure selected_figure",
    "reporting/table1.py": "table1 grid collect_importance table2 claims sweep_figure",
    "reporting/table2.py": "table2 claims",
    "reporting/uniformity.py": "figure dataset_figure claims",
    "spelling.py": "table1 grid figure dataset_figure table2 claims sweep_figure selected_figure",
    "seeds.py": "prepare_digits_photos train embed probe importance toy_study toy_dynamics "
    "perturb_toy perturb_network"
    " prepare_digits_domains"
    " selected_figure",
    "toy/distribution.py": "toy_study toy_dynamics perturb_toy",
    "toy/engine.py": "toy_study toy_dynamics perturb_toy",
    "toy/importance.py": "toy_study toy_dynamics perturb_toy",
    "toy/measures.py": "toy_study toy_dynamics perturb_toy",
    "toy/network.py": "toy_study toy_dynamics perturb_toy",
    "toy/runs.py": "toy_study toy_dynamics perturb_toy",
    "toy/tables.py": "toy_study toy_dynamics",
    "training/augmentation.py": "train embed importance perturb_network",
    "training/checkpoint.py": "train embed importance perturb_network",
    "training/descent.py": "train embed importance perturb_network",
    "training/device.py": "train embed importance toy_study toy_dynamics perturb_toy "
    "perturb_network",
    "training/loop.py": "train embed importance perturb_network",
    "training/models.py": "train embed importance perturb_network",
    "training/sam.py": "train embed importance perturb_toy perturb_network",
    "training/trained.py": "train embed importance perturb_network",
}
# Read when the workflow is laid out, or by `snakemake plan`: no job's result depends on them.
CONFIG = {f"config/{path.name}" for path in PACKAGE.glob("config/[!_]*.py")}
LAYOUT = {"digest.py", "plan.py", "stale.py", "toy/studies.py", "reporting/captions.py", *CONFIG}

# The rules with a script for each of several figures.
SEVERAL = {"figure", "dataset_figure", "sweep_figure", "selected_figure"}

# What a new selection leads to is not known before it has been made.
AFTER_SELECTION = {"importance", "collect_importance", "dataset_figure", "selected_figure"}


# What runs of its datasets lead to: no figure is about them, but one is drawn from all runs' table.
OF_DOMAINS = {
    *("prepare_digits_domains", "train", "select_settings", "embed", "probe", "collect"),
    *("table1", "table2", "grid", "claims", "page", "overview", "sweep_figure", "all"),
}


def downstream(rules: set[str]) -> set[str]:
    """Add all that reads, directly or not, what ``rules`` write, as far as it is known."""
    if rules == {"prepare_digits_domains"}:
        return OF_DOMAINS
    reached = set(rules)
    for rule, readers in READERS.items():
        unknown = AFTER_SELECTION if "select_settings" in reached else set()
        reached -= unknown
        if rule in reached:
            reached.update(readers)
    return reached


def modules() -> list[str]:
    return sorted(
        str(path.relative_to(PACKAGE))
        for path in PACKAGE.rglob("*.py")
        if path.name != "__init__.py"
    )


def edit(path: Path) -> str:
    """Add a statement to a module; return its text as it was."""
    text = path.read_text()
    path.write_text(text + "\nEDITED = True\n")
    return text


def test_a_second_run_does_nothing(finished_once: Tree) -> None:
    assert "Nothing to be done" in finished_once.run()


def test_every_module_has_its_expectation() -> None:
    assert set(modules()) == set(USERS) | LAYOUT


@pytest.mark.parametrize("module", modules())
def test_an_edited_module_reruns_what_uses_it(finished_once: Tree, module: str) -> None:
    users = USERS.get(module, "")
    expected = downstream(set(READERS) - {"all"} if users == "*" else set(users.split()))
    path = finished_once.path / "workflow" / "feature_quality" / module
    before = edit(path)
    try:
        assert set(finished_once.due()) == expected
    finally:
        path.write_text(before)


@pytest.mark.parametrize("script", sorted(set(READERS) - SEVERAL - {"all"}))
def test_an_edited_script_reruns_its_rule(finished_once: Tree, script: str) -> None:
    path = finished_once.path / "workflow" / "scripts" / f"{script}.py"
    before = edit(path)
    try:
        assert set(finished_once.due()) == downstream({script})
    finally:
        path.write_text(before)


@pytest.mark.parametrize(
    ("figure", "rule"),
    [
        ("figure_02", "figure"),
        ("figure_appendix_d", "figure"),
        ("learning", "sweep_figure"),
        ("sweep", "sweep_figure"),
        ("embedding", "selected_figure"),
        ("groups", "selected_figure"),
    ],
)
def test_an_edited_figure_draws_itself_anew(finished_once: Tree, figure: str, rule: str) -> None:
    path = finished_once.path / "workflow" / "scripts" / f"{figure}.py"
    before = edit(path)
    try:
        assert finished_once.due() == {rule: 1, "all": 1}
    finally:
        path.write_text(before)


def test_an_edited_table_reruns_for_real_and_retrains_nothing(finished: Tree) -> None:
    module = finished.path / "workflow" / "feature_quality" / "reporting" / "rendering.py"
    module.write_text(module.read_text().replace("# Table 1: ", "# Table 1, edited: "))
    models = finished.results("runs", "embeddings", "probes")
    finished.run()
    table = (finished.path / "results/tables/table1.md").read_text()
    assert table.startswith("# Table 1, edited: ")
    assert finished.results("runs", "embeddings", "probes") == models
    assert not finished.due()


def test_comments_docstrings_and_touches_rerun_nothing(finished: Tree) -> None:
    for path in (finished.path / "workflow").rglob("*.py"):
        text = path.read_text()
        docstring = ast.get_docstring(ast.parse(text), clean=False)
        if docstring:
            text = text.replace(docstring, f"{docstring} Reworded.", 1)
        path.write_text(f"# A comment.\n\n{text}\n# Another.\n")
        os.utime(path)
    assert not finished.due()


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


@pytest.mark.parametrize(
    ("override", "expected"),
    [
        ("seeds=[0,1]", {"train": 4, "embed": 4, "probe": 4}),
        # A target domain's examples are one draw.
        ("probe={draws: 2}", {"probe": 2}),
        ("probe={tolerance: 0.00001}", {"probe": 4}),
        (
            "training={digits_domains: {epochs: 2}}",
            {"train": 2, "embed": 2, "probe": 2},
        ),
        ("training={digits_photos: {epochs: 3}}", {"train": 2, "embed": 2, "probe": 2}),
        (
            "grid={digits_photos: {lr: [0.05], rho: [0, 0.1, 0.2]}}",
            {"train": 1, "embed": 1, "probe": 1},
        ),
        (
            "data_seed=1",
            {
                "prepare_digits_photos": 1,
                "prepare_digits_domains": 1,
                "train": 4,
                "embed": 4,
                "probe": 4,
            },
        ),
        ("grid={digits_photos: {lr: [5.0e-2], rho: [0.0, 0.10]}}", {}),
        ("toy={sweep: {complexity: [270, 360]}}", {"toy_study": 1}),
        ("toy={sweep: {batch_size: [5, 7, 60]}}", {"toy_study": 2}),
        ("toy={sweep: {noise: {label: [0.2]}}}", {"toy_study": 1}),
        ("toy={sweep: {alpha: [3]}}", {"toy_study": 1}),
        ("toy={sweep: {checkpoints: [2]}}", {"toy_dynamics": 1, "perturb_toy": 1}),
    ],
)
def test_a_changed_setting_reruns_what_it_concerns(
    finished_once: Tree, override: str, expected: dict[str, int]
) -> None:
    due = finished_once.due("--config", override)
    stages = ("prepare_digits_photos", "prepare_digits_domains", "train", "embed", "probe")
    stages += ("toy_study", "toy_dynamics", "perturb_toy")
    assert {rule: due[rule] for rule in stages if due[rule]} == expected
