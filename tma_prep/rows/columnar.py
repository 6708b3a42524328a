"""Parquet and Arrow files, as tables of bounded size."""

import contextlib
from collections.abc import Iterable, Iterator

import pyarrow as pa
import pyarrow.ipc
import pyarrow.parquet as pq
from upath import UPath

from tma_prep.errors import InputError
from tma_prep.files import AnyPath, is_remote, open_ranges
from tma_prep.rows.column_types import as_stored, stored_schema
from tma_prep.rows.opening import open_seekable, reading
from tma_prep.rows.sources import compression_of, container_of
from tma_prep.stores import tried

_ROWS_A_BLOCK = 2048
_BYTES_A_BLOCK = 32 << 20


def columnar_schema(path: AnyPath) -> pa.Schema | None:
    """The schema in which rows of a Parquet or Arrow file are stored, None for JSON.

    Raises:
        InputError: The file cannot be read, or a column of it cannot be stored.
    """
    if container_of(path) not in ("parquet", "arrow"):
        return None
    with reading(path):
        schema = None
        if is_remote(path) and compression_of(path) is None:
            schema = tried(path, lambda: _schema_alone(path))
        if schema is None:
            schema = _schema_of(path, open_seekable(path))
        fields = list(schema)
        while fields:
            field = fields.pop()
            # Arrow libraries do not look whether a name is UTF-8.
            field.name.encode("utf-8")
            fields += [field.type.field(place) for place in range(field.type.num_fields)]
        return stored_schema(path, schema)


def _schema_alone(path: UPath) -> pa.Schema | None:
    """The schema of a remote file, None where it takes the whole file to tell."""
    # Arrow's errors are of this class, and so is that for a web server that knows no ranges.
    with contextlib.suppress(ValueError), open_ranges(path) as file:
        return _schema_of(path, pa.PythonFile(file, mode="r"))
    return None


def _schema_of(path: AnyPath, source: pa.NativeFile) -> pa.Schema:
    if container_of(path) == "parquet":
        return pq.read_schema(source)
    with _open_arrow(source) as reader:
        return reader.schema


def parquet_tables(path: AnyPath) -> Iterator[pa.Table]:
    """The rows of a Parquet file."""
    source = pq.ParquetFile(open_seekable(path))
    groups = (source.metadata.row_group(place) for place in range(source.num_row_groups))
    rows = _rows_a_block((group.total_byte_size, group.num_rows) for group in groups)
    for batch in source.iter_batches(batch_size=rows):
        batch.validate(full=True)
        yield as_stored(pa.Table.from_batches([batch]), path)


def arrow_tables(path: AnyPath) -> Iterator[pa.Table]:
    """The rows of an Arrow file or stream.

    Raises:
        InputError: A column holds a null and is declared to hold none.
    """
    with _open_arrow(open_seekable(path)) as reader:
        if isinstance(reader, pa.ipc.RecordBatchFileReader):
            batches = (reader.get_batch(place) for place in range(reader.num_record_batches))
        else:
            batches = iter(reader)
        for batch in batches:
            # A file's offsets are followed without a check from here on.
            batch.validate(full=True)
            _check_nulls(batch, path)
            table = pa.Table.from_batches([batch])
            rows = _rows_a_block([(batch.nbytes, batch.num_rows)])
            for start in range(0, table.num_rows, rows):
                yield as_stored(table.slice(start, rows), path)


def _open_arrow(source: pa.NativeFile) -> pa.RecordBatchReader | pa.ipc.RecordBatchFileReader:
    magic = source.read(6)
    source.seek(0)
    return pa.ipc.open_file(source) if magic == b"ARROW1" else pa.ipc.open_stream(source)


def _rows_a_block(parts: Iterable[tuple[int, int]]) -> int:
    """So many rows that a block is within both bounds where rows are widest.

    Args:
        parts: Bytes and rows of each part of a file.
    """
    widest = max((-(-size // rows) for size, rows in parts if rows), default=1)
    return max(1, min(_ROWS_A_BLOCK, _BYTES_A_BLOCK // max(1, widest)))


def _check_nulls(batch: pa.RecordBatch, path: AnyPath) -> None:
    for column, values in zip(batch.schema, batch.columns, strict=True):
        if not column.nullable and values.null_count:
            raise InputError(
                f"{path}: column `{column.name}` is declared not null and holds a null; "
                "declare it nullable, or fill the null"
            )
