import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

import feature_quality
from feature_quality.artifacts.lock import locked

HOLD = """
import sys
sys.path.insert(0, sys.argv[2])
from feature_quality.artifacts.lock import locked
with locked(sys.argv[1], print):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def holder(tmp_path):
    """A process that holds the folder until its input ends, or until it is killed."""
    package = str(Path(feature_quality.__file__).parents[1])
    command = [sys.executable, "-c", textwrap.dedent(HOLD), str(tmp_path / "run"), package]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout.readline() == "held\n"
        yield process
        process.kill()


@pytest.mark.parametrize("end", ["exit", "kill"])
def test_a_second_process_waits_until_the_first_has_ended(tmp_path, holder, end):
    said = []

    def warn(sentence):
        said.append(sentence)
        assert holder.poll() is None
        if end == "exit":
            holder.stdin.close()
        else:
            holder.kill()

    with locked(tmp_path / "run", warn):
        holder.wait(timeout=10)
    folder = tmp_path / "run"
    assert said == [f"{folder}: another process is at work here; waiting until it ends"]


def test_a_free_folder_is_held_at_once(tmp_path):
    for _ in range(2):
        with locked(tmp_path / "new" / "run", pytest.fail):
            assert (tmp_path / "new" / "run").is_dir()


def test_an_error_frees_the_folder(tmp_path):
    with pytest.raises(ValueError, match="fault"), locked(tmp_path, pytest.fail):
        raise ValueError("fault")
    with locked(tmp_path, pytest.fail):
        pass


def test_two_folders_are_two_locks(tmp_path, holder):
    with locked(tmp_path / "another run", pytest.fail):
        assert holder.poll() is None


def test_a_file_system_without_locks_is_told_and_used(tmp_path, monkeypatch):
    def refuse(*_):
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr("fcntl.flock", refuse)
    said = []
    with locked(tmp_path, said.append):
        said.append("at work")
    assert said == [
        f"{tmp_path}: the file system has no locks (Operation not supported)",
        "at work",
    ]
