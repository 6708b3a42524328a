"""Containers: how bytes in a file become rows. Nothing here knows what a prompt is."""

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import pyarrow as pa

from tma_prep.files import AnyPath
from tma_prep.rows.columnar import arrow_tables, parquet_tables
from tma_prep.rows.formats import BadRow
from tma_prep.rows.json_container import JsonRow, json_blocks, jsonl_blocks
from tma_prep.rows.opening import empty_input, reading
from tma_prep.rows.sources import container_of


@dataclass(frozen=True)
class JsonBlock:
    """Consecutive rows of a JSON file: each an object, or what is wrong with it.

    Attributes:
        first_row: Row number in the file, from 0, of the first.
    """

    first_row: int
    rows: Sequence[JsonRow | BadRow]

    def __len__(self) -> int:
        """Rows in the block, bad ones included."""
        return len(self.rows)

    @property
    def columns(self) -> list[str]:
        """Every key seen in the block, in order of appearance."""
        good = (row for row in self.rows if not isinstance(row, BadRow))
        return list(dict.fromkeys(itertools.chain.from_iterable(good)))


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


Block = JsonBlock | TableBlock


def read_blocks(path: AnyPath) -> Iterator[Block]:
    """Stream the rows of one file. A columnar file may have none: parts of a set often do.

    Args:
        path: A JSONL, JSON, Parquet or Arrow file, plain or compressed.

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
                    yield TableBlock(first_row, table)
                    first_row += table.num_rows
            return
        for rows in (json_blocks if container == "json" else jsonl_blocks)(path):
            yield JsonBlock(first_row, rows)
            first_row += len(rows)
    if first_row == 0:
        raise empty_input(path)
