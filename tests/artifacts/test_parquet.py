import re
from contextlib import suppress

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from feature_quality.artifacts.features import IMPORTANCE, PROBES, RUN_IMPORTANCE
from feature_quality.artifacts.history import HISTORY
from feature_quality.artifacts.parquet import (
    METADATA_KEY,
    read_metadata,
    read_parquet,
    read_table,
    read_tables,
    write_parquet,
    write_table,
)
from feature_quality.artifacts.runs import RUNS
from feature_quality.artifacts.toy import CONTOURS, EPOCHS, PERTURBATIONS, POINTS, TOY_RUNS
from feature_quality.errors import InputError

SCHEMAS = {
    "history": HISTORY,
    "probes": PROBES,
    "importance of a run": RUN_IMPORTANCE,
    "importance": IMPORTANCE,
    "runs": RUNS,
    "toy runs": TOY_RUNS,
    "epochs": EPOCHS,
    "points": POINTS,
    "contours": CONTOURS,
    "perturbations": PERTURBATIONS,
}
of_each_schema = pytest.mark.parametrize("schema", SCHEMAS.values(), ids=SCHEMAS)
DESCRIPTION = {"run": {"seed": 0, "diverged": None}, "rho": 0.1 + 0.2}
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
    assert metadata == read_metadata(path) == {"lr": 0.1}


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=40)
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


def test_what_cannot_be_written_leaves_the_old_file(path, no_file_above):
    before = path.read_bytes()
    with pytest.raises(TypeError, match="not JSON serializable"):
        write_parquet(path, TABLE, {"path": path})
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


def test_a_changed_bit_of_the_footer_is_found_or_harmless(tmp_path):
    """It has the description twice: as it is, and within Arrow's own schema."""
    path, table, description = tmp_path / "a", pa.table({"a": [1]}), {"seed": 0, "rho": 0.05}
    write_parquet(path, table, description)
    content = path.read_bytes()
    refused = 0
    for place in range(content.index(b'{"rho": 0.05'), len(content) - 8):
        changed = bytearray(content)
        changed[place] ^= 1 << place % 8
        path.write_bytes(changed)
        with suppress(InputError):
            refused += 1
            assert read_parquet(path, table.schema) == (table, description)
            refused -= 1
    assert refused > 300


@pytest.mark.parametrize("description", [b"[1]", b"[" * 100_000, b"9" * 5000])
def test_what_is_no_description_is_refused(tmp_path, description):
    table = pa.table({"a": [1]}).replace_schema_metadata({METADATA_KEY: description})
    pq.write_table(table, tmp_path / "a")
    with pytest.raises(InputError, match=r"/a: (its description is damaged|cannot be read)"):
        read_parquet(tmp_path / "a")


def rows(schema: pa.Schema, count: int = 3) -> pd.DataFrame:
    """Make rows that differ in every column, numbers with all their digits."""
    columns = {}
    for place, field in enumerate(schema):
        numbers = np.arange(count) + (place + 1) * 1.1
        if pa.types.is_string(field.type):
            columns[field.name] = [f"{field.name} {number}" for number in numbers]
        elif pa.types.is_boolean(field.type):
            columns[field.name] = np.arange(count) % 2 == 0
        elif pa.types.is_list(field.type):
            columns[field.name] = [np.arange(place, dtype=np.int32) for place in range(count)]
        else:
            columns[field.name] = numbers.astype(field.type.to_pandas_dtype())
    return pd.DataFrame(columns)


@of_each_schema
def test_a_table_is_read_back_with_its_description(tmp_path, schema):
    table = rows(schema)
    # The order of the columns and the index do not matter.
    frame = table[table.columns[::-1]].set_index(pd.Index([7, 8, 9]))
    for name, written in (("frame", frame), ("dicts", frame.to_dict("records"))):
        write_table(tmp_path / name, written, schema, DESCRIPTION)
        found, description = read_table(tmp_path / name, schema)
        pd.testing.assert_frame_equal(found, table, check_exact=True)
        assert description == DESCRIPTION
    assert (tmp_path / "frame").read_bytes() == (tmp_path / "dicts").read_bytes()


@of_each_schema
def test_a_table_may_be_empty_and_may_not_lack_a_column(tmp_path, schema):
    write_table(tmp_path / "a", [], schema, DESCRIPTION)
    found, description = read_table(tmp_path / "a", schema)
    assert (found.columns.tolist(), len(found), description) == (schema.names, 0, DESCRIPTION)
    for name in schema.names:
        with pytest.raises(KeyError, match=name):
            write_table(tmp_path / "b", rows(schema).drop(columns=name), schema, {})
    assert list(tmp_path.iterdir()) == [tmp_path / "a"]


@of_each_schema
def test_another_table_is_refused(tmp_path, schema):
    others = [other for other in SCHEMAS.values() if other is not schema]
    for other in others:
        write_table(tmp_path / "a", rows(other), other, {})
        first, expected = (f"{each[0].name}: {each[0].type}, " for each in (other, schema))
        said = rf"^{tmp_path / 'a'}: its columns are \({first}.*, expected \({expected}"
        for read in (read_table, lambda path, columns: read_tables([path], columns)):
            with pytest.raises(InputError, match=said):
                read(tmp_path / "a", schema)


def test_a_table_with_more_columns_is_read_where_some_are_asked_for(tmp_path):
    points = rows(POINTS)
    write_table(tmp_path / "points", points, POINTS, DESCRIPTION)
    found, description = read_table(tmp_path / "points", IMPORTANCE, subset=True)
    pd.testing.assert_frame_equal(found, points[IMPORTANCE.names], check_exact=True)
    assert description == DESCRIPTION
    write_table(tmp_path / "epochs", rows(EPOCHS), EPOCHS, {})
    absent = ", ".join(sorted(set(IMPORTANCE.names) - set(EPOCHS.names)))
    with pytest.raises(InputError, match=f"^{tmp_path / 'epochs'}: has no column {absent}$"):
        read_table(tmp_path / "epochs", IMPORTANCE, subset=True)


def test_a_number_that_is_not_finite_stays_what_it_is(tmp_path):
    epochs = rows(HISTORY, 1).assign(train_loss=np.inf, val_loss=np.nan)
    write_table(tmp_path / "h", epochs, HISTORY, {})
    pd.testing.assert_frame_equal(read_table(tmp_path / "h", HISTORY)[0], epochs)


def test_what_a_run_lacks_stays_missing(tmp_path):
    missing = ["noise", "intervention", "kappa", "alpha", "diverged_step", "hard_error"]
    table = rows(TOY_RUNS).astype({"diverged_step": "Int32"})
    table.loc[1, missing] = None
    write_table(tmp_path / "runs", table, TOY_RUNS, {})
    found, _ = read_table(tmp_path / "runs", TOY_RUNS)
    assert set(found.columns[found.loc[1].isna()]) == set(missing)
    assert found.drop(index=1).notna().all(axis=None)
    assert found["diverged_step"].tolist()[::2] == table["diverged_step"].tolist()[::2]


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 0, 1)])
def test_parts_are_joined_in_the_order_given(tmp_path, order):
    parts = [rows(EPOCHS, count) for count in (2, 3, 4)]
    for place, part in enumerate(parts):
        write_table(tmp_path / f"{place}", part, EPOCHS, {})
    found = read_tables([tmp_path / f"{place}" for place in order], EPOCHS)
    expected = pd.concat([parts[place] for place in order], ignore_index=True)
    pd.testing.assert_frame_equal(found, expected)


def test_columns_that_no_run_of_a_part_has_are_joined(tmp_path):
    without = rows(TOY_RUNS).assign(kappa=None, alpha=np.nan, diverged_step=pd.NA)
    for name, part in (("without", without), ("with", rows(TOY_RUNS))):
        write_table(tmp_path / name, part, TOY_RUNS, {})
    found = read_tables([tmp_path / "without", tmp_path / "with"], TOY_RUNS)
    for column in ("kappa", "alpha", "diverged_step"):
        assert found[column].isna().tolist() == [True] * 3 + [False] * 3
