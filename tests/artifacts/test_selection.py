import copy
import json

import pytest

from feature_quality.artifacts.selection import methods_of, read_selection, write_selection
from feature_quality.errors import InputError

CHOICE = {"lr": 0.1, "rho": 0.0, "candidates": 3, "tied": [[0.1, 0.0], [0.2, 0.0]]}
LOST = {"val_error": None, "val_loss": None, "finished": [], "diverged": [0, 1]}
SELECTION = {
    "dataset": "cifar_mnist",
    "rule": "lowest mean validation error, then loss, then ρ",
    "choices": {"sgd": CHOICE, "lsam": CHOICE | {"rho": 0.2}},
    "at_sgd_lr": {"lsam": CHOICE | {"rho": 0.3}},
    "candidates": [
        {
            "method": "sgd",
            "lr": 0.1,
            "rho": 0.0,
            "val_error": 0.1 + 0.2,
            "val_loss": 1e-17,
            "finished": [0],
            "diverged": [1],
        },
        {"method": "asam", "lr": 0.5, "rho": 1.0} | LOST,
        {"method": "asam", "lr": 1.7e308, "rho": 12345678987654320.0} | LOST,
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


def test_methods_are_those_that_were_trained():
    assert methods_of(SELECTION) == ["sgd", "asam"]


@pytest.mark.parametrize(
    "content", [b"", b'{"dataset": ', b"\xff\xfe", b'{"dataset": NaN}', b"[" * 200_000]
)
def test_refuses_what_is_no_json(tmp_path, content):
    path = tmp_path / "selection.json"
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"selection\.json: is not a selection"):
        read_selection(path)


def test_names_a_file_that_is_not_there(tmp_path):
    with pytest.raises(InputError, match=r"selection\.json: cannot be read \(.*No such file"):
        read_selection(tmp_path / "selection.json")


def without(key):
    return {name: value for name, value in SELECTION.items() if name != key}


@pytest.mark.parametrize("content", [[], None, {}, *map(without, SELECTION), SELECTION | {"x": 1}])
def test_refuses_other_json(tmp_path, content):
    path = tmp_path / "selection.json"
    path.write_text(json.dumps(content))
    with pytest.raises(InputError, match=r"selection\.json: is not a selection"):
        read_selection(path)


HARMFUL = "../../x; touch ran"


@pytest.mark.parametrize(
    ("place", "value"),
    [
        (("choices", HARMFUL), CHOICE),
        (("at_sgd_lr", "SAM"), CHOICE),
        *((("candidates", 0, "method"), value) for value in (HARMFUL, "SGD", None, [], {})),
        (("candidates", 0, "lr"), HARMFUL),
        *(
            (("candidates", 0, "finished"), value)
            for value in ([HARMFUL], [0.5], [True], "0", None)
        ),
        *((("candidates", 0, "diverged"), value) for value in ([None], "0", None)),
        *((("candidates", 0, "val_error"), value) for value in ("low", [0.5], 10**400)),
        (("choices", "sgd", "lr"), 10**400),
        (("choices", "sgd", "candidates"), "3"),
        *((("choices", "sgd", "tied"), value) for value in ("0", [0.1], [[0.1]], [["x", 0]])),
        (("dataset",), None),
        (("rule",), 1),
        (("candidates", 0), {"method": "sgd"}),
        (("candidates",), {"0": 1}),
        (("choices",), [CHOICE]),
    ],
)
def test_values_are_names_of_methods_and_numbers(tmp_path, place, value):
    content = copy.deepcopy(SELECTION)
    where = content
    for key in place[:-1]:
        where = where[key]
    where[place[-1]] = value
    path = tmp_path / "selection.json"
    path.write_text(json.dumps(content))
    with pytest.raises(InputError, match=f"^{path}: is not a selection written by this workflow$"):
        read_selection(path)
