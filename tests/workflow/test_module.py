"""The workflow as a module of another, from another repository and directory."""

from pathlib import Path

import pandas as pd
import pytest
import yaml

from .conftest import TINY, Tree, copy_workflow

CALLER = """
configfile: "mine.yaml"


rule everything:
    input:
        "study/results/tables/table1.csv",
        "study/results/figures/sweep_digits_photos_sam.png",
    output:
        "done.txt",
    shell:
        "touch {{output}}"


module quality:
    snakefile:
        "{snakefile}"
    config:
        config["quality"]
    prefix:
        "study"


use rule * from quality as quality_*
"""


@pytest.mark.slow
def test_it_runs_under_a_prefix_with_the_callers_configuration(tmp_path: Path) -> None:
    theirs = copy_workflow(tmp_path / "theirs")
    (tmp_path / "mine").mkdir()
    caller = Tree(tmp_path / "mine")
    (caller.path / "Snakefile").write_text(CALLER.format(snakefile=theirs.path / "Snakefile"))
    (caller.path / "mine.yaml").write_text(yaml.safe_dump({"quality": TINY}))
    # What the workflow has not made below its prefix is refused, and what is beside it is not its.
    copied = caller.path / "study" / "results" / "data" / "digits_photos" / "images.npy"
    copied.parent.mkdir(parents=True)
    copied.touch()
    assert (
        f"Error: {copied.relative_to(caller.path)}: Snakemake has no record"
        in caller.snakemake("--dry-run")[1]
    )
    copied.unlink()
    (caller.path / "results").mkdir()
    (caller.path / "results" / "claims.json").touch()
    caller.run()
    assert (caller.path / "done.txt").exists()
    table = pd.read_csv(caller.path / "study" / "results" / "tables" / "table1.csv")
    assert set(table["method"]) == {"sgd", "sam"}
    folders = {path.name for path in caller.path.iterdir() if path.is_dir()}
    assert folders == {".snakemake", "study", "results"}
    assert not (theirs.path / "results").exists()
    assert not caller.due()


@pytest.mark.slow
def test_it_runs_from_another_directory(tmp_path: Path) -> None:
    """With the embedded default where there is no config.yaml, or with that which is there."""
    tree = copy_workflow(tmp_path / "tree")
    there = Tree(tmp_path / "there")
    there.path.mkdir()
    arguments = ("--snakefile", str(tree.path / "Snakefile"))
    assert there.due(*arguments)["train"] == 20
    (there.path / "config.yaml").write_text(yaml.safe_dump(TINY))
    assert there.due(*arguments)["train"] == 2
