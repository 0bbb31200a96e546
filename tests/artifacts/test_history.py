import pytest

from feature_quality.artifacts.features import PROBES
from feature_quality.artifacts.history import HISTORY, holds_history
from feature_quality.artifacts.parquet import write_table
from feature_quality.errors import InputError

RUN = {"seed": 3, "rho": 0.1, "settings": {"snapshot_epochs": (1, 5)}}


@pytest.mark.parametrize(
    ("change", "held"),
    [
        ({}, True),
        ({"settings": {"snapshot_epochs": [1, 5]}}, True),
        ({"seed": 4}, False),
        ({"settings": {"snapshot_epochs": [1]}}, False),
        ({"precision": "float16"}, False),
    ],
)
def test_a_finished_run_is_known_by_its_metadata(tmp_path, change, held):
    path = tmp_path / "history.parquet"
    assert not holds_history(path, RUN)
    # What is known only at the end of a run does not tell it from another.
    write_table(path, [], HISTORY, RUN | {"diverged": None})
    assert holds_history(path, RUN | change) == held


def test_another_table_is_refused(tmp_path):
    write_table(tmp_path / "a", [], PROBES, RUN)
    with pytest.raises(InputError, match=f"^{tmp_path / 'a'}: its columns are"):
        holds_history(tmp_path / "a", RUN)
