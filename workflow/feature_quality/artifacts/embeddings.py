"""Embeddings of one split under one trained network: one row per example."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from feature_quality.artifacts.parquet import columns, read_parquet, write_parquet
from feature_quality.errors import InputError

_EXAMPLE = columns("id: string, label: int16, feature_a: int16, feature_b: int16, group: int16")


def embedding_schema(classes: int, features: int) -> pa.Schema:
    """Return the columns of a file for a network with so many classes and features."""
    logits, embedding = (pa.list_(pa.float32(), size) for size in (classes, features))
    return pa.schema([*_EXAMPLE, ("logits", logits), ("embedding", embedding)])


@dataclass(frozen=True)
class Embeddings:
    """Embeddings of n examples.

    Attributes:
        table: the id, label, features and group of each.
        logits: float32 (n, classes).
        embedding: φ(x), the input of the last linear layer, float32 (n, d).
    """

    table: pd.DataFrame
    logits: npt.NDArray[np.float32]
    embedding: npt.NDArray[np.float32]


def write_embeddings(path: str | Path, embeddings: Embeddings, metadata: Mapping[str, Any]) -> None:
    """Write the embeddings of one split; ``metadata`` describes the run that made them."""
    schema = embedding_schema(embeddings.logits.shape[1], embeddings.embedding.shape[1])
    columns = [embeddings.table[name] for name in _EXAMPLE.names]
    columns += [_as_list(embeddings.logits), _as_list(embeddings.embedding)]
    write_parquet(path, pa.Table.from_arrays(_cast(columns, schema), schema=schema), metadata)


def read_embeddings(path: str | Path) -> tuple[Embeddings, dict[str, Any]]:
    """Read what ``write_embeddings`` wrote: the embeddings and the metadata of the run.

    Raises:
        InputError: the file is damaged or its columns are not those of an embedding.
    """
    table, run = read_parquet(path)
    _require(path, table.schema)
    examples = table.select(_EXAMPLE.names).to_pandas()
    embeddings = Embeddings(examples, _as_array(table, "logits"), _as_array(table, "embedding"))
    return embeddings, run


def read_logits(path: str | Path) -> tuple[pd.DataFrame, npt.NDArray[np.float32], dict[str, Any]]:
    """Read the examples, their logits and the run's metadata, but not the large embeddings.

    Raises:
        InputError: the file is damaged or lacks these columns.
    """
    table, run = read_parquet(path, columns=[*_EXAMPLE.names, "logits"])
    return table.select(_EXAMPLE.names).to_pandas(), _as_array(table, "logits"), run


def _require(path: str | Path, schema: pa.Schema) -> None:
    kinds = [schema.field(name).type for name in ("logits", "embedding") if name in schema.names]
    sizes = [kind.list_size for kind in kinds if pa.types.is_fixed_size_list(kind)]
    if len(sizes) != 2 or not schema.equals(embedding_schema(*sizes)):
        raise InputError(f"{path}: does not hold embeddings; its columns are {schema.names}")


def _as_list(values: npt.NDArray[np.float32]) -> pa.Array:
    return pa.FixedSizeListArray.from_arrays(pa.array(values.ravel()), values.shape[1])


def _as_array(table: pa.Table, column: str) -> npt.NDArray[np.float32]:
    lists = table[column].combine_chunks()
    values: npt.NDArray[np.float32] = lists.flatten().to_numpy()
    return values.reshape(len(lists), -1)


def _cast(columns: list[Any], schema: pa.Schema) -> list[pa.Array]:
    return [pa.array(column, field.type) for column, field in zip(columns, schema, strict=True)]
