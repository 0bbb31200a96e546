import json
from pathlib import Path

import pytest

from feature_quality.last_run import notice_change


def test_another_configuration_than_the_last_is_noticed_once(tmp_path: Path) -> None:
    record = tmp_path / "logs" / "configuration.json"
    first = {"seeds": (0, 1), "grid": {"a": 1}, "data_dir": None}
    assert notice_change(record, ["config.yaml", "a.yaml"], first) == ""
    # Lists and tuples are the same in a configuration, and the files' names do not matter.
    assert notice_change(record, ["config.yaml"], first | {"seeds": [0, 1]}) == ""
    said = notice_change(record, ["config.yaml", "b.yaml"], first | {"seeds": [0], "toy": {}})
    assert said.startswith(
        "This configuration (config.yaml, b.yaml) is not that of the last run here (config.yaml). "
        "They differ in: seeds, toy. "
    )
    assert said.endswith(
        "so is what toy is a setting of, such as runs or parts of the toy: it "
        "replaces what the last run trained. To keep both, use --directory."
    )
    assert json.loads(record.read_text())["files"] == ["config.yaml", "b.yaml"]
    assert notice_change(record, ["config.yaml"], first | {"seeds": [0], "toy": {}}) == ""
    # Runs of all seeds are kept.
    said = notice_change(record, ["config.yaml"], first | {"seeds": [0, 1], "toy": {}})
    assert "They differ in: seeds. " in said
    assert "come back with its configuration, without training again" in said


@pytest.mark.parametrize("damaged", ["", "[]", '{"config": 3, "files": []}', '{"config": {}}'])
def test_a_damaged_record_says_nothing(tmp_path: Path, damaged: str) -> None:
    record = tmp_path / "configuration.json"
    record.write_text(damaged)
    assert notice_change(record, ["config.yaml"], {"seeds": [0]}) == ""
