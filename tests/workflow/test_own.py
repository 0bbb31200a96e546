"""A custom dataset through the whole workflow, as docs/own-data.md describes it."""

import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pandas as pd
import pytest
import yaml
from photographs import members, photograph

from feature_quality.config.loading import load
from feature_quality.data.own import read_table
from feature_quality.errors import InputError

from .conftest import ROOT, Tree, copy_workflow

pytestmark = pytest.mark.slow

PAGE = (ROOT / "docs" / "own-data.md").read_text(encoding="utf-8")
(TABLE,) = re.findall(r"```csv\n(.*?)```", PAGE, re.DOTALL)
CONFIG, RESIDUAL, MORE = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
USED = ("--configfile", "own.yaml", "--")
EXAMPLES = "results/data/discs/split=published/examples.parquet"


def write_own(place: Path) -> None:
    """Write the files that the page names: images, their table, and its configuration."""
    lines = [TABLE.partition("\n")[0]]
    for number, (split, disc, ground) in enumerate(members()):
        name = f"{'abc'[number % 3]}/{number:04}.jpg"
        photograph(place / "my-images" / name, (90 + 10 * (number % 4), 100), disc, ground, number)
        values = (("train", "val", "test")[split], ("dark", "light")[disc])
        lines.append(",".join((name, *values, ("green", "blue")[ground])))
    (place / "my-images.csv").write_text("\n".join(lines) + "\n")
    (place / "own.yaml").write_text(CONFIG)


@pytest.fixture(scope="module")
def finished_own(tmp_path_factory: pytest.TempPathFactory) -> Tree:
    tree = copy_workflow(tmp_path_factory.mktemp("own") / "tree")
    write_own(tree.path)
    tree.run(*USED)
    return tree


@pytest.fixture
def own_tree(tmp_path: Path) -> Tree:
    """A tree in which nothing has run yet."""
    tree = copy_workflow(tmp_path / "tree")
    write_own(tree.path)
    return tree


@contextmanager
def edited(path: Path, old: str, new: str) -> Iterator[None]:
    """Replace what stands first in a file, and put it back."""
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))
    try:
        yield
    finally:
        path.write_text(text)


def test_table_1_has_its_title_and_features(finished_own: Tree) -> None:
    tables = finished_own.path / "results" / "tables"
    table = pd.read_csv(tables / "table1.csv")
    assert set(table["dataset"]) == {"discs"}
    assert set(table["method"]) == {"sgd", "sam"}
    assert set(table["feature"].dropna()) == {"disc", "ground"}
    assert table["mean"].between(0, 1).all()
    assert not table["demonstration"].any()
    assert set(table["provenance"]) == {"ours"}
    for kind in ("md", "tex"):
        text = (tables / f"table1.{kind}").read_text()
        assert "Discs on coloured ground" in text
        assert "Weakest provenance of the constants used: ours." in text
        assert "DEMONSTRATION" not in text
    page = (tables / "table1.md").read_text()
    assert all(f"feature: {feature}" in page for feature in ("disc", "ground"))
    assert "weight each group's error by its frequency in training" in page
    assert "training.discs.epochs: 2 instead of the documented 20." in page
    assert "Discs on coloured ground" in (tables / "grid.md").read_text()


def test_all_that_the_page_names_is_there(finished_own: Tree) -> None:
    results = finished_own.path / "results"
    for figure in ("03", "05", "07", "08"):
        for kind in ("pdf", "png"):
            assert (results / "figures" / f"figure_{figure}_discs_sam.{kind}").stat().st_size
    assert (results / "selection" / "discs.json").exists()
    log = (results / "logs" / "data" / "discs.log").read_text()
    assert re.search(r"light +blue +6 +20 +5", log)
    assert not finished_own.due(*USED)


def test_the_plan_reads_the_table(own_tree: Tree) -> None:
    said = own_tree.run("plan", "--quiet", "all", *USED[:2])
    assert re.search(r"discs +2 +0\.0\d GB +(\d+ min|under a minute)", said)
    assert not re.search("^toy ", said, re.MULTILINE)
    assert "jobs at a time, about" in said
    with edited(own_tree.path / "my-images.csv", "train", "dev"):
        said = own_tree.refuse("plan", "--quiet", "all", *USED[:2])
    assert "split is 'dev', should be one of train, val, test" in said
    assert not own_tree.results("data")
    # Of another configuration it says nothing, and the run that follows does.
    assert not (own_tree.path / "results" / "logs" / "configuration.json").exists()


def test_the_table_of_the_page_is_accepted_and_no_shorter_one(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    header, *lines = TABLE.splitlines()
    path.write_text(TABLE)
    images, classes = read_table(path, ("disc", "ground"))
    assert classes == (("dark", "light"), ("blue", "green"))
    assert images["part"].value_counts().to_dict() == {"train": 6, "val": 8, "test": 4}
    for line in lines:
        if ",train," not in line:
            path.write_text("\n".join([header, *(each for each in lines if each != line)]))
            with pytest.raises(InputError, match="probes need each pair of values"):
                read_table(path, ("disc", "ground"))


def test_the_other_configuration_of_the_page_is_a_configuration() -> None:
    described = yaml.safe_load(CONFIG)["own"]["discs"] | {"images": ".", "table": __file__}
    settings = load(yaml.safe_load(RESIDUAL) | {"own": {"discs": described}})
    assert settings.training["discs"].network == "resnet18"
    assert settings.grid["discs"] == settings.grid["waterbirds"]


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("my-images.csv", ",dark,", ",light,"),
        ("own.yaml", "title: Discs", "title: Disks"),
        ("own.yaml", "features: [disc, ground]", "features: [ground, disc]"),
        ("own.yaml", "resolution: 64", "resolution: 32"),
        ("own.yaml", "images: my-images", "images: my-images/."),
        ("own.yaml", "table: my-images.csv", "table: ./my-images.csv"),
    ],
)
def test_a_change_reruns_what_depends_on_it(
    finished_own: Tree, name: str, old: str, new: str
) -> None:
    """Another spelling of the same path is no change."""
    with edited(finished_own.path / name, old, new):
        due = finished_own.due(*USED)
    expected = {} if "./" in new or "/." in new else {"prepare_discs": 1, "train": 2}
    assert {rule: due[rule] for rule in ("prepare_discs", "train") if due[rule]} == expected


def test_another_directory_of_the_same_images_is_a_change(finished_own: Tree) -> None:
    shutil.copytree(finished_own.path / "my-images", finished_own.path / "others")
    with edited(finished_own.path / "own.yaml", "images: my-images", "images: others"):
        assert finished_own.due(*USED)["prepare_discs"] == 1
    # Table and configuration are younger now, and as they were.
    assert not finished_own.due(*USED)


def test_images_that_are_added_are_noticed_and_others_can_be_forced(finished_own: Tree) -> None:
    folder = finished_own.path / "my-images"
    before = folder.stat()
    (folder / "new.jpg").touch()
    assert finished_own.due(*USED)["prepare_discs"] == 1
    (folder / "new.jpg").unlink()
    os.utime(folder, ns=(before.st_atime_ns, before.st_mtime_ns))
    os.utime(next(folder.rglob("*.jpg")))
    assert not finished_own.due(*USED)
    due = finished_own.due("--forcerun", "prepare_discs", *USED)
    assert (due["prepare_discs"], due["train"]) == (1, 2)


def test_names_that_a_shell_would_act_upon(own_tree: Tree) -> None:
    config = yaml.safe_load(CONFIG)
    images, table = "a;touch ran", "$(touch ran) `touch ran`.csv"
    (own_tree.path / "my-images").rename(own_tree.path / images)
    (own_tree.path / "my-images.csv").rename(own_tree.path / table)
    config["own"]["discs"] |= {"images": images, "table": table}
    (own_tree.path / "own.yaml").write_text(yaml.safe_dump(config))
    own_tree.run(*USED, EXAMPLES)
    assert not list(own_tree.path.rglob("ran"))
    # Snakemake would quote this one wrongly.
    (own_tree.path / f"it's {table}").touch()
    config["own"]["discs"]["table"] = f"it's {table}"
    (own_tree.path / "own.yaml").write_text(yaml.safe_dump(config))
    assert f"it's {table}: what begins with a quote, or has" in own_tree.refuse(*USED)
    assert not list(own_tree.path.rglob("ran"))


def test_datasets_stand_beside_each_other(finished_own: Tree) -> None:
    """One more of features has its part of Table 1, and one of domains its columns of Table 2."""
    tree, results = finished_own, finished_own.path / "results"
    for number, (_, disc, ground) in enumerate(members()):
        name = f"{('dark', 'light')[disc]}/{('green', 'blue')[ground]}/{number}.jpg"
        photograph(tree.path / "my-domains" / name, (70, 60), disc, ground, number)
    (tree.path / "more.yaml").write_text(MORE)
    used = ("--configfile", "own.yaml", "more.yaml", "--")
    trained = (results / "runs" / "discs").stat().st_mtime_ns
    tree.run(*used, "table1", "table2", "results/claims.md")
    assert (results / "runs" / "discs").stat().st_mtime_ns == trained
    first, second = (pd.read_csv(results / "tables" / f"table{n}.csv") for n in (1, 2))
    assert first["dataset"].unique().tolist() == ["discs", "plain_discs"]
    features = first.dropna(subset="feature").groupby("dataset")["feature"].agg(set)
    assert features.to_dict() == {key: {"disc", "ground"} for key in ("discs", "plain_discs")}
    assert set(second["dataset"]) == {"Discs in two shades"}
    assert second["target"].tolist() == ["dark", "dark", "light", "light"]
    assert second["mean"].between(0, 1).all()
    assert not second["demonstration"].any()
    claims = pd.read_csv(results / "claims.csv")
    assert set(claims.loc[claims["data"] == "custom dataset", "where"]) >= {
        "Discs on coloured ground",
        "Discs by their ground",
        "Discs in two shades, target dark",
    }
    plan = tree.run("plan", "--quiet", "all", *used[:3])
    assert all(re.search(rf"^{each} +2 ", plan, re.MULTILINE) for each in ("discs", "shades_dark"))


def test_paths_and_results_are_those_of_the_working_directory(
    own_tree: Tree, tmp_path: Path
) -> None:
    place = tmp_path / "discs"
    place.mkdir()
    write_own(place)
    there = ("--directory", "../discs", "--configfile", "../discs/own.yaml", "--", EXAMPLES)
    own_tree.run(*there)
    assert not own_tree.due(*there)
    assert (place / EXAMPLES).exists()
    assert not own_tree.results("data")
