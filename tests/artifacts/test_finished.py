import os
from collections.abc import Callable
from pathlib import Path

import pytest

from feature_quality.artifacts.finished import FinishedRun

RUN = {"seed": 3, "settings": {"snapshot_epochs": (1, 5)}}


def finished(folder: Path, **changes: object) -> FinishedRun:
    return FinishedRun([folder / "model", folder / "history"], RUN | changes)


@pytest.fixture
def run(tmp_path: Path) -> FinishedRun:
    run = finished(tmp_path)
    assert not run.is_whole()
    run.folder.mkdir()
    for output in run.outputs:
        assert not run.is_whole()
        run.path(output).write_text(f"the {output.name}")
    assert not run.is_whole()
    run.close()
    return run


def test_a_finished_run_is_known_by_its_identity(run: FinishedRun, tmp_path: Path) -> None:
    assert finished(tmp_path, settings={"snapshot_epochs": [1, 5]}).is_whole()
    assert not finished(tmp_path, seed=4).is_whole()
    assert not finished(tmp_path, precision="bfloat16").is_whole()


def test_outputs_that_were_deleted_come_back_without_taking_space(run: FinishedRun) -> None:
    for output in (*run.outputs, None):
        run.link()
        for each in run.outputs:
            assert each.read_text() == f"the {each.name}"
            assert each.samefile(run.path(each))
        if output:
            output.unlink()
    assert not list(run.folder.parent.glob(".*.part"))


def test_without_hard_links_outputs_are_copies(
    run: FinishedRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError

    monkeypatch.setattr(os, "link", refuse)
    run.link()
    assert run.outputs[0].read_text() == "the model"
    assert not run.outputs[0].samefile(run.path("model"))


@pytest.mark.parametrize(
    "spoil",
    [
        lambda run: run.path("model").unlink(),
        lambda run: run.path("model").write_text("the m0del"),
        lambda run: run.path("record.json").write_text("[1]"),
        lambda run: run.path("record.json").write_text("[" * 100_000),
        lambda run: run.path("record.json").write_bytes(b"\xff"),
    ],
)
def test_what_is_damaged_is_not_finished(
    run: FinishedRun, spoil: Callable[[FinishedRun], object]
) -> None:
    assert run.is_whole()
    spoil(run)
    assert not run.is_whole()
