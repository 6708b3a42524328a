"""Tables and arrays: read from files that may hold any bytes, cast, and numbered."""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from tma_prep.artifact import file_entry, sync
from tma_prep.errors import ArtifactError
from tma_prep_schemas import FileEntry

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Singles = NDArray[np.float32]
Mask = NDArray[np.bool_]

JsonRow = dict[str, object]

UNREADABLE = (pa.ArrowException, OSError, ValueError, OverflowError, MemoryError)
"""What Arrow raises at damaged bytes; names that are no UTF-8 are a ValueError."""


def read_table(
    path: Path, schema: pa.Schema, *columns: str, remedy: str, rows: int | None = None
) -> pa.Table:
    """Read a table and look at every value of it.

    Args:
        path: The file.
        schema: What its columns must be.
        columns: Which of them to read, all if none is named.
        remedy: How to come by a whole one, for the message.
        rows: How many there must be, where that is known.

    Raises:
        ArtifactError: It cannot be read, or holds something else.
    """
    wanted = pa.schema([schema.field(name) for name in columns]) if columns else schema
    try:
        table = pq.read_table(path, columns=list(columns) or None)
        table.validate(full=True)
        if not table.schema.equals(wanted):
            raise ValueError("it has other columns")
        if rows is not None and table.num_rows != rows:
            raise ValueError(f"it has {table.num_rows} rows, not {rows}")
    except UNREADABLE as error:
        raise unreadable(path, error, remedy) from error
    return table


def write_table(path: Path, table: pa.Table) -> FileEntry:
    """Write a table as Parquet; what a manifest says of it."""
    pq.write_table(table, path, compression="zstd")
    sync(path)
    return file_entry(path, table.num_rows)


def read_schema(path: Path, *, remedy: str) -> pa.Schema:
    """The columns of a file.

    Raises:
        ArtifactError: It cannot be read.
    """
    try:
        return pq.read_schema(path)
    except UNREADABLE as error:
        raise unreadable(path, error, remedy) from error


def unreadable(path: Path, error: BaseException, remedy: str) -> ArtifactError:
    """What is raised where a file of an artifact cannot be read."""
    return ArtifactError(f"{path}: cannot be read ({reason_of(error)}); {remedy}")


def reason_of(error: BaseException) -> str:
    """What Arrow says, in a short line."""
    return " ".join(str(error).split())[:120].rstrip(".") or type(error).__name__


def ranges(starts: NDArray[np.int64], lengths: NDArray[np.int64]) -> NDArray[np.int64]:
    """The numbers start, start + 1, … of every range, one range after the other."""
    ends = np.cumsum(lengths)
    shifts = np.repeat(starts - (ends - lengths), lengths)
    numbers: NDArray[np.int64] = np.arange(ends[-1] if len(ends) else 0) + shifts
    return numbers


def with_types(table: pa.Table, schema: pa.Schema) -> pa.Table:
    """The columns of a table, in the types of a schema.

    Those that have them already are let be: Arrow's cast of rows that were taken out of a column of
    lists of nulls loses the end of the lists.

    Raises:
        ArrowException: A value does not fit.
    """
    columns = [
        column if column.type.equals(field.type) else column.cast(field.type)
        for column, field in zip(table.columns, schema, strict=True)
    ]
    return pa.table(columns, schema=schema)


def holds_json(kind: pa.DataType) -> bool:
    """Whether a type is `arrow.json`, or has it inside."""
    if isinstance(kind, pa.JsonType):
        return True
    return any(holds_json(kind.field(place).type) for place in range(kind.num_fields))


def table_of(rows: Sequence[JsonRow], schema: pa.Schema) -> pa.Table:
    """Rows of JSON as a table of that schema, absent keys as null."""
    columns = [column_of([row.get(field.name) for row in rows], field.type) for field in schema]
    return pa.table(columns, schema=schema)


def column_of(values: Sequence[object], kind: pa.DataType) -> pa.Array:
    """Values of JSON as a column of that type."""
    if not holds_json(kind):
        return pa.array(values, type=kind)
    # Arrow builds no nested array of an extension type, but casts to it.
    return pa.array([_encoded(value, kind) for value in values], type=_storage(kind)).cast(kind)


def _encoded(value: object, kind: pa.DataType) -> object:
    """The value with text where the type is JSON."""
    if value is None or not holds_json(kind):
        return value
    if isinstance(kind, pa.JsonType):
        return json.dumps(value)
    if isinstance(value, dict):
        return {field.name: _encoded(value[field.name], field.type) for field in kind}
    assert isinstance(value, list)
    return [_encoded(item, kind.value_type) for item in value]


def _storage(kind: pa.DataType) -> pa.DataType:
    if isinstance(kind, pa.JsonType):
        return pa.string()
    if pa.types.is_struct(kind):
        return pa.struct([field.with_type(_storage(field.type)) for field in kind])
    return pa.list_(_storage(kind.value_type)) if pa.types.is_list(kind) else kind


def python_rows(table: pa.Table) -> list[JsonRow]:
    """The rows of a table as Python values, JSON decoded."""
    rows: list[JsonRow] = table.to_pylist()
    for field in table.schema:
        if holds_json(field.type):
            for row in rows:
                row[field.name] = decoded(row[field.name], field.type)
    return rows


def decoded(value: object, kind: pa.DataType) -> object:
    """A value as Arrow gives it, with JSON decoded where its type is.

    Raises:
        ValueError: Its text is not JSON.
    """
    if value is None or not holds_json(kind):
        return value
    if isinstance(kind, pa.JsonType):
        return json.loads(value) if isinstance(value, str) else value
    if pa.types.is_struct(kind):
        assert isinstance(value, dict)
        return {field.name: decoded(value[field.name], field.type) for field in kind}
    if pa.types.is_map(kind):
        assert isinstance(value, list)
        return [(key, decoded(item, kind.item_type)) for key, item in value]
    assert isinstance(value, list)
    return [decoded(item, kind.value_type) for item in value]
