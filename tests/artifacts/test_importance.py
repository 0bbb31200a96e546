import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from feature_quality.artifacts.features import IMPORTANCE, RUN_IMPORTANCE
from feature_quality.artifacts.parquet import read_table, write_table
from feature_quality.artifacts.toy import EPOCHS, POINTS
from feature_quality.errors import InputError

DESCRIPTION = {"run": {"seed": 0}, "phantom_rho": 0.1 + 0.2}


def rows(schema, count=3):
    """Make rows that differ in every column, numbers with all their digits."""
    return pd.DataFrame(
        {
            field.name: [f"{number}" for number in range(count)]
            if pa.types.is_string(field.type)
            else (np.arange(count) + (place + 1) * 1.1).astype(field.type.to_pandas_dtype())
            for place, field in enumerate(schema)
        }
    )


TABLES = {
    "of a run": (RUN_IMPORTANCE, write_run_importance, read_run_importance),
    "of a dataset": (IMPORTANCE, write_importance, read_importance),
}


@pytest.mark.parametrize(("schema", "write", "read"), TABLES.values(), ids=TABLES)
def test_a_table_is_read_back_with_its_description(tmp_path, schema, write, read):
    table = rows(schema)
    # The order of the columns and the index are the table's own.
    write(tmp_path / "a", table[table.columns[::-1]].set_index(pd.Index([7, 8, 9])), DESCRIPTION)
    found, description = read(tmp_path / "a")
    pd.testing.assert_frame_equal(found, table, check_exact=True)
    assert description == DESCRIPTION
    write(tmp_path / "b", found, description)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


@pytest.mark.parametrize(("schema", "write", "read"), TABLES.values(), ids=TABLES)
def test_a_table_that_lacks_a_column_is_not_written(tmp_path, schema, write, read):
    with pytest.raises(KeyError, match="phantom_weight"):
        write(tmp_path / "a", rows(schema).drop(columns="phantom_weight"), {})
    assert list(tmp_path.iterdir()) == []


def test_points_of_the_toy_are_read_as_those_of_a_dataset(tmp_path):
    points = rows(POINTS)
    write_table(tmp_path / "points", points, POINTS, DESCRIPTION)
    found, description = read_table(tmp_path / "points", IMPORTANCE, subset=True)
    assert found.columns.tolist() == IMPORTANCE.names
    pd.testing.assert_frame_equal(found, points[IMPORTANCE.names], check_exact=True)
    assert found.dtypes.tolist() == [field.type.to_pandas_dtype() for field in IMPORTANCE]
    assert description == DESCRIPTION


@pytest.mark.parametrize(
    ("schema", "read", "message"),
    [
        (
            RUN_IMPORTANCE,
            read_importance,
            "has no column easy_contribution, hard_contribution, rho, seed$",
        ),
        (
            EPOCHS,
            read_importance,
            "has no column easy_contribution, hard_contribution, phantom_weight, weight$",
        ),
        (IMPORTANCE, read_run_importance, r"its columns are \(seed: int32, .*expected \(epoch: "),
    ],
)
def test_another_table_is_refused(tmp_path, schema, read, message):
    write_table(tmp_path / "a", rows(schema), schema, {})
    with pytest.raises(InputError, match=f"^{tmp_path / 'a'}: {message}"):
        read(tmp_path / "a")


@pytest.mark.parametrize("read", [read_run_importance, read_importance])
def test_a_cut_or_absent_file_is_refused(tmp_path, read):
    path = tmp_path / "a"
    with pytest.raises(InputError, match=f"{path}: cannot be read as parquet"):
        read(path)
    write_table(path, rows(IMPORTANCE), IMPORTANCE, {})
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(InputError, match=f"{path}: cannot be read as parquet"):
        read(path)
