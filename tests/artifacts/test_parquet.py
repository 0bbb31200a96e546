import re

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from feature_quality.artifacts.parquet import read_parquet, write_parquet
from feature_quality.errors import InputError

TABLE = pa.table({"epoch": pa.array([1, 2, 3], pa.int32()), "loss": [0.5, float("nan"), 1e-300]})


@pytest.fixture
def path(tmp_path):
    write_parquet(tmp_path / "file.parquet", TABLE, {"lr": 0.1})
    return tmp_path / "file.parquet"


def test_reads_the_table_and_its_description(path):
    table, metadata = read_parquet(path, TABLE.schema)
    assert table.schema.equals(TABLE.schema, check_metadata=True)
    assert table["epoch"].to_pylist() == [1, 2, 3]
    assert str(table["loss"].to_pylist()) == "[0.5, nan, 1e-300]"
    assert metadata == {"lr": 0.1}


@pytest.mark.parametrize("columns", [["loss"], []])
def test_reads_some_columns(path, columns):
    table, metadata = read_parquet(path, TABLE.schema, columns)
    assert table.column_names == columns
    assert metadata == {"lr": 0.1}


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@settings(deadline=None, max_examples=40)
@given(metadata=st.dictionaries(st.text(), json_values, max_size=4))
def test_any_json_description_survives(tmp_path_factory, metadata):
    path = tmp_path_factory.getbasetemp() / "any.parquet"
    write_parquet(path, TABLE, metadata)
    assert read_parquet(path)[1] == metadata


def test_equal_input_gives_equal_bytes(tmp_path):
    write_parquet(tmp_path / "a", TABLE, {"x": 1, "y": {"u": 2, "v": 3}})
    other = TABLE.replace_schema_metadata({b"pandas": b"an index"})
    write_parquet(tmp_path / "b", other, {"y": {"v": 3, "u": 2}, "x": 1})
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_a_description_that_is_no_json_leaves_the_old_file(path):
    before = path.read_bytes()
    with pytest.raises(TypeError, match="not JSON serializable"):
        write_parquet(path, TABLE, {"path": path})
    assert path.read_bytes() == before
    assert list(path.parent.iterdir()) == [path]


def test_a_full_disk_is_said_and_leaves_the_old_file(path, no_file_above):
    before = path.read_bytes()
    with pytest.raises(InputError, match=f"^{path}: File too large$"), no_file_above(100):
        write_parquet(path, TABLE, {})
    assert path.read_bytes() == before
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize(
    "schema",
    [
        pa.schema([("epoch", pa.int64()), ("loss", pa.float64())]),
        pa.schema([("loss", pa.float64()), ("epoch", pa.int32())]),
        pa.schema([("epoch", pa.int32())]),
    ],
    ids=["type", "order", "number"],
)
def test_refuses_other_columns_and_says_both(path, schema):
    expected = ", ".join(f"{field.name}: {field.type}" for field in schema)
    message = f"{path}: its columns are (epoch: int32, loss: double), expected ({expected})"
    with pytest.raises(InputError, match=re.escape(message)):
        read_parquet(path, schema)


def test_refuses_a_file_that_is_cut_anywhere(path):
    content = path.read_bytes()
    for size in range(0, len(content), 7):
        path.write_bytes(content[:size])
        with pytest.raises(InputError, match=f"{path}: cannot be read as parquet"):
            read_parquet(path)


def test_refuses_damaged_data(path):
    content = path.read_bytes()
    # Past the magic number and the header of the first page.
    path.write_bytes(content[:24] + b"\xff" * 32 + content[56:])
    with pytest.raises(InputError, match=f"{path}: cannot be read as parquet"):
        read_parquet(path, TABLE.schema)


def test_refuses_what_is_absent_a_folder_or_lacks_a_column(path, tmp_path):
    for bad in (tmp_path / "absent.parquet", tmp_path):
        with pytest.raises(InputError, match=f"{bad}: cannot be read as parquet"):
            read_parquet(bad)
    with pytest.raises(InputError, match=f"{path}: .*error"):
        read_parquet(path, columns=["error"])


def test_refuses_another_programs_file(tmp_path):
    pq.write_table(TABLE, tmp_path / "theirs.parquet")
    with pytest.raises(InputError, match=r"theirs\.parquet: was not written by this workflow"):
        read_parquet(tmp_path / "theirs.parquet", TABLE.schema)


def test_a_flipped_bit_in_a_page_is_noticed(path):
    write_parquet(path, pa.table({"value": np.arange(100, dtype=np.float64)}), {})
    whole = path.read_bytes()
    column = pq.read_metadata(path).row_group(0).column(0)
    end = column.dictionary_page_offset + column.total_compressed_size
    # The last bytes of the column are those of its page, after all headers.
    for position in range(end - 60, end):
        path.write_bytes(whole[:position] + bytes([whole[position] ^ 1]) + whole[position + 1 :])
        with pytest.raises(InputError, match="cannot be read as parquet"):
            read_parquet(path)
