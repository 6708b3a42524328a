"""Rows that come by their numbers and are wanted by position: sorted in bounded memory.

An external merge sort: what fits into a part of the memory is sorted into a run, and runs are kept
in memory if there is room, else on disk. Every run then gives its rows of any stretch of positions.
"""

import contextlib
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.ipc

from tma_prep.tables import Ints, with_types

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
