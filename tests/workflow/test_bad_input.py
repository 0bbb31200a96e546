"""Every kind of bad input ends early: one clear message, an exit code, no traceback, no job.

Messages are tested where they are made; here it is how they reach the user.
"""

from pathlib import Path

from .conftest import Tree

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


def test_yaml_that_does_not_parse_is_refused(tree: Tree) -> None:
    (tree.path / "broken.yaml").write_text("seeds: [0, 1\ngrid: {")
    status, _ = tree.snakemake("--configfile", "broken.yaml")
    assert status != 0
    assert not (tree.path / "results").exists()


def test_targets_outside_the_configuration_or_spelled_otherwise_have_no_rule(tree: Tree) -> None:
    (tree.path / "ask.smk").write_text(ASK)
    settings = ("datasets=[digits_photos,digits_domains_R]", "toy={studies: [complexity]}")
    said = tree.run("toy", "--snakefile", "ask.smk", "--dry-run", "--config", *settings)
    made = [line.partition(": ")[2] for line in said.splitlines() if line.startswith("made: ")]
    assert made == [target for target, known in TARGETS.items() if known]
    assert "MissingRuleException" in refuse(tree, "results/figures/figure_03.pdf")


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
