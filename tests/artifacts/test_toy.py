import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from feature_quality.artifacts.parquet import read_table, read_tables, write_table
from feature_quality.artifacts.toy import CONTOURS, EPOCHS, PERTURBATIONS, POINTS, TOY_RUNS
from feature_quality.errors import InputError

SCHEMAS = {
    "runs": TOY_RUNS,
    "epochs": EPOCHS,
    "points": POINTS,
    "contours": CONTOURS,
    "perturbations": PERTURBATIONS,
}
DESCRIPTION = {"axes": {"seed": [0, 1]}, "code": "abc"}


def rows(schema: pa.Schema, count: int = 3) -> pd.DataFrame:
    """Make rows that differ in every column."""
    columns = {}
    for place, field in enumerate(schema):
        numbers = np.arange(count) + place
        if pa.types.is_string(field.type):
            columns[field.name] = [f"{field.name} {number}" for number in numbers]
        else:
            columns[field.name] = numbers.astype(field.type.to_pandas_dtype())
    return pd.DataFrame(columns)


@pytest.mark.parametrize("schema", SCHEMAS.values(), ids=SCHEMAS)
def test_a_table_is_read_back_with_its_description(tmp_path, schema):
    table = rows(schema)
    # The order of the columns and the index are the table's own.
    written = table[table.columns[::-1]].set_index(pd.Index([7, 8, 9]))
    write_table(tmp_path / "table.parquet", written, schema, DESCRIPTION)
    found, description = read_table(tmp_path / "table.parquet", schema)
    pd.testing.assert_frame_equal(found, table)
    assert description == DESCRIPTION


def test_what_a_run_lacks_stays_missing(tmp_path):
    missing = ["noise", "intervention", "kappa", "alpha", "diverged_step", "hard_error"]
    table = rows(TOY_RUNS).astype({"diverged_step": "Int32"})
    table.loc[1, missing] = None
    write_table(tmp_path / "runs.parquet", table, TOY_RUNS, {})
    found, _ = read_table(tmp_path / "runs.parquet", TOY_RUNS)
    assert found.columns[found.loc[1].isna()].tolist() == [
        name for name in TOY_RUNS.names if name in missing
    ]
    assert found.drop(index=1).notna().all(axis=None)
    assert found["diverged_step"].tolist()[::2] == table["diverged_step"].tolist()[::2]


@pytest.mark.parametrize("asked", [name for name in SCHEMAS if name != "runs"])
def test_another_table_is_refused(tmp_path, asked):
    path = tmp_path / "runs.parquet"
    write_table(path, rows(TOY_RUNS), TOY_RUNS, {})
    for read in (read_toy, lambda path, schema: read_tables([path], schema)):
        with pytest.raises(InputError, match=f"{path}: its columns are .*seed"):
            read(path, SCHEMAS[asked])


def test_a_table_that_lacks_a_column_is_not_written(tmp_path):
    with pytest.raises(KeyError, match="value"):
        write_table(tmp_path / "table.parquet", rows(CONTOURS).drop(columns="value"), CONTOURS, {})
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 0, 1)])
def test_parts_are_joined_in_the_order_given(tmp_path, order):
    parts = [rows(EPOCHS, count) for count in (2, 3, 4)]
    for place, part in enumerate(parts):
        write_table(tmp_path / f"{place}.parquet", part, EPOCHS, {})
    found = read_tables([tmp_path / f"{place}.parquet" for place in order], EPOCHS)
    assert found.index.tolist() == list(range(9))
    expected = pd.concat([parts[place] for place in order], ignore_index=True)
    pd.testing.assert_frame_equal(found, expected)


def test_columns_that_no_run_of_a_part_has_are_joined(tmp_path):
    without = rows(TOY_RUNS).assign(kappa=None, alpha=np.nan, diverged_step=pd.NA)
    for name, part in (("without", without), ("with", rows(TOY_RUNS))):
        write_table(tmp_path / name, part, TOY_RUNS, {})
    found = read_tables([tmp_path / "without", tmp_path / "with"], TOY_RUNS)
    for column in ("kappa", "alpha", "diverged_step"):
        assert found[column].isna().tolist() == [True] * 3 + [False] * 3
