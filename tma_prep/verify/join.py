"""The join: every row of shards is the training row that the order names at its position."""

import contextlib
import itertools
import tempfile
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from tma_prep.errors import ArtifactError, InputError
from tma_prep.progress import Advance
from tma_prep.shards import Runs, wanted_rows
from tma_prep.verify.equality import places_that_differ
from tma_prep.verify.files import ShardFile
from tma_prep.verify.findings import Check, Findings
from tma_prep_schemas import ORDER_FIELDS, POSITION, ROW

_SHOWN = 3
_UNREAD = -1
_TOLD: dict[Check, str] = {
    "positions": "not the position of the row",
    "order": "not as in the order",
    "ranking": "not what its options make of its ranking",
    "rows": "not as in the training rows",
}

RowStream = Iterator[tuple[NDArray[np.int64], pa.Table]]


@dataclass(frozen=True)
class TrainingRows:
    """The rows that shards were made of.

    Attributes:
        schema: Of the user's columns.
        numbers: `tma_row` of every row, ascending.
        tables: From ascending row numbers to these rows.
    """

    schema: pa.Schema
    numbers: NDArray[np.int64]
    tables: Callable[[NDArray[np.int64]], RowStream]


class Differences:
    """Where the rows of one file differ from what they should be."""

    def __init__(self, path: Path) -> None:
        """Nothing differs yet."""
        self._path = path
        self._found: dict[tuple[Check, str], list[int]] = defaultdict(list)

    def look(
        self,
        check: Check,
        positions: NDArray[np.int64],
        found: pa.Table,
        expected: pa.Table,
        columns: Sequence[str],
    ) -> None:
        """Compare columns of two tables, one row a position; a few places of each are kept."""
        for name in columns:
            places = places_that_differ(found.column(name), expected.column(name))
            for place in itertools.islice(places, _SHOWN + 1):
                self._found[check, name].append(int(positions[place]))

    def report(self, rows: NDArray[np.int64], findings: Findings) -> None:
        """A line for all columns of a check that differ at the same positions.

        Args:
            rows: `tma_row` of every position.
            findings: Told.
        """
        columns: dict[tuple[Check, tuple[int, ...]], list[str]] = defaultdict(list)
        for (check, name), places in self._found.items():
            columns[check, tuple(places)].append(name)
        for (check, at), names in columns.items():
            where = f"{self._path}: {_listed('position', at)} ({_listed(ROW, rows[list(at)])})"
            findings.add(f"{where}: {', '.join(names)}: {_TOLD[check]}", check)


def _listed(what: str, numbers: Sequence[int] | NDArray[np.int64]) -> str:
    shown = ", ".join(str(number) for number in numbers[:_SHOWN])
    plural = "s" if len(numbers) > 1 and what == "position" else ""
    return f"{what}{plural} {shown}{' and more' if len(numbers) > _SHOWN else ''}"


def row_numbers(files: Sequence[ShardFile], count: int, findings: Findings) -> NDArray[np.int64]:
    """`tma_row` by position, -1 where it cannot be read; positions are counted, rows come once."""
    rows = np.full(count, _UNREAD, dtype=np.int64)
    for file in files:
        differences = Differences(file.path)
        for first, table in file.tables([POSITION, ROW]):
            positions = np.arange(first, first + table.num_rows)
            rows[positions] = table.column(ROW).to_numpy()
            counted = pa.table({POSITION: positions})
            differences.look("positions", positions, table, counted, [POSITION])
        differences.report(rows, findings)
    again = rows != _UNREAD
    again[_first_of_each(rows)] = False
    _tell(files, rows, again, "positions", "came before", findings)
    return rows


def join(
    files: Sequence[ShardFile],
    rows: NDArray[np.int64],
    order: pa.Table | None,
    training: TrainingRows | None,
    findings: Findings,
    memory_bytes: int,
    advance: Advance,
) -> None:
    """Read every row once, and compare it with its row of the order and its training row.

    Args:
        files: By position.
        rows: `tma_row` by position.
        order: The `ORDER` table, None where it is not known.
        training: None where they are not known.
        findings: Told.
        memory_bytes: About how much memory training rows may take.
        advance: Told of rows.
    """
    with contextlib.ExitStack() as stack:
        joined = None
        if training is not None:
            joined = _Joined.of(files, rows, training, findings, memory_bytes, stack)
        for file in files:
            differences = Differences(file.path)
            for first, table in file.tables():
                positions = np.arange(first, first + table.num_rows)
                if order is not None:
                    piece = order.slice(first, table.num_rows)
                    there = table.slice(0, piece.num_rows)
                    differences.look("order", positions, there, piece, ORDER_FIELDS)
                if joined is not None:
                    joined.compare(first, table, differences)
                advance(table.num_rows)
            differences.report(rows, findings)


@dataclass(frozen=True)
class _Joined:
    """Training rows, sorted by the positions that name them.

    Attributes:
        positions: Those that name one, ascending.
        runs: The rows.
    """

    positions: NDArray[np.int64]
    runs: Runs

    @classmethod
    def of(
        cls,
        files: Sequence[ShardFile],
        rows: NDArray[np.int64],
        training: TrainingRows,
        findings: Findings,
        memory_bytes: int,
        stack: contextlib.ExitStack,
    ) -> "_Joined | None":
        """Read the training rows once and sort them; None where they cannot be read."""
        known = np.isin(rows, training.numbers)
        _tell(files, rows, ~known & (rows != _UNREAD), "rows", "is no training row", findings)
        positions = np.intersect1d(_first_of_each(rows), np.flatnonzero(known))
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="tma-prep-")))
        runs = Runs(training.schema, memory_bytes, folder, stack)
        numbers = rows[positions]
        try:
            for places, table in wanted_rows(numbers, training.tables(np.sort(numbers))):
                runs.add(positions[places], table)
            runs.finish()
        except (ArtifactError, InputError) as error:
            findings.add(str(error), "rows")
            return None
        return cls(positions, runs)

    def compare(self, first: int, table: pa.Table, differences: Differences) -> None:
        """The user's columns of shard rows that begin at a position."""
        end = first + table.num_rows
        low, high = np.searchsorted(self.positions, [first, end])
        if low == high:
            return
        named = self.positions[low:high]
        expected = self.runs.rows_at(first, end)
        if len(named) < table.num_rows:
            table = table.take(pa.array(named - first))
        differences.look("rows", named, table, expected, expected.column_names)


def _first_of_each(rows: NDArray[np.int64]) -> NDArray[np.int64]:
    """Positions of rows that no position before them holds."""
    return np.unique(rows, return_index=True)[1]


def _tell(
    files: Sequence[ShardFile],
    rows: NDArray[np.int64],
    wrong: NDArray[np.bool_],
    check: Check,
    what: str,
    findings: Findings,
) -> None:
    """A line for every file that holds positions whose `tma_row` is wrong."""
    for file in files:
        places = file.first + np.flatnonzero(wrong[file.first :][: sum(file.group_rows)])
        if len(places):
            where = f"{_listed('position', places)}: {_listed(ROW, rows[places])}"
            findings.add(f"{file.path}: {where} {what}", check)
