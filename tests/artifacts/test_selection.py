import pytest

from feature_quality.artifacts.selection import read_selection, sam_rho, write_selection
from feature_quality.errors import InputError

SELECTION = {
    "dataset": "cifar_mnist",
    "rule": "lowest mean validation error, then loss, then ρ",
    "choices": {"sgd": {"lr": 0.1, "rho": 0.0, "candidates": 3, "tied": 2}},
    "candidates": [
        {
            "lr": 0.1,
            "rho": 0.0,
            "val_error": 0.1 + 0.2,
            "val_loss": 1e-17,
            "finished": [0],
            "diverged": [1],
        },
        {
            "lr": 0.5,
            "rho": 0.0,
            "val_error": None,
            "val_loss": None,
            "finished": [],
            "diverged": [0, 1],
        },
    ],
}


def test_reads_what_was_written_to_the_last_digit(tmp_path):
    path = tmp_path / "selection.json"
    write_selection(path, SELECTION)
    assert read_selection(path) == SELECTION
    first = path.read_bytes()
    write_selection(path, read_selection(path))
    assert path.read_bytes() == first
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("content", [b"", b'{"dataset": ', b"\xff\xfe", None])
def test_refuses_what_is_no_json(tmp_path, content):
    path = tmp_path / "selection.json"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(InputError, match=r"selection\.json: cannot be read as JSON"):
        read_selection(path)


@pytest.mark.parametrize(
    "content", ["[]", "null", "{}", '{"dataset": "a", "rule": "b", "choices": {}}']
)
def test_refuses_other_json(tmp_path, content):
    path = tmp_path / "selection.json"
    path.write_text(content)
    with pytest.raises(InputError, match=r"selection\.json: is not a selection"):
        read_selection(path)


def test_the_radius_is_the_one_chosen_for_sam():
    choices = SELECTION["choices"] | {"SAM": {"lr": 0.5, "rho": 0.03, "candidates": 9, "tied": 1}}
    assert sam_rho(SELECTION | {"choices": choices}) == 0.03


def test_without_a_run_of_sam_there_is_no_radius():
    with pytest.raises(InputError) as refusal:
        sam_rho(SELECTION)
    assert str(refusal.value) == "cifar_mnist: no run of SAM has finished; it has no ρ to use"
