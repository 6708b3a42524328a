"""Containers: how bytes in a file become rows. Nothing here knows what a prompt is."""

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import pyarrow as pa

from tma_prep.files import AnyPath
from tma_prep.rows.bad_row import BadRow
from tma_prep.rows.columnar import arrow_tables, parquet_tables
from tma_prep.rows.json_container import JsonRows, delimited_blocks, json_blocks, jsonl_blocks
from tma_prep.rows.opening import empty_input, reading
from tma_prep.rows.sources import container_of
from tma_prep.values import JsonRow

_NO_PARTITION: Mapping[str, str | None] = {}


@dataclass(frozen=True)
class JsonBlock:
    """Consecutive rows of a JSON, CSV or TSV file: each an object, or what is wrong with it.

    Attributes:
        first_row: Row number in the file, from 0, of the first.
        lines: The line that each begins on, from 1, where the file has rows by lines.
    """

    first_row: int
    rows: Sequence[JsonRow | BadRow]
    lines: Sequence[int | None]

    def __len__(self) -> int:
        """Rows in the block, bad ones included."""
        return len(self.rows)

    @property
    def columns(self) -> list[str]:
        """Every key seen in the block, in order of appearance."""
        good = (row for row in self.rows if not isinstance(row, BadRow))
        return list(dict.fromkeys(itertools.chain.from_iterable(good)))

    def place_of(self, place: int) -> str:
        """Where a row stands in its file, for messages."""
        line = self.lines[place]
        return f"row {self.first_row + place}" if line is None else f"line {line}"


@dataclass(frozen=True)
class TableBlock:
    """Consecutive rows of a Parquet or Arrow file.

    Attributes:
        first_row: Row number in the file, from 0, of the first.
    """

    first_row: int
    table: pa.Table

    def __len__(self) -> int:
        """Rows in the block."""
        return int(self.table.num_rows)

    @property
    def columns(self) -> list[str]:
        """Every column."""
        return list(self.table.column_names)

    def place_of(self, place: int) -> str:
        """Where a row stands in its file, for messages."""
        return f"row {self.first_row + place}"


Block = JsonBlock | TableBlock


def read_blocks(
    path: AnyPath, partition: Mapping[str, str | None] = _NO_PARTITION, examples: int = 0
) -> Iterator[Block]:
    """Stream the rows of one file. A columnar file may have none: parts of a set often do.

    Args:
        path: A file that `sources.container_of` knows, plain or compressed.
        partition: Columns that its folders name; the file's own come before them.
        examples: How many positive examples of a task file each of its rows takes along.

    Raises:
        InputError: The file is missing, not what its ending says, or has no bytes, or no row of
            JSON.
    """
    container = container_of(path)
    first_row = 0
    with reading(path):
        if container in ("parquet", "arrow"):
            tables = parquet_tables if container == "parquet" else arrow_tables
            for table in tables(path):
                if table.num_rows:
                    yield TableBlock(first_row, _partitioned(table, partition))
                    first_row += table.num_rows
            return
        for found in _text_blocks(path, container, examples):
            if partition:
                found.rows = [
                    row if isinstance(row, BadRow) else {**partition, **row} for row in found.rows
                ]
            yield JsonBlock(first_row, found.rows, found.lines)
            first_row += len(found.rows)
    if first_row == 0:
        raise empty_input(path)


def _text_blocks(path: AnyPath, container: str | None, examples: int) -> Iterator[JsonRows]:
    if container in ("csv", "tsv"):
        return delimited_blocks(path, "," if container == "csv" else "\t")
    return json_blocks(path, examples) if container == "json" else jsonl_blocks(path)


def partitioned_schema(schema: pa.Schema, partition: Mapping[str, str | None]) -> pa.Schema:
    """The schema of a file with the columns that its folders name."""
    for name in partition:
        if name not in schema.names:
            schema = schema.append(pa.field(name, pa.string()))
    return schema


def _partitioned(table: pa.Table, partition: Mapping[str, str | None]) -> pa.Table:
    for name, value in partition.items():
        if name not in table.column_names:
            values = pa.array([value] * table.num_rows, pa.string())
            table = table.append_column(pa.field(name, pa.string()), values)
    return table
