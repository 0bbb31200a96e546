"""Untracked files are told from others; what lies elsewhere is never touched."""

import io
import os
import time
from pathlib import Path

import pytest
import yaml

from feature_quality.errors import InputError
from feature_quality.untracked import ABANDONED, main

BASE = {
    "datasets": ["digits_photos"],
    "seeds": [0],
    "grid": {"digits_photos": {"lr": [0.05], "rho": [0.1]}},
}
KEPT = [f"digits_photos/{each}/seed=0" for each in ("sam/lr=0.05/rho=0.1", "sgd/lr=0.05/rho=0")]
UNTRACKED = {
    "other rho": "digits_photos/sam/lr=0.05/rho=0.3/seed=0",
    "other lr": "digits_photos/sam/lr=0.5/rho=0.1/seed=0",
    "other seed": "digits_photos/sam/lr=0.05/rho=0.1/seed=7",
    "other method": "digits_photos/lsam/lr=0.05/rho=0.1/seed=0",
    "other dataset": "celeba/sam/lr=0.05/rho=0.1/seed=0",
    "other spelling": "digits_photos/sam/lr=0.050/rho=0.1/seed=0",
    "no method": "digits_photos/lr=0.05/rho=0.1/seed=0",
}


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    """An empty folder with a configuration, in which everything happens."""
    monkeypatch.chdir(tmp_path)
    Path("config.yaml").write_text(yaml.safe_dump(BASE))
    return tmp_path


def lay(place: str, *, runs: str = "results/runs") -> list[Path]:
    """Make the files of a run, its log and its benchmark."""
    files = [
        Path(runs, place, "model.safetensors"),
        Path("results/importance", place, "sam.parquet"),
        Path(f"results/logs/train/{place}.log"),
        Path(f"results/benchmarks/train/{place}.tsv"),
    ]
    for file in files:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(bytes(1000))
    return files


def answer(text: str, monkeypatch: pytest.MonkeyPatch, *others: str) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(text))
    main("config.yaml", *others)


@pytest.mark.parametrize("place", UNTRACKED.values(), ids=UNTRACKED)
def test_a_run_of_another_grid_is_listed_then_removed(place, monkeypatch, capsys):
    kept, untracked = [file for run in KEPT for file in lay(run)], lay(place)
    answer("y\n", monkeypatch)
    said = capsys.readouterr().out
    listed = said.splitlines()[:4]
    assert sorted(listed) == sorted(
        [f"results/runs/{place}", f"results/importance/{place}", *map(str, untracked[2:])]
    )
    assert "4 untracked, 0.0 MB. Remove? [y/N] Removed." in said
    assert all(file.exists() for file in kept)
    assert not any(file.exists() for file in untracked)
    # Nor is an empty folder left.
    assert not [
        path for path in Path("results").rglob("*") if path.is_dir() and not any(path.iterdir())
    ]


@pytest.mark.parametrize("text", ["", "\n", "n\n", "no\n", "yolo\n"])
def test_nothing_is_removed_without_a_yes(text, monkeypatch, capsys):
    untracked = lay(UNTRACKED["other rho"])
    answer(text, monkeypatch)
    assert capsys.readouterr().out.endswith("Remove? [y/N] Nothing was removed.\n")
    assert all(file.exists() for file in untracked)


def test_what_another_configuration_asks_for_is_kept(monkeypatch, capsys):
    Path("other.yaml").write_text(yaml.safe_dump({"grid": {"digits_photos": {"rho": [0.3]}}}))
    lay(KEPT[0])
    lay(UNTRACKED["other rho"])
    answer("y\n", monkeypatch, "config.yaml", "other.yaml")
    assert capsys.readouterr().out == "Nothing is untracked.\n"


def test_other_results_are_none_of_its_business(monkeypatch, capsys):
    for name in ("results/.gitkeep", "results/data/celeba/images.npy", "results/tables/grid.md"):
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).touch()
    lay("digits_photos/sam/lr=9/rho=9/seed=9", runs="elsewhere/runs")[0].touch()
    answer("y\n", monkeypatch)
    assert "elsewhere" not in capsys.readouterr().out
    assert Path("elsewhere/runs/digits_photos/sam/lr=9/rho=9/seed=9/model.safetensors").exists()
    assert Path("results/.gitkeep").exists()
    assert Path("results/data/celeba/images.npy").exists()


def test_an_abandoned_temporary_file_is_listed_and_a_fresh_one_is_not(monkeypatch, capsys):
    old, new = Path("resources/.big.zip.x1.part"), Path("results/data/.images.npy.x2.part")
    for path in (old, new):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(bytes(2_000_000))
    day_ago = time.time() - ABANDONED - 60
    os.utime(old, (day_ago, day_ago))
    answer("y\n", monkeypatch)
    assert capsys.readouterr().out == f"{old}\n1 untracked, 2.0 MB. Remove? [y/N] Removed.\n"
    assert new.exists()
    assert not old.exists()


def test_an_abandoned_file_goes_with_its_run_and_is_found_behind_a_link(here, monkeypatch, capsys):
    (here / "large").mkdir()
    Path("results").mkdir()
    Path("results/runs").symlink_to(here / "large")
    kept, untracked = lay(KEPT[0])[0], lay(UNTRACKED["other rho"])
    abandoned = [file.parent / ".checkpoint.safetensors.x1.part" for file in (kept, untracked[0])]
    day_ago = time.time() - ABANDONED - 60
    for path in abandoned:
        path.touch()
        os.utime(path, (day_ago, day_ago))
    answer("y\n", monkeypatch)
    said = capsys.readouterr().out
    assert said.splitlines().count(str(abandoned[0])) == 1
    assert str(abandoned[1]) not in said
    assert said.endswith(f"{len(untracked) + 1} untracked, 0.0 MB. Remove? [y/N] Removed.\n")
    assert kept.exists()
    assert not any(path.exists() for path in (*abandoned, *untracked))


@pytest.mark.parametrize("depth", range(5))
def test_what_a_link_leads_to_is_kept(here, monkeypatch, capsys, depth):
    """The folder of a run, or one of those above it, down to that of a dataset, is a link."""
    run = Path(UNTRACKED["other rho"])
    link = Path("results/runs", *run.parts[: len(run.parts) - depth])
    target = here / "precious"
    file = target.joinpath(*run.parts[len(run.parts) - depth :], "model.safetensors")
    file.parent.mkdir(parents=True)
    file.write_bytes(bytes(2_000_000))
    link.parent.mkdir(parents=True)
    link.symlink_to(target)
    answer("y\n", monkeypatch)
    assert file.exists()
    # Only the link of a run is untracked itself.
    assert link.is_symlink() == (depth > 0)
    assert ("1 untracked, 0.0 MB" in capsys.readouterr().out) == (depth == 0)


def test_results_may_lie_on_another_disk(here, monkeypatch):
    (here / "large" / "runs").mkdir(parents=True)
    Path("results").mkdir()
    Path("results/runs").symlink_to(here / "large" / "runs")
    kept, untracked = lay(KEPT[0]), lay(UNTRACKED["other rho"])
    answer("y\n", monkeypatch)
    assert all(file.exists() for file in kept)
    assert not any(file.exists() for file in untracked)
    lay(UNTRACKED["other rho"])
    for file in kept:
        file.unlink()
    Path("config.yaml").write_text(yaml.safe_dump({"seeds": [5]}))
    answer("y\n", monkeypatch)
    assert Path("results/runs").is_symlink()


def test_a_dangling_link_is_removed_as_one(monkeypatch, capsys):
    links = [Path("results/.a.x1.part"), Path("results/runs", UNTRACKED["other rho"], "model")]
    for link in links:
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to("/absent")
    day_ago = time.time() - ABANDONED - 60
    os.utime(links[0], (day_ago, day_ago), follow_symlinks=False)
    answer("y\n", monkeypatch)
    assert "2 untracked, 0.0 MB. Remove? [y/N] Removed." in capsys.readouterr().out
    assert not any(link.is_symlink() for link in links)


def test_nothing_is_removed_while_snakemake_runs(monkeypatch):
    untracked = lay(UNTRACKED["other rho"])
    Path(".snakemake/locks").mkdir(parents=True)
    Path(".snakemake/locks/0.output.lock").touch()
    with pytest.raises(InputError, match=r"Snakemake is running here, or was killed: .*--unlock"):
        answer("y\n", monkeypatch)
    assert all(file.exists() for file in untracked)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "other.yaml: .*No such file"),
        ("seeds: [0]\nseeds: [1]\n", "other.yaml: seeds is given twice"),
        ("seeds: [" + "9" * 5000 + "]", "other.yaml: line 1: a number has 5000 digits"),
        ("seeds: []", r"other.yaml: The configuration has 1 fault:\n  seeds: \[\] should not"),
        ("seeds: [0", "other.yaml: "),
    ],
)
def test_a_configuration_with_a_fault_is_named_and_nothing_removed(monkeypatch, content, message):
    untracked = lay(UNTRACKED["other rho"])
    if content:
        Path("other.yaml").write_text(content)
    with pytest.raises(InputError, match=message):
        answer("y\n", monkeypatch, "other.yaml")
    assert all(file.exists() for file in untracked)
