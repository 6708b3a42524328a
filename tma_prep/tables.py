"""Tables and arrays: read from files that may hold any bytes, cast, and numbered."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from tma_prep.durable import file_entry, sync
from tma_prep.errors import ArtifactError
from tma_prep_schemas import FileEntry

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Singles = NDArray[np.float32]
Mask = NDArray[np.bool_]

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
