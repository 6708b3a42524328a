"""Whole rows of shards against their digest, their own text, the order and the input."""

import contextlib
import itertools
import tempfile
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from tma_prep.errors import InputError
from tma_prep.progress import Advance
from tma_prep.shards import RowsDigest, Runs, canonical, in_one, rows_sha256, wanted_rows
from tma_prep.verify.added_columns import AddedColumns, at_positions, told_broken
from tma_prep.verify.findings import Check, Findings
from tma_prep.verify.reference import Reference
from tma_prep_schemas import ORDER_FIELDS, ROW_ID

_SHOWN = 3


def check_whole_rows(
    added: AddedColumns,
    reference: Reference,
    findings: Findings,
    memory_bytes: int,
    advance: Advance,
) -> None:
    """Read every row once, and compare it with all that is known of it."""
    digest = RowsDigest()
    order = None if reference.order is None else _InOrder(reference.order)
    with contextlib.ExitStack() as stack:
        source = _input_rows(added, reference, findings, memory_bytes, stack)
        for start, file in added.files.items():
            differences = _Differences(file.path)
            on_broken = told_broken(file, start, findings)
            for row, table in file.tables(None, on_broken):
                first = start + row
                digest.add(table)
                if reference.ids is not None:
                    ids = pa.array(reference.ids(table), pa.string())
                    differences.look("text", ROW_ID, first, table.column(ROW_ID), ids)
                if order is not None:
                    _against_order(table, first, order, differences)
                if source is not None:
                    source.compare(table, first, differences)
                advance(table.num_rows)
            differences.report(findings)
    if findings.all_rows:
        found = rows_sha256(digest.finish())
        expected = added.shards.manifest.rows_sha256
        if found != expected:
            findings.add(
                "digest",
                f"{added.shards.path}: its rows in order are not those that were written: their "
                f"digest is {found[:12]}…, and {expected[:12]}… by the manifest",
            )


@dataclass
class _Differences:
    """Where the rows of one file differ from what they should be.

    Attributes:
        path: The file.
        found: Positions by the check and the column; a few of each.
    """

    path: Path
    found: dict[tuple[Check, str], list[int]] = field(default_factory=lambda: defaultdict(list))

    def look(
        self,
        check: Check,
        column: str,
        positions: int | NDArray[np.int64],
        values: pa.ChunkedArray,
        expected: pa.Array | pa.ChunkedArray,
    ) -> None:
        """Compare values with those expected.

        Args:
            check: What this is a part of.
            column: Which column.
            positions: Of each value, or of the first of consecutive ones.
            values: As they stand in the file.
            expected: As many.
        """
        if isinstance(expected, pa.ChunkedArray):
            expected = in_one(expected)
        for place in itertools.islice(_differing(in_one(values), expected), _SHOWN + 1):
            at = positions + place if isinstance(positions, int) else int(positions[place])
            self.found[check, column].append(at)

    def report(self, findings: Findings) -> None:
        """A line for all columns of a check that differ at the same positions."""
        columns: dict[tuple[Check, tuple[int, ...]], list[str]] = defaultdict(list)
        for (check, column), places in self.found.items():
            columns[check, tuple(places)].append(column)
        for (check, at), names in columns.items():
            more = " and more" if len(at) > _SHOWN else ""
            findings.add(
                check,
                f"{self.path}: {at_positions(at[:_SHOWN])}{more}: {', '.join(names)}: "
                f"{_TOLD[check]}",
            )


_TOLD: dict[Check, str] = {
    "text": "not the id of the row's own text",
    "order": "not as in the order",
    "input": "not as in the input row",
}


def _differing(found: pa.Array, expected: pa.Array) -> Iterator[int]:
    """Places at which two arrays differ, ascending, found by halving."""
    if len(found) == len(expected) and _same(found, expected):
        return
    if len(found) <= 1:
        yield 0
        return
    half = len(found) // 2
    yield from _differing(found.slice(0, half), expected.slice(0, half))
    yield from (half + place for place in _differing(found.slice(half), expected.slice(half)))


def _same(found: pa.Array, expected: pa.Array) -> bool:
    """Bit for bit, so that a NaN is itself."""
    pieces = itertools.zip_longest(canonical(found), canonical(expected))
    return all(a is not None and b is not None and bytes(a) == bytes(b) for a, b in pieces)


class _InOrder:
    """A table that comes in pieces, asked for by ascending places."""

    def __init__(self, pieces: Iterator[pa.Table]) -> None:
        self._rest = pieces
        self._held: list[pa.Table] = []
        self._first = self._end = 0

    def between(self, start: int, end: int) -> pa.Table | None:
        """Rows from `start` up to `end`; None where there are not so many."""
        while self._end < end:
            piece = next(self._rest, None)
            if piece is None:
                return None
            self._held.append(piece)
            self._end += piece.num_rows
            while self._held and self._first + self._held[0].num_rows <= start:
                self._first += self._held.pop(0).num_rows
        return pa.concat_tables(self._held).slice(start - self._first, end - start)


def _against_order(table: pa.Table, first: int, order: _InOrder, differences: _Differences) -> None:
    expected = order.between(first, first + table.num_rows)
    if expected is None:
        differences.found["order", "tma_row"].append(first)
        return
    for name in ORDER_FIELDS:
        differences.look("order", name, first, table.column(name), expected.column(name))


@dataclass(frozen=True)
class _InputRows:
    """Rows of the input, sorted by the positions that hold them.

    Attributes:
        positions: Those that have one, ascending.
        runs: The rows.
    """

    positions: NDArray[np.int64]
    runs: Runs

    def compare(self, table: pa.Table, first: int, differences: _Differences) -> None:
        """The user's columns of shard rows that begin at a position."""
        low, high = np.searchsorted(self.positions, [first, first + table.num_rows])
        if low == high:
            return
        positions = self.positions[low:high]
        expected = self.runs.rows_at(first, first + table.num_rows)
        if len(positions) < table.num_rows:
            table = table.take(pa.array(positions - first))
        for name in expected.column_names:
            differences.look("input", name, positions, table.column(name), expected.column(name))


def _input_rows(
    added: AddedColumns,
    reference: Reference,
    findings: Findings,
    memory_bytes: int,
    stack: contextlib.ExitStack,
) -> _InputRows | None:
    """Read the input once and sort it; None where it is not there or cannot be read."""
    if reference.input_rows is None or reference.schema is None or reference.pool is None:
        return None
    positions = added.first_of_each()
    positions = positions[np.isin(added.rows[positions], reference.pool)]
    if not len(positions):
        return None
    numbers = added.rows[positions]
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="tma-prep-")))
    runs = Runs(reference.schema, memory_bytes, folder, stack)
    try:
        for places, table in wanted_rows(numbers, reference.input_rows(np.sort(numbers))):
            runs.add(positions[places], table)
        runs.finish()
    except InputError as error:
        findings.add("input", str(error))
        return None
    return _InputRows(positions, runs)
