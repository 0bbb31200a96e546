"""Every kind of bad input ends early: one clear message, an exit code, no traceback, no job.

Messages are tested where they are made; here it is how they reach the user.
"""

import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from .conftest import ROOT, Tree, clean_environment

# Targets, with whether a rule makes them where the toy's study of complexity is all of the toy.
TARGETS = {
    "runs/digits_photos/sgd/lr=0.05/rho=0/seed=0/history.parquet": True,
    "runs/digits_photos/sgd/lr=0.050/rho=0/seed=0/history.parquet": False,
    "runs/digits_photos/sgd/lr=5e-2/rho=0/seed=0/history.parquet": False,
    "runs/digits_photos/sam/lr=0.05/rho=0.3/seed=0/history.parquet": False,
    "runs/digits_photos/lsam/lr=0.05/rho=0.1/seed=0/history.parquet": False,
    "toy/complexity/complexity=270.parquet": True,
    "toy/complexity/complexity=270.0.parquet": False,
    "toy/complexity/complexity=90.parquet": False,
    "toy/colour/complexity=270.parquet": False,
    "figures/figure_02.pdf": True,
    "figures/figure_03.pdf": False,
    "figures/figure_01_digits_photos_sam.pdf": False,
    "figures/figure_03_celeba_sam.pdf": False,
    "figures/learning_digits_domains_R_sam.png": True,
    "figures/sweep_digits_domains_R_sam.png": True,
    "figures/groups_digits_domains_R_sam.png": False,
}
ASK = f"""
include: "Snakefile"


for target in {[*TARGETS]}:
    if any(rule.is_producer(f"results/{{target}}") for rule in workflow.rules):
        print("made:", target)
"""


def refuse(tree: Tree, *arguments: str) -> str:
    """Run, and return what was said; the run must fail cleanly before any job started."""
    said = tree.refuse(*arguments)
    assert "Traceback" not in said
    assert not (tree.path / "results").exists()
    return said


def test_all_faults_of_file_and_command_line_are_named_at_once(tree: Tree) -> None:
    (tree.path / "bad.yaml").write_text("seeds: []\nprobe: {draws: 0}\nprobe_runs: some\n")
    given = ("sedes=[0]", "grid={digits_photos: {rho: [0]}}")
    said = refuse(tree, "--configfile", "bad.yaml", "--config", *given)
    assert "The configuration has 5 faults" in said
    for message in (
        "seeds: [] should not be empty",
        "probe.draws: 0 should be greater than 0",
        "probe_runs: 'some' should be one of all, selected",
        "sedes: unknown key; allowed here: datasets, methods, data_dir, seeds,",
        # On the command line, Snakemake reads every number as text.
        "grid.digits_photos.rho[0]: '0' should be above 0; ρ = 0 is SGD, the method sgd",
    ):
        assert message in said


def test_a_key_or_an_option_given_twice_and_a_file_in_utf_16_are_refused(tree: Tree) -> None:
    (tree.path / "twice.yaml").write_text("seeds: [0]\ntoy: {}\nseeds: [1]\n")
    said = refuse(tree, "--configfile", "twice.yaml")
    assert "twice.yaml: seeds is given twice, on lines 1 and 3" in said
    said = refuse(tree, "--config", "seeds=[0]", "--config", "toy={}")
    assert "--config is given 2 times (--config seeds=[0]; --config toy={})" in said
    (tree.path / "config.yaml").write_text("seeds: [0]", encoding="utf-16")
    assert "config.yaml: is not in UTF-8" in refuse(tree)


@pytest.mark.parametrize(
    ("made", "target"),
    [
        ("results/tables/runs.parquet", "results/tables/table1.csv"),
        ("results/toy/complexity/complexity=270.parquet", "results/figures/figure_02.pdf"),
    ],
)
def test_results_whose_making_snakemake_does_not_know_are_refused(
    tree: Tree, made: str, target: str
) -> None:
    (tree.path / made).parent.mkdir(parents=True)
    (tree.path / made).touch()
    given = (target, "--dry-run", "--config", "toy={studies: [complexity]}")
    said = tree.refuse(*given)
    assert f"{made}: Snakemake has no record of how this was made, nor of 0 other files" in said
    tree.run(*given, "--forceall")


@pytest.mark.parametrize(
    ("target", "table", "missing"),
    [
        ("table2", "table2", "dataset of table2"),
        ("results/tables/toy_constants.csv", "toy_constants", "toy study of constants"),
    ],
)
def test_a_table_that_the_configuration_does_not_have_is_no_old_one(
    tree: Tree, target: str, table: str, missing: str
) -> None:
    (tree.path / "results" / "tables").mkdir(parents=True)
    for kind in ("csv", "md", "tex", "json"):
        (tree.path / "results" / "tables" / f"{table}.{kind}").touch()
    settings = ("datasets=[digits_photos]", "toy={studies: []}")
    said = tree.refuse(target, "--dry-run", "--config", *settings)
    assert f"the configuration has no {missing}" in said


def test_targets_outside_the_configuration_or_spelled_otherwise_have_no_rule(tree: Tree) -> None:
    (tree.path / "ask.smk").write_text(ASK)
    settings = ("datasets=[digits_photos,digits_domains_R]", "toy={studies: [complexity]}")
    said = tree.run("toy", "--snakefile", "ask.smk", "--dry-run", "--config", *settings)
    made = [line.partition(": ")[2] for line in said.splitlines() if line.startswith("made: ")]
    assert made == [target for target, known in TARGETS.items() if known]
    assert "MissingRuleException" in refuse(tree, "results/figures/figure_03.pdf")


@pytest.fixture
def make(tree: Tree) -> Callable[..., str]:
    """A function that calls make, with the Python of the tests, and returns what was said."""
    shutil.copy(ROOT / "Makefile", tree.path)
    (tree.path / ".venv" / "bin").mkdir(parents=True)
    for name, arguments in (("python", ""), ("snakemake", "-m snakemake ")):
        program = tree.path / ".venv" / "bin" / name
        program.write_text(f'#!/bin/sh\nexec {sys.executable} {arguments}"$@"\n')
        program.chmod(0o755)
    (tree.path / ".venv" / ".installed").touch()

    def make(*arguments: str) -> str:
        options = {"cwd": tree.path, "env": clean_environment(), "capture_output": True}
        result = subprocess.run(["make", *arguments], text=True, check=False, **options)
        assert result.returncode != 0
        assert "Traceback" not in result.stderr
        return result.stderr

    return make


def test_make_plan_says_every_fault(tree: Tree, make: Callable[..., str]) -> None:
    (tree.path / "bad.yaml").write_text("seeds: []\nprobe: {draws: 0}\n")
    said = make("plan", "CONFIG=bad.yaml")
    assert "seeds: [] should not be empty" in said
    assert "probe.draws: 0 should be greater than 0" in said
    assert "absent.yaml: is no configuration file" in make("plan", "CONFIG=absent.yaml")


@pytest.mark.parametrize("target", ["run", "plan", "clean-untracked"])
def test_make_hands_names_to_no_shell(tree: Tree, make: Callable[..., str], target: str) -> None:
    name = "a`touch ran`$(touch ran);touch ran;'.yaml"
    assert f"Error: {name}: " in make(target, f"CONFIG={name}")
    make(target, f"PYTHON={name}", "--always-make")
    assert not (tree.path / "ran").exists()


def test_a_wrong_original_file_is_refused_by_name(tree: Tree, tmp_path: Path) -> None:
    for folder in ("MNIST", "FashionMNIST"):
        raw = tmp_path / "originals" / folder / "raw"
        raw.mkdir(parents=True)
        for split in ("train", "t10k"):
            for part in ("images-idx3", "labels-idx1"):
                (raw / f"{split}-{part}-ubyte.gz").write_bytes(b"not it")
    given = ("datasets=[fmnist_mnist]", f"data_dir={tmp_path / 'originals'}")
    said = tree.refuse("results/data/fmnist_mnist/images.npy", "--config", *given)
    assert (
        "FashionMNIST/raw/train-images-idx3-ubyte.gz: md5 004b90d1c33f90c1b05780e691f79ac5, "
        "expected 8d4fb7e6c68d591d4c3dfef9ec88bf0d" in said
    )
    assert not tree.results("data")
