"""Every kind of bad input ends early: one clear message, an exit code, no traceback, no job."""

from pathlib import Path

import pytest

from .conftest import Tree


def refuse(tree: Tree, *arguments: str) -> str:
    """Run, and return what was said; the run must fail cleanly before any job started."""
    said = tree.refuse(*arguments)
    assert "Traceback" not in said
    assert not (tree.path / "results").exists()
    return said


# On the command line, Snakemake reads every number as text.
@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("sedes=[0]", "sedes: unknown key; allowed here: datasets, methods, data_dir, seeds,"),
        ("datasets=[imagenet]", "datasets[0]: 'imagenet' should be one of digits_photos,"),
        ("datasets=[]", "datasets: [] should not be empty"),
        ("seeds=[0,0]", "seeds: ['0', '0'] should not repeat 0"),
        ("seeds=three", "seeds: 'three' should be a list"),
        ("data_dir=nowhere", "data_dir: 'nowhere' should be a directory that exists"),
        (
            "grid={digits_photos: {rho: [0]}}",
            "grid.digits_photos.rho[0]: '0' should be above 0; ρ = 0 is SGD, the method sgd",
        ),
        (
            "grid={digits_photos: {lr: [0]}}",
            "grid.digits_photos.lr[0]: '0' should be greater than 0",
        ),
        ("grid={digits_photos: {lr: [fast]}}", "lr[0]: 'fast' should be a number"),
        (
            "toy={studies: [colour]}",
            "toy.studies[0]: 'colour' should be one of complexity, dynamics,",
        ),
        ("toy={shown: {rho: 0.4}}", "toy.shown.rho: 0.4 should be among toy.grid.rho"),
    ],
)
def test_a_bad_setting_is_named(tree: Tree, override: str, message: str) -> None:
    assert message in refuse(tree, "--config", override)


def test_all_faults_are_named_at_once(tree: Tree) -> None:
    (tree.path / "bad.yaml").write_text("seeds: []\nprobe: {draws: 0}\nprobe_runs: some\n")
    said = refuse(tree, "--configfile", "bad.yaml")
    assert "The configuration has 3 faults" in said
    for message in (
        "seeds: [] should not be empty",
        "probe.draws: 0 should be greater than 0",
        "probe_runs: 'some' should be one of all, selected",
    ):
        assert message in said


def test_text_that_is_a_number_is_accepted(tree: Tree) -> None:
    # YAML reads 1e-3 as text.
    (tree.path / "text.yaml").write_text("grid: {digits_photos: {lr: [1e-3]}}\n")
    run = "results/runs/digits_photos/sgd/lr=0.001/rho=0/seed=0/history.parquet"
    assert tree.due("--configfile", "text.yaml", "--", run)["train"] == 1


def test_yaml_that_does_not_parse_is_refused(tree: Tree) -> None:
    (tree.path / "broken.yaml").write_text("seeds: [0, 1\ngrid: {")
    assert tree.snakemake("--configfile", "broken.yaml").returncode != 0
    assert not (tree.path / "results").exists()


@pytest.mark.parametrize(
    "run",
    ["sgd/lr=0.050/rho=0", "sgd/lr=5e-2/rho=0", "sam/lr=0.05/rho=0.3", "lsam/lr=0.05/rho=0.1"],
)
def test_a_run_outside_the_grid_or_spelled_otherwise_is_refused(tree: Tree, run: str) -> None:
    target = f"results/runs/digits_photos/{run}/seed=0/history.parquet"
    assert "MissingRuleException" in refuse(tree, target)


@pytest.mark.parametrize(
    "part", ["complexity/complexity=270.0", "complexity/complexity=90", "colour/complexity=270"]
)
def test_a_part_of_the_toy_outside_its_sweep_is_refused(tree: Tree, part: str) -> None:
    studies = "toy={studies: [complexity]}"
    assert tree.due("results/toy/complexity/complexity=270.parquet", "--config", studies)
    said = refuse(tree, f"results/toy/{part}.parquet", "--config", studies)
    assert "MissingRuleException" in said


@pytest.mark.parametrize(
    "figure", ["figure_03", "figure_01_digits_photos_sam", "figure_03_celeba_sam"]
)
def test_a_figure_that_there_is_nothing_for_is_refused(tree: Tree, figure: str) -> None:
    said = refuse(tree, f"results/figures/{figure}.pdf", "--config", "toy={studies: [noise]}")
    assert "MissingRuleException" in said


def test_a_wrong_original_file_is_refused_by_name(tree: Tree, tmp_path: Path) -> None:
    for folder in ("MNIST", "FashionMNIST"):
        raw = tmp_path / "originals" / folder / "raw"
        raw.mkdir(parents=True)
        for split in ("train", "t10k"):
            for part in ("images-idx3", "labels-idx1"):
                (raw / f"{split}-{part}-ubyte.gz").write_bytes(b"not it")
    result = tree.snakemake(
        "results/data/fmnist_mnist/images.npy",
        "--config",
        "datasets=[fmnist_mnist]",
        f"data_dir={tmp_path / 'originals'}",
    )
    said = result.stdout + result.stderr
    assert result.returncode != 0
    assert "Traceback" not in said
    assert (
        "FashionMNIST/raw/train-images-idx3-ubyte.gz: md5 004b90d1c33f90c1b05780e691f79ac5, "
        "expected 8d4fb7e6c68d591d4c3dfef9ec88bf0d" in said
    )
    data = tree.path / "results" / "data" / "fmnist_mnist"
    assert not data.exists() or not list(data.iterdir())


def test_a_dataset_that_nobody_delivers_is_asked_for(tree: Tree) -> None:
    result = tree.snakemake("results/data/pacs/images.npy", "--config", "datasets=[pacs_A]")
    said = result.stdout + result.stderr
    assert result.returncode != 0
    assert "Traceback" not in said
    assert "PACS.zip has to be fetched by hand." in said
    assert "at PACS.zip under the directory that data_dir names" in said
