"""Parquet files with a declared schema and metadata in JSON."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from feature_quality.artifacts.atomic import replacing
from feature_quality.errors import InputError

METADATA_KEY = b"feature_quality"
# Parquet has checksums of its pages, and none of what its footer says.
CHECKSUM_KEY = b"feature_quality_sha256"


def columns(text: str) -> pa.Schema:
    """Return the schema of columns ``name: type, …``: Arrow's types, with ``[]`` lists of one."""
    schema = []
    for each in text.split(", "):
        name, kind = each.split(": ")
        single = pa.type_for_alias(kind.removesuffix("[]"))
        schema.append((name, pa.list_(single) if kind.endswith("[]") else single))
    return pa.schema(schema)


def write_parquet(path: str | Path, table: pa.Table, metadata: Mapping[str, Any]) -> None:
    """Write a table, and metadata in JSON values; equal input gives equal bytes.

    Raises:
        InputError: the file cannot be written to disk.
    """
    description = json.dumps(metadata, sort_keys=True).encode()
    with replacing(path) as temporary:
        pq.write_table(
            table.replace_schema_metadata(
                {METADATA_KEY: description, CHECKSUM_KEY: _sha256(description)}
            ),
            temporary,
            compression="zstd",
            write_page_checksum=True,
        )


def read_parquet(
    path: str | Path, schema: pa.Schema | None = None, columns: Sequence[str] | None = None
) -> tuple[pa.Table, dict[str, Any]]:
    """Read a file that ``write_parquet`` wrote: its table (or some ``columns``) and its metadata.

    Raises:
        InputError: the file is damaged, was not written by this workflow, or has other columns.
    """
    try:
        found = pq.read_schema(path)
        if schema is not None and not found.remove_metadata().equals(schema):
            raise InputError(
                f"{path}: its columns are ({_describe(found)}), expected ({_describe(schema)})"
            )
        missing = set(columns or ()) - set(found.names)
        if missing:
            raise InputError(f"{path}: has no column {', '.join(sorted(missing))}")
        table = pq.read_table(path, columns=columns, page_checksum_verification=True)
        described = found.metadata or {}
        description = described[METADATA_KEY]
        metadata = json.loads(description)
    except KeyError as error:
        raise InputError(f"{path}: was not written by this workflow (no description)") from error
    except (pa.ArrowException, OSError, ValueError, RecursionError) as error:
        raise InputError(f"{path}: cannot be read as parquet ({error})") from error
    checksum = _sha256(description)
    if not isinstance(metadata, dict) or described.get(CHECKSUM_KEY, checksum) != checksum:
        raise InputError(f"{path}: its description is damaged")
    return table.replace_schema_metadata(None), metadata


def write_table(
    path: str | Path,
    rows: pd.DataFrame | Sequence[Mapping[str, Any]],
    schema: pa.Schema,
    metadata: Mapping[str, Any],
) -> None:
    """Write rows as the columns of ``schema``; ``metadata`` says what they describe."""
    if isinstance(rows, pd.DataFrame):
        table = pa.Table.from_pandas(rows, schema=schema, preserve_index=False)
    else:
        table = pa.Table.from_pylist(list(rows), schema=schema)
    write_parquet(path, table, metadata)


def read_table(
    path: str | Path, schema: pa.Schema, *, subset: bool = False
) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Read the rows and the metadata of a file that ``write_table`` wrote.

    Args:
        path: the file.
        schema: the columns to read.
        subset: whether the file may have other columns too.

    Raises:
        InputError: the file is damaged, was not written by this workflow, or has other columns.
    """
    if subset:
        table, metadata = read_parquet(path, columns=schema.names)
    else:
        table, metadata = read_parquet(path, schema)
    return table.to_pandas(), metadata


def read_tables(paths: Sequence[str | Path], schema: pa.Schema) -> pd.DataFrame:
    """Read several files with the same columns as one table, in the order given."""
    return pd.concat([read_table(path, schema)[0] for path in paths], ignore_index=True)


def read_metadata(path: str | Path) -> dict[str, Any]:
    """Read only the metadata of a file that ``write_parquet`` wrote.

    Raises:
        InputError: the file is damaged, or was not written by this workflow.
    """
    return read_parquet(path, columns=[])[1]


def _sha256(description: bytes) -> bytes:
    return hashlib.sha256(description).hexdigest().encode()


def _describe(schema: pa.Schema) -> str:
    return ", ".join(f"{field.name}: {field.type}" for field in schema)
