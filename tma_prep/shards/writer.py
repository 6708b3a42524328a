"""Gather the user's rows into the order, in bounded memory, and write them as Parquet shards.

An external merge sort: rows come by their numbers and are wanted by position. What fits into a part
of the memory is sorted into a run, and runs are kept in memory if there is room, else on disk.
Every run then gives its rows of any stretch of positions.
"""

import concurrent.futures
import contextlib
import itertools
import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.ipc
import pyarrow.parquet as pq

from tma_prep.durable import file_entry, sync
from tma_prep.errors import InputError
from tma_prep.parallel import in_turn
from tma_prep.tables import Ints, Singles, with_types
from tma_prep_schemas import ROW, SHARD_FIELDS, FileEntry

_MOST_RUN_BYTES = 32 << 20  # Arrow's `string` holds 2 GiB, and a run is taken in one piece
_ROWS_A_CHUNK = 8192


def wanted_rows(
    numbers: Ints, rows: Iterator[tuple[Ints, pa.Table]]
) -> Iterator[tuple[Ints, pa.Table]]:
    """Of a stream of row numbers and tables those of these `numbers`, with their places in them."""
    place_by_row = np.argsort(numbers, kind="stable")
    sorted_rows = numbers[place_by_row]
    for found, table in rows:
        places = np.searchsorted(sorted_rows, found)
        places[places == len(sorted_rows)] = 0
        wanted = np.flatnonzero(sorted_rows[places] == found)
        kept = table if len(wanted) == len(found) else table.take(wanted)
        yield place_by_row[places[wanted]], kept


def _without_dictionary(column: pa.Field) -> pa.Field:
    if pa.types.is_dictionary(column.type):
        return column.with_type(column.type.value_type)
    return column


class Runs:
    """Tables sorted by position, in memory or in Arrow files that go away with the stack."""

    def __init__(
        self, schema: pa.Schema, memory_bytes: int, folder: Path, stack: contextlib.ExitStack
    ) -> None:
        """Start without rows; runs without room in memory go to `folder` until the stack ends."""
        self._run_bytes = max(1, min(memory_bytes // 6, _MOST_RUN_BYTES))
        # A run is held twice while it is sorted, and a row group after it.
        self._room = memory_bytes - 3 * self._run_bytes
        # Dictionaries of several files would be merged in an order that memory settings change.
        self._plain = pa.schema([_without_dictionary(column) for column in schema])
        self._folder = folder
        self._stack = stack
        self._held: list[tuple[Ints, pa.Table]] = []
        self._held_bytes = 0
        self._runs: list[tuple[Ints, pa.Table]] = []
        self.rows = 0

    def add(self, positions: Ints, table: pa.Table) -> None:
        """Take rows in; a run is sorted whenever enough are held."""
        if self._held and self._held_bytes + table.nbytes > self._run_bytes:
            self._sort()
        self._held.append((positions, with_types(table, self._plain)))
        self._held_bytes += table.nbytes
        self.rows += len(positions)

    def finish(self) -> None:
        """Sort what is held still."""
        self._sort()

    def rows_at(self, start: int, stop: int) -> pa.Table:
        """The rows of these positions, in order."""
        pieces = []
        positions = []
        for run_positions, table in self._runs:
            low, high = np.searchsorted(run_positions, [start, stop])
            if low < high:
                pieces.append(table.slice(low, high - low))
                positions.append(run_positions[low:high])
        if len(pieces) == 1:
            return pieces[0]
        order = np.argsort(np.concatenate(positions))
        return pa.concat_tables(pieces).take(pa.array(order))

    def _sort(self) -> None:
        if not self._held:
            return
        positions = np.concatenate([found for found, _ in self._held])
        order = np.argsort(positions)
        table = pa.concat_tables([found for _, found in self._held]).take(pa.array(order))
        self._held, self._held_bytes = [], 0
        if table.nbytes <= self._room:
            self._room -= table.nbytes
        else:
            table = self._spilled(table)
        self._runs.append((positions[order], table))

    def _spilled(self, table: pa.Table) -> pa.Table:
        """The same table, mapped from a file."""
        spill = tempfile.NamedTemporaryFile(prefix=".run-", dir=self._folder)  # noqa: SIM115
        self._stack.enter_context(spill)
        with pa.OSFile(spill.name, "wb") as sink, pa.ipc.new_file(sink, table.schema) as writer:
            writer.write_table(table, max_chunksize=_ROWS_A_CHUNK)
        return pa.ipc.open_file(pa.memory_map(spill.name)).read_all()


ROWS_PER_GROUP = 8192
BYTES_PER_GROUP = 64 << 20
"""A row group ends at either; both are fixed, so that no memory setting changes a shard's bytes."""


def shard_name(number: int, count: int) -> str:
    """File name of a shard; zero-padded, so that sorting by name is sorting by position."""
    return f"part-{number:05d}-of-{count:05d}.parquet"


def write_shards(
    folder: Path,
    order: pa.Table,
    rows: Iterator[tuple[Ints, pa.Table]],
    schema: pa.Schema,
    *,
    rows_per_shard: int,
    memory_bytes: int,
    on_rows: Callable[[int], None] = lambda _: None,
) -> list[FileEntry]:
    """Write the ordered rows; what a manifest says of the files.

    Args:
        folder: An existing, empty folder.
        order: The `ORDER` table, by position.
        rows: The user's rows: their `tma_row`, ascending over the whole stream, and a table.
        schema: The user's columns.
        rows_per_shard: Rows of every shard but the last.
        memory_bytes: About how much memory may be used.
        on_rows: Told how many more rows are done; every row is read once and written once.

    Raises:
        InputError: A row of the order did not come.
    """
    numbers = order.column(ROW).to_numpy()
    bytes_of_row = np.zeros(len(numbers), dtype=np.float32)
    with contextlib.ExitStack() as stack:
        runs = Runs(schema, memory_bytes, folder, stack)
        for positions, table in wanted_rows(numbers, rows):
            bytes_of_row[positions] = table.nbytes / max(1, table.num_rows)
            runs.add(positions, table)
            on_rows(len(positions))
        runs.finish()
        if runs.rows != len(numbers):
            raise InputError(
                f"{runs.rows} of {len(numbers)} rows came back from the input; it has changed "
                "since it was embedded: run embed again"
            )
        shards = -(-len(numbers) // rows_per_shard)
        out_schema = pa.schema([*schema, *SHARD_FIELDS], schema.metadata)

        def rows_at(start: int, stop: int) -> pa.Table:
            added = order.slice(start, stop - start)
            return _shard_rows(runs.rows_at(start, stop), added, out_schema)

        def write_one(groups: list[tuple[int, int]]) -> FileEntry:
            first, end = groups[0][0], groups[-1][1]
            path = folder / shard_name(first // rows_per_shard, shards)
            with pq.ParquetWriter(path, out_schema, compression="zstd") as writer:
                for start, stop in groups:
                    writer.write_table(rows_at(start, stop), row_group_size=ROWS_PER_GROUP)
                    on_rows(stop - start)
            sync(path)
            return file_entry(path, end - first)

        by_shard = itertools.groupby(
            _groups(bytes_of_row, rows_per_shard), key=lambda group: group[0] // rows_per_shard
        )
        # Arrow lets go of the interpreter while it compresses.
        threads = os.cpu_count() or 1
        with concurrent.futures.ThreadPoolExecutor(threads) as workers:
            groups = (list(groups) for _, groups in by_shard)
            return list(in_turn(workers, write_one, groups, ahead=2 * threads))


def _shard_rows(rows: pa.Table, added: pa.Table, schema: pa.Schema) -> pa.Table:
    """The user's columns in their own types, then tma-prep's."""
    own = pa.schema(list(schema)[: rows.num_columns])
    columns = [
        *with_types(rows, own).columns,
        *(added.column(field.name) for field in SHARD_FIELDS),
    ]
    return pa.table(columns, schema=schema)


def _groups(bytes_of_row: Singles, rows_per_shard: int) -> Iterator[tuple[int, int]]:
    """First position and end of each row group; none reaches over the end of a shard."""
    start = 0
    while start < len(bytes_of_row):
        shard_end = (start // rows_per_shard + 1) * rows_per_shard
        stop = min(start + ROWS_PER_GROUP, shard_end, len(bytes_of_row))
        held = np.cumsum(bytes_of_row[start:stop], dtype=np.float64)
        stop = start + max(1, int(np.searchsorted(held, BYTES_PER_GROUP, side="right")))
        yield start, stop
        start = stop
