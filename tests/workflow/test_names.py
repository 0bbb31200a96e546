"""Names that a shell would act upon are names, wherever a user may choose one."""

import shutil
from pathlib import Path

import pytest
import yaml
from photographs import write_waterbirds

from .conftest import SLOW_RUN, TINY, copy_workflow
from .test_photos import photo_tree

pytestmark = pytest.mark.slow

# Each of them, read by a shell, makes a file called "ran".
HOSTILE = {
    "single quote": "it's a name;touch ran\ntouch ran\n",
    "all others": 'a "name";touch ran;" $(touch ran) `touch ran`\ntouch ran\n',
}
# What Snakemake would quote wrongly when it hands a job to another shell.
MISQUOTED = {
    "substitution in quotes": "it's $(touch ran)",
    "both quotes": "it's \"a\" name';touch ran;'",
    "backquotes in quotes": "it's `touch ran`",
}
EXAMPLES = "results/data/waterbirds/split=published/examples.parquet"


def ran(folder: Path) -> list[Path]:
    return list(folder.rglob("ran"))


@pytest.mark.parametrize("name", HOSTILE.values(), ids=HOSTILE)
def test_a_working_directory(tmp_path: Path, name: str) -> None:
    tree = copy_workflow(tmp_path / name, TINY)
    tree.run(f"results/runs/{SLOW_RUN}/history.parquet")
    assert not ran(tmp_path)


@pytest.mark.parametrize("name", HOSTILE.values(), ids=HOSTILE)
def test_a_data_directory(tmp_path: Path, name: str) -> None:
    write_waterbirds(tmp_path / name)
    tree = photo_tree(tmp_path / "tree", tmp_path / name)
    tree.run(EXAMPLES)
    shutil.rmtree(tree.path / "results")
    # Other words for it, which Snakemake may read otherwise, but no shell.
    (tree.path / "other.yaml").write_text(yaml.safe_dump({"data_dir": str(tmp_path / name)}))
    tree.run("--configfile", "other.yaml", "--", EXAMPLES)
    shutil.rmtree(tree.path / "results")
    tree.snakemake(EXAMPLES, "--config", f"data_dir={tmp_path / name}")
    assert not ran(tmp_path)


@pytest.mark.parametrize("name", MISQUOTED.values(), ids=MISQUOTED)
def test_what_would_be_misquoted_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / name).mkdir()
    said = copy_workflow(tmp_path / name / "tree", TINY).refuse()
    assert f"{tmp_path / name}/tree: what begins with a quote, or has a single quote beside" in said
    tree = copy_workflow(tmp_path / "tree", TINY)
    (tree.path / "other.yaml").write_text(yaml.safe_dump({"data_dir": str(tmp_path / name)}))
    assert "does not reach jobs as it is" in tree.refuse("--configfile", "other.yaml")
    tree.refuse("--config", f"data_dir={tmp_path / name}")
    assert not ran(tmp_path)


def test_a_leading_quote_would_be_misquoted_too(tmp_path: Path) -> None:
    tree = copy_workflow(tmp_path / "tree", TINY)
    (tree.path / "'a'b").mkdir()
    (tree.path / "other.yaml").write_text(yaml.safe_dump({"data_dir": "'a'b"}))
    assert "'a'b: what begins with a quote" in tree.refuse("--configfile", "other.yaml")


def test_other_values(tmp_path: Path) -> None:
    tree = copy_workflow(tmp_path / "tree", TINY)
    overrides = [
        "datasets=['digits_photos;touch ran']",
        "seeds=['0;touch ran']",
        "grid={digits_photos: {lr: ['0.1;touch ran', '$(touch ran)']}}",
        "training={digits_photos: {network: 'cnn;touch ran'}}",
    ]
    assert "The configuration has 5 faults" in tree.refuse("--config", *overrides)
    assert not ran(tmp_path)


def test_braces_are_refused_where_they_would_be_wildcards(tmp_path: Path) -> None:
    (tmp_path / "{dataset}").mkdir()
    tree = copy_workflow(tmp_path / "tree", TINY)
    said = tree.refuse("--config", f"data_dir={tmp_path}/{{dataset}}")
    assert "should have no { or } in its name" in said


def test_a_colon_is_refused_where_it_would_part_paths(tmp_path: Path) -> None:
    said = copy_workflow(tmp_path / "a:b", TINY).refuse()
    assert f"{tmp_path / 'a:b' / 'workflow'}: Python imports from a folder of this machine" in said
