"""Parquet and Arrow files, as tables of bounded size."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.ipc
import pyarrow.parquet as pq

from tma_prep.arrays import with_types
from tma_prep.errors import InputError
from tma_prep.remote import AnyPath
from tma_prep.rows.column_types import without_views
from tma_prep.rows.opening import open_seekable, reading
from tma_prep.rows.sources import container_of

_ROWS_A_BLOCK = 2048
_BYTES_A_BLOCK = 32 << 20
_BYTES_A_REQUEST = 4 << 20


def columnar_schema(path: AnyPath) -> pa.Schema | None:
    """The schema in which a Parquet or Arrow file is read, None for JSON.

    Raises:
        InputError: The file cannot be read.
    """
    if container_of(path) == "parquet":
        with reading(path):
            return without_views(_decoded(pq.read_schema(open_seekable(path))))
    if container_of(path) == "arrow":
        with reading(path), _open_arrow(path) as reader:
            return without_views(_decoded(reader.schema))
    return None


def _decoded(schema: pa.Schema) -> pa.Schema:
    """The schema, once every name in it, at any depth, has been seen to be UTF-8."""
    fields = list(schema)
    while fields:
        field = fields.pop()
        field.name.encode("utf-8")
        fields += [field.type.field(place) for place in range(field.type.num_fields)]
    return schema


def parquet_tables(path: AnyPath, columns: Sequence[str] | None) -> Iterator[pa.Table]:
    """The rows of a Parquet file, of these columns alone."""
    # A column of a row group, however long, comes from afar piece by piece.
    piece = 0 if isinstance(path, Path) else _BYTES_A_REQUEST
    source = pq.ParquetFile(open_seekable(path), buffer_size=piece)
    groups = (source.metadata.row_group(place) for place in range(source.num_row_groups))
    rows = _rows_a_block((group.total_byte_size, group.num_rows) for group in groups)
    wanted = None if columns is None else list(columns)
    for batch in source.iter_batches(batch_size=rows, columns=wanted):
        batch.validate(full=True)
        yield _read_as(pa.Table.from_batches([batch]))


def arrow_tables(path: AnyPath, columns: Sequence[str] | None) -> Iterator[pa.Table]:
    """The rows of an Arrow file or stream, of these columns alone.

    Raises:
        InputError: A column holds a null and is declared to hold none.
    """
    with _open_arrow(path) as reader:
        if isinstance(reader, pa.ipc.RecordBatchFileReader):
            batches = (reader.get_batch(place) for place in range(reader.num_record_batches))
        else:
            batches = iter(reader)
        for batch in batches:
            # A file's offsets are followed without a check from here on.
            batch.validate(full=True)
            _check_nulls(batch, path)
            table = pa.Table.from_batches([batch])
            if columns is not None:
                table = table.select(list(columns))
            rows = _rows_a_block([(batch.nbytes, batch.num_rows)])
            for start in range(0, table.num_rows, rows):
                yield _read_as(table.slice(start, rows))


def _open_arrow(path: AnyPath) -> pa.RecordBatchReader | pa.ipc.RecordBatchFileReader:
    source = open_seekable(path)
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


def _read_as(table: pa.Table) -> pa.Table:
    schema = without_views(table.schema)
    return table if schema.equals(table.schema) else with_types(table, schema)
