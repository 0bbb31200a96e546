import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from feature_quality.artifacts.embeddings import (
    Embeddings,
    embedding_schema,
    read_embeddings,
    read_logits,
    write_embeddings,
)
from feature_quality.artifacts.history import HISTORY
from feature_quality.artifacts.parquet import read_parquet, write_parquet, write_table
from feature_quality.errors import InputError


def make(examples, classes=3, features=5):
    rng = np.random.default_rng(0)
    labels = rng.integers(0, classes, examples)
    table = pd.DataFrame(
        {
            "id": [f"train/{row}+train/{row}" for row in range(examples)],
            "label": labels,
            "feature_a": labels,
            "feature_b": 1 - labels % 2,
            "group": 2 * labels + 1 - labels % 2,
        }
    )
    logits = rng.standard_normal((examples, classes), dtype=np.float32)
    return Embeddings(table, logits, rng.standard_normal((examples, features), dtype=np.float32))


@pytest.mark.parametrize("examples", [1, 150_000], ids=["one", "several row groups"])
def test_reads_what_was_written(tmp_path, examples):
    written = make(examples)
    write_embeddings(tmp_path / "e.parquet", written, {"seed": 3})
    read, run = read_embeddings(tmp_path / "e.parquet")
    assert run == {"seed": 3}
    pd.testing.assert_frame_equal(read.table, written.table, check_dtype=False)
    for name in ("logits", "embedding"):
        assert getattr(read, name).dtype == np.float32
        np.testing.assert_array_equal(getattr(read, name), getattr(written, name))


def test_numbers_keep_every_bit_in_either_memory_order(tmp_path):
    odd = np.array([[np.nan, -0.0, 1e-45], [np.inf, -np.inf, np.float32(0.1)]], np.float32)
    written = Embeddings(make(2).table, np.asfortranarray(odd), odd[:, ::-1])
    write_embeddings(tmp_path / "e.parquet", written, {})
    read, _ = read_embeddings(tmp_path / "e.parquet")
    assert read.logits.tobytes() == odd.tobytes()
    assert read.embedding.tobytes() == np.ascontiguousarray(odd[:, ::-1]).tobytes()


def test_logits_can_be_read_alone(tmp_path):
    written = make(4)
    write_embeddings(tmp_path / "e.parquet", written, {"seed": 3})
    table, logits, run = read_logits(tmp_path / "e.parquet")
    pd.testing.assert_frame_equal(table, written.table, check_dtype=False)
    np.testing.assert_array_equal(logits, written.logits)
    assert run == {"seed": 3}


def test_columns_are_as_declared_and_bytes_equal(tmp_path):
    for name in ("a", "b"):
        write_embeddings(tmp_path / name, make(4), {"lr": 0.1, "seed": 3})
    table, _ = read_parquet(tmp_path / "a", embedding_schema(3, 5))
    assert table.schema.field("embedding").type == pa.list_(pa.float32(), 5)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def history(path):
    write_table(path, [], HISTORY, {})


def other_types(path):
    write_embeddings(path, make(2), {})
    table, _ = read_parquet(path)
    label = table.schema.get_field_index("label")
    write_parquet(path, table.set_column(label, "label", table["label"].cast(pa.int64())), {})


def ragged(path):
    write_embeddings(path, make(2), {})
    table, _ = read_parquet(path)
    lists = pa.array([[1.0], [2.0, 3.0, 4.0]], pa.list_(pa.float32()))
    write_parquet(path, table.set_column(5, "logits", lists), {})


@pytest.mark.parametrize("write", [other_types, history, ragged])
def test_refuses_other_columns(tmp_path, write):
    path = tmp_path / "e.parquet"
    write(path)
    with pytest.raises(InputError, match=f"{path}: does not hold embeddings; its columns are"):
        read_embeddings(path)


def test_logits_are_not_read_from_another_file(tmp_path):
    history(tmp_path / "h.parquet")
    with pytest.raises(InputError, match=r"h\.parquet: "):
        read_logits(tmp_path / "h.parquet")
