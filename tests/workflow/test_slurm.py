"""Small runs through a real Slurm of one node and the profile that users get.

Asked for with FEATURE_QUALITY_SLURM=1, as root, where slurm-wlm and munge are installed. The GPUs
are declared, not there: jobs are given one, and compute on the CPU.
"""

import contextlib
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import slurm_lab
import yaml
from photographs import write_waterbirds

from .conftest import MADE, TINY, WHOLE, Tree, copy_workflow
from .test_photos import configuration, photo_tree

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        "FEATURE_QUALITY_SLURM" not in os.environ,
        reason="brings up a Slurm and links it in /etc/slurm: asked for with "
        "FEATURE_QUALITY_SLURM=1",
    ),
]

# A stage of each kind: with a checkpoint, and with groups on and off GPUs.
SMALL = TINY | {"toy": WHOLE["toy"] | {"studies": ["complexity", "dynamics"]}}
FILES = ("history.parquet", "model.safetensors", "snapshots.safetensors")
RUN = "digits_photos/sam/lr=0.05/rho=0.1/seed=0"
LONGER = ("--config", "training={digits_photos: {epochs: 6, snapshot_epochs: [1]}}")


@pytest.fixture(scope="module", autouse=True)
def slurm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with slurm_lab.one_node_slurm(tmp_path_factory.mktemp("slurm")):
        yield


@pytest.fixture(scope="module", autouse=True)
def whole(
    slurm: None, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[[], tuple[Tree, Tree]]]:
    """Wait for a whole run through Slurm, and one without: they go on beside the other tests."""
    folder = tmp_path_factory.mktemp("whole")
    tree, local = (copy_workflow(folder / name, SMALL) for name in ("tree", "local"))
    with ThreadPoolExecutor() as pool, submitting(tree) as process:
        here = pool.submit(local.run, cores=1)

        def finish() -> tuple[Tree, Tree]:
            here.result()
            process.wait()
            assert process.returncode == 0, (tree.path / "said").read_text()
            return tree, local

        yield finish


@contextlib.contextmanager
def submitting(tree: Tree, *arguments: str) -> Iterator[subprocess.Popen]:
    """A snakemake that hands its jobs to Slurm; what it says is in the tree's ``said``."""
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    command = [sys.executable, "-m", "snakemake", *arguments]
    command += ["--workflow-profile", "profiles/slurm"]
    command += ["--slurm-init-seconds-before-status-checks", "1"]
    with (
        (tree.path / "said").open("w") as said,
        subprocess.Popen(
            command, cwd=tree.path, env=environment, stdout=said, stderr=subprocess.STDOUT
        ) as process,
    ):
        try:
            yield process
        finally:
            process.kill()


def submit(tree: Tree, *arguments: str) -> None:
    with submitting(tree, *arguments) as process:
        process.wait()
    assert process.returncode == 0, (tree.path / "said").read_text()


def jobs(tree: Tree) -> list[dict[str, str]]:
    """Slurm's records of a tree's jobs; ``Name`` is that of the rule, or of the group first."""
    records = [job for job in slurm_lab.jobs() if job["WorkDir"] == str(tree.path)]
    for job in records:
        job["Name"] = job["Comment"].removeprefix("rule_").partition("_wildcards_")[0]
        job["TRES"] = dict(item.split("=") for item in job["TRES"].split(","))
    return records


def test_a_job_that_failed_is_submitted_again_with_more(tree: Tree) -> None:
    script = tree.path / "workflow" / "scripts" / "prepare.py"
    once = "import pathlib\ntry:\n    pathlib.Path('failed').touch(exist_ok=False)\n"
    once += "except FileExistsError:\n    pass\nelse:\n    raise SystemExit(1)\n"
    script.write_text(once + script.read_text())
    submit(tree, "results/data/digits_photos/images.npy")
    first, second = jobs(tree)
    assert (first["JobState"], second["JobState"]) == ("FAILED", "COMPLETED")
    assert (first["TRES"]["mem"], second["TRES"]["mem"]) == ("4000M", "8000M")
    assert (first["TimeLimit"], second["TimeLimit"]) == ("01:00:00", "02:00:00")


def test_a_training_that_was_cancelled_goes_on(tree: Tree) -> None:
    """By itself after the first time, and with the same command after the last."""
    target = f"results/runs/{RUN}/history.parquet"
    tree.run(target, *LONGER)
    run = tree.path / "results" / "runs" / RUN
    uninterrupted = {name: (run / name).read_bytes() for name in FILES}
    shutil.rmtree(run)
    checkpoint = run / "checkpoint.safetensors"
    kept = 0.0

    def is_further() -> bool:
        return checkpoint.exists() and checkpoint.stat().st_mtime > kept

    with submitting(tree, target, *LONGER, "--retries", "1") as process:
        for _ in range(2):
            slurm_lab.wait_until(is_further, "another epoch to be kept")
            kept = checkpoint.stat().st_mtime
            subprocess.run(["scancel", jobs(tree)[-1]["JobId"]], check=True)
        process.wait()
    assert process.returncode == 1
    assert [job["JobState"] for job in jobs(tree)] == ["CANCELLED"] * 2
    assert [job["TRES"]["mem"] for job in jobs(tree)] == ["6000M", "12000M"]
    assert "SLURM status is: 'CANCELLED'" in (tree.path / "said").read_text()
    assert not any((run / name).exists() for name in FILES)

    submit(tree, target, *LONGER)
    log = (tree.path / "results" / "logs" / "train" / f"{RUN}.log").read_text()
    assert "going on after epoch" in log
    assert {name: (run / name).read_bytes() for name in FILES} == uninterrupted


def test_nothing_in_a_configuration_is_run_by_a_shell(tmp_path: Path) -> None:
    """Neither the name of a directory nor that of a file, on the submit host or on the node."""
    target = "results/data/waterbirds/images.npy"
    name = "a;touch pwned $(touch pwned) `touch pwned` & b"
    with contextlib.ExitStack() as stack:
        processes = []
        for number, folder in enumerate((name, "o'brien;touch pwned & b")):
            data_dir = tmp_path / str(number) / folder
            data_dir.mkdir(parents=True)
            write_waterbirds(data_dir)
            tree = photo_tree(tmp_path / str(number) / "tree", data_dir)
            (tree.path / f"{name}.yaml").write_text(yaml.safe_dump(configuration(data_dir)))
            given = ("--config", f"data_dir={data_dir}", "--configfile", f"{name}.yaml")
            processes.append((tree, stack.enter_context(submitting(tree, target, *given))))
        for tree, process in processes:
            process.wait()
            assert process.returncode == 0, (tree.path / "said").read_text()
    assert not list(tmp_path.rglob("pwned"))


def test_a_configuration_of_another_is_left_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with (
        pytest.raises(FileExistsError, match="another test"),
        slurm_lab.one_node_slurm(tmp_path / "first"),
    ):
        pass
    monkeypatch.setattr(slurm_lab, "ETC", tmp_path / "etc")
    theirs = tmp_path / "etc" / "slurm.conf"
    theirs.parent.mkdir()
    theirs.write_text("ClusterName=theirs\n")
    with (
        pytest.raises(FileExistsError, match="not this test's"),
        slurm_lab.one_node_slurm(tmp_path / "second"),
    ):
        pass
    assert [path.name for path in theirs.parent.iterdir()] == [theirs.name]
    assert theirs.read_text() == "ClusterName=theirs\n"


def test_a_whole_run_is_that_of_one_machine(whole: Callable[[], tuple[Tree, Tree]]) -> None:
    tree, local = whole()
    assert tree.results(*MADE) == local.results(*MADE)
    assert not tree.due()

    done = {}
    for job in jobs(tree):
        assert job["JobState"] == "COMPLETED"
        done.setdefault(job["Name"], []).append(job)
        on_gpu = job["Name"].startswith(("train", "embeddings", "importance"))
        assert job.get("TresPerJob") == ("gres:gpu:1" if on_gpu else None)
        assert job["Partition"] == ("gpu" if on_gpu else "main")
        assert job["Account"] == "lab"
    # Snakemake deals these out again after the selection, how, depends on what has begun by then.
    dealt_out = {
        "figures": ("figure",),
        "report": ("page",),
    }
    for group, rules in dealt_out.items():
        parts = {name: len(done.pop(name)) for name in sorted(done) if name.startswith(f"{group}_")}
        assert {rule for rule in rules for name in parts if rule in name} == set(rules)
        # At most one Slurm job for each job of Snakemake: fifteen figures, three pages.
        assert sum(parts.values()) <= {"figures": 15, "report": 3}[group]
    assert {name: len(each) for name, each in done.items()} == {
        "prepare_digits_photos": 1,
        "train": 2,
        "select": 1,
        "embeddings_embed": 1,
        "probes_probe": 1,
        "importance": 2,
        "weights_collect_importance": 1,
        "tables_collect_table": 1,
        "claims": 1,
        "toy_toy_study": 1,
        "toy_dynamics": 1,
    }
    # One after another: the times of both embeddings, the memory of one.
    (embeddings,) = done["embeddings_embed"]
    assert embeddings["TimeLimit"] == "02:00:00"
    assert embeddings["TRES"]["mem"] == "4000M"
    assert embeddings["TRES"]["cpu"] == "1"
