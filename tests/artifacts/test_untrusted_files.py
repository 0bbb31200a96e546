"""Results from somebody else: whatever they hold, reading them runs nothing."""

import io
import json
import pickle
import zipfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch

from feature_quality.artifacts.embeddings import read_embeddings
from feature_quality.artifacts.history import HISTORY
from feature_quality.artifacts.parquet import read_table
from feature_quality.artifacts.prepared import EXAMPLES, read_description, read_prepared
from feature_quality.artifacts.selection import read_selection
from feature_quality.artifacts.weights import read_snapshots, read_weights
from feature_quality.errors import InputError
from feature_quality.training.checkpoint import Checkpoint

READERS = {
    "weights": read_weights,
    "snapshots": read_snapshots,
    "table": lambda path: read_table(path, HISTORY),
    "description": read_description,
    "embeddings": read_embeddings,
    "selection": read_selection,
}


class Harmful:
    """What makes a file when it is loaded, and stands for anything else."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self):
        return exec, (f"open({str(self.mark)!r}, 'w').close()",)


@pytest.fixture
def mark(tmp_path):
    """The file that is there once something harmful was loaded."""
    mark = tmp_path / "ran"
    pickle.loads(pickle.dumps(Harmful(mark)))
    assert mark.exists()
    mark.unlink()
    return mark


def pickled(mark):
    return pickle.dumps(Harmful(mark))


def saved_by_torch(mark):
    file = io.BytesIO()
    torch.save({"weight": Harmful(mark)}, file)
    return file.getvalue()


def saved_by_numpy(mark):
    file = io.BytesIO()
    np.save(file, np.array([Harmful(mark)], dtype=object), allow_pickle=True)
    return file.getvalue()


def many_saved_by_numpy(mark):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("weight.npy", saved_by_numpy(mark))
    return file.getvalue()


FORMS = [pickled, saved_by_torch, saved_by_numpy, many_saved_by_numpy]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("read", READERS.values(), ids=READERS)
def test_what_runs_code_when_it_is_loaded_is_refused(tmp_path, mark, read, form):
    path = tmp_path / "artifact"
    path.write_bytes(form(mark))
    with pytest.raises(InputError, match=f"^{path}: (cannot be read|is not a selection)"):
        read(path)
    assert not mark.exists()


@pytest.mark.parametrize("form", FORMS)
def test_images_that_run_code_when_they_are_loaded_are_refused(tmp_path, mark, form):
    examples, images = tmp_path / "examples.parquet", tmp_path / "images.npy"
    description = {
        "dataset": "d",
        "title": "t",
        "demonstration": True,
        "custom": False,
        "view": None,
        "features": ["a", "b"],
        "classes": [["x"], ["y"]],
        "channel_mean": [0.5],
        "channel_std": [0.5],
        "group_weights": None,
        "target": "",
    }
    table = EXAMPLES.empty_table().replace_schema_metadata(
        {b"feature_quality": json.dumps(description).encode()}
    )
    pq.write_table(table, examples)
    images.write_bytes(form(mark))
    with pytest.raises(InputError, match=f"^{images}: cannot be read as an array"):
        read_prepared(images, examples)
    assert not mark.exists()


@pytest.mark.parametrize("form", FORMS)
def test_a_checkpoint_that_runs_code_when_it_is_loaded_is_not_used(tmp_path, mark, form):
    path = tmp_path / "checkpoint.safetensors"
    path.write_bytes(form(mark))
    said = []
    assert Checkpoint(path, {}, said.append).read() is None
    assert "The checkpoint is damaged, the run starts anew" in said[0]
    assert not mark.exists()


def test_a_type_that_parquet_would_load_from_a_pickle_runs_nothing(tmp_path, mark):
    """Arrow once loaded the type of a column from a pickle in its metadata."""
    extension = {
        b"ARROW:extension:name": b"arrow.py_extension_type",
        b"ARROW:extension:metadata": pickled(mark),
    }
    fields = [field.with_metadata(extension) for field in HISTORY]
    columns = [pa.array([1], field.type) for field in fields]
    schema = pa.schema(fields, metadata={b"feature_quality": b"{}"})
    pq.write_table(pa.table(columns, schema=schema), tmp_path / "history.parquet")
    try:
        history, _ = read_table(tmp_path / "history.parquet", HISTORY)
        assert history["epoch"].tolist() == [1]
    finally:
        assert not mark.exists()


@pytest.mark.parametrize("value", ["$(touch ran)", "0.1; touch ran", None, True, [0.1], "0.1"])
@pytest.mark.parametrize("key", ["lr", "rho"])
@pytest.mark.parametrize("place", ["choices", "at_sgd_lr"])
def test_a_selection_holds_numbers(tmp_path, place, key, value):
    choice = {"lr": 0.05, "rho": 0, "candidates": 1, "tied": [[0.05, 0.0]]}
    empty = {"dataset": "d", "rule": "r", "choices": {}, "at_sgd_lr": {}, "candidates": []}
    path = tmp_path / "selection.json"
    path.write_text(json.dumps(empty | {place: {"sam": choice}}))
    assert read_selection(path)[place] == {"sam": choice}
    path.write_text(json.dumps(empty | {place: {"sam": choice | {key: value}}}))
    with pytest.raises(InputError, match=f"^{path}: is not a selection written by this workflow$"):
        read_selection(path)
