import json
from pathlib import Path
from typing import Any

import pytest

from feature_quality.last_run import notice_change


def test_another_configuration_than_the_last_is_noticed_once(tmp_path: Path) -> None:
    record = tmp_path / "logs" / "configuration.json"
    first = {"seeds": (0, 1), "grid": {"a": 1}, "data_dir": None}
    assert notice_change(record, ["config.yaml", "a.yaml"], first) == ""
    # Lists and tuples are the same in a configuration, and the files' names do not matter.
    assert notice_change(record, ["config.yaml"], first | {"seeds": [0, 1]}) == ""
    said = notice_change(
        record, ["config.yaml", "b.yaml"], first | {"seeds": [0], "toy": {"seeds": [0]}}
    )
    assert said.startswith(
        "This configuration (config.yaml, b.yaml) is not that of the last run here (config.yaml). "
        "They differ in: seeds, toy. "
    )
    assert said.endswith(
        "so is what toy is a setting of, such as runs or parts of the toy: it "
        "replaces what the last run trained. To keep both, use --directory."
    )
    assert json.loads(record.read_text())["files"] == ["config.yaml", "b.yaml"]
    assert (
        notice_change(record, ["config.yaml"], first | {"seeds": [0], "toy": {"seeds": [0]}}) == ""
    )
    # Runs of all seeds are kept.
    said = notice_change(record, ["config.yaml"], first | {"seeds": [0, 1], "toy": {"seeds": [0]}})
    assert "They differ in: seeds. " in said
    assert "come back with its configuration, without training again" in said


@pytest.mark.parametrize(
    ("then", "now", "replacing"),
    [
        # A dataset more, with its settings; the toy left out, or other studies of it.
        ({}, {"own": {"mine": {}}, "training": {"mine": {"epochs": 1}}}, ""),
        ({"toy": {"seeds": [1]}}, {"toy": {"seeds": [1], "studies": []}}, ""),
        ({}, {"toy": {"studies": []}}, ""),
        # What the last run had; of a family of datasets too.
        ({}, {"training": {"shapes": {"epochs": 1}}}, "training"),
        ({"training": {"shapes": {"epochs": 1}}}, {}, "training"),
        ({}, {"training": {"domains": {"epochs": 1}}, "probe": {"draws": 1}}, "training"),
        ({}, {"own": {"shapes": {"resolution": 8}}, "toy": {"seeds": [0]}}, "own, toy"),
        ({}, {"data_seed": 1}, "data_seed"),
        # A name that begins like another one.
        ({}, {"training": {"shape": {"epochs": 1}}}, ""),
    ],
)
def test_only_what_trains_again_is_said_to_replace_runs(
    tmp_path: Path, then: dict[str, Any], now: dict[str, Any], replacing: str
) -> None:
    record, datasets = tmp_path / "configuration.json", {"datasets": ["shapes", "domains_R"]}
    notice_change(record, ["config.yaml"], datasets | then)
    said = notice_change(record, ["config.yaml"], datasets | now)
    if replacing:
        assert f"so is what {replacing} is a setting of" in said
    else:
        assert "without training again" in said


@pytest.mark.parametrize("damaged", ["", "[]", '{"config": 3, "files": []}', '{"config": {}}'])
def test_a_damaged_record_says_nothing(tmp_path: Path, damaged: str) -> None:
    record = tmp_path / "configuration.json"
    record.write_text(damaged)
    assert notice_change(record, ["config.yaml"], {"seeds": [0]}) == ""
