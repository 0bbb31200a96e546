"""What is promised after a crash: the documented recovery ends as an undisturbed run does.

The promises are in docs/reliability.md, a row for each group of tests here.
"""

import os
import signal
from pathlib import Path

import pytest

from .conftest import SLOW_RUN, Tree, assert_same, lose, wait_for

pytestmark = pytest.mark.slow


def checkpoint(tree: Tree) -> Path:
    return tree.path / "results" / "runs" / SLOW_RUN / "checkpoint.safetensors"


def log_of(tree: Tree, rule: str) -> str:
    path = tree.path / "results" / "logs" / rule / f"{SLOW_RUN}.log"
    return path.read_text(errors="replace") if path.exists() else ""


@pytest.mark.parametrize("orphan", ["lives on", "dies too"])
def test_a_killed_snakemake(
    ended: Tree, undisturbed: Tree, orphan: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    lose(ended, "runs")
    # Switches of the arithmetic do not reach jobs, so that the bytes below are the same.
    switches = {
        "ONEDNN_MAX_CPU_ISA": "SSE41",
        "MKL_CBWR": "COMPATIBLE",
        "GLIBC_TUNABLES": "glibc.cpu.hwcaps=-AVX2,-FMA,-AVX2_Usable,-FMA_Usable",
    }
    for name, value in switches.items():
        monkeypatch.setenv(name, value)
    with ended.start("table1") as snakemake:
        wait_for(checkpoint(ended).exists)
        job = ended.job("train.py")
        assert job
        environment = Path(f"/proc/{job}/environ").read_bytes()
        assert not [name for name in switches if name.encode() in environment]
        # It stands still until its successor is there.
        os.kill(job, signal.SIGSTOP)
        snakemake.kill()
        if orphan == "dies too":
            os.kill(job, signal.SIGKILL)
    assert "--unlock" in ended.refuse("table1")
    ended.run("--unlock")
    if orphan == "dies too":
        ended.run("table1")
        assert "going on after epoch" in log_of(ended, "train")
    else:
        with ended.start("table1") as successor:
            wait_for(lambda: "another process is at work here" in log_of(ended, "train"))
            os.kill(job, signal.SIGCONT)
            said, _ = successor.communicate()
        assert successor.returncode == 0, said
        assert "this run is finished" in log_of(ended, "train")
    assert_same(ended, undisturbed)


def test_a_finished_run_that_is_due_again_is_not_trained_again(
    ended: Tree, undisturbed: Tree
) -> None:
    """As after a copy that lost times, or when a job ended after Snakemake was killed."""
    ended.run("--forcerun", "train", "--until", "train")
    assert "this run is finished" in log_of(ended, "train")
    assert "epoch 1" not in log_of(ended, "train")
    # One damaged file, and there is no finished run.
    model = checkpoint(ended).with_name("model.safetensors")
    content = model.read_bytes()
    model.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    ended.run("table1", "--forcerun", "train")
    assert "epoch 1" in log_of(ended, "train")
    assert_same(ended, undisturbed)


@pytest.mark.parametrize(
    ("script", "stage", "number"),
    [
        ("train.py", "runs", signal.SIGKILL),
        ("train.py", "runs", signal.SIGTERM),
        ("probe.py", "probes", signal.SIGKILL),
        ("probe.py", "probes", signal.SIGTERM),
    ],
)
def test_a_killed_job(
    ended: Tree, undisturbed: Tree, script: str, stage: str, number: signal.Signals
) -> None:
    lose(ended, stage)
    rule = script.removesuffix(".py")
    log = ended.path / "results" / "logs" / rule / f"{SLOW_RUN}.log"
    with ended.start("table1") as snakemake:
        wait_for(checkpoint(ended).exists if rule == "train" else log.exists)
        job = ended.job(script)
        assert job
        os.kill(job, number)
        said, _ = snakemake.communicate()
    assert snakemake.returncode != 0
    assert f"Error in rule {rule}:" in said
    assert ("Error: stopped by SIGTERM" in said) == (number == signal.SIGTERM)
    folder = ended.path / "results" / stage / SLOW_RUN
    left = {path.name for path in folder.iterdir()} if folder.exists() else set()
    # A half-written checkpoint may lie there too, but no output.
    outputs = {path.name for path in (undisturbed.path / "results" / stage / SLOW_RUN).iterdir()}
    assert not left & (outputs - {".lock"})
    ended.run("table1")
    if rule == "train":
        assert "going on after epoch" in log_of(ended, "train")
    for remains in ended.path.glob("results/**/.*.part"):
        assert number == signal.SIGKILL
        remains.unlink()
    assert_same(ended, undisturbed)


def test_two_snakemakes_at_once(ended: Tree, undisturbed: Tree) -> None:
    lose(ended, "runs")
    with ended.start("table1") as first:
        wait_for(lambda: ended.job("train.py"))
        said = ended.refuse("table1")
        assert "Directory cannot be locked" in said
        said, _ = first.communicate()
    assert first.returncode == 0, said
    assert_same(ended, undisturbed)
