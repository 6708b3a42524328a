"""The join: every row of shards is, bit for bit, the training row that the order names there."""

import contextlib
import itertools
import tempfile
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tma_prep.errors import ArtifactError, InputError
from tma_prep.progress import Advance
from tma_prep.shards import Runs, wanted_rows
from tma_prep.tables import Ints, Mask
from tma_prep.values import items_of
from tma_prep.verify.files import ShardFile
from tma_prep.verify.findings import Check, Findings
from tma_prep_schemas import POSITION, ROW

_BITS = {16: pa.int16(), 32: pa.int32(), 64: pa.int64()}
_LISTS = (
    pa.ListType,
    pa.LargeListType,
    pa.FixedSizeListType,
    pa.ListViewType,
    pa.LargeListViewType,
)


def places_that_differ(
    found: pa.ChunkedArray | pa.Array, expected: pa.ChunkedArray | pa.Array
) -> Iterator[int]:
    """Places at which two columns of the same length differ, ascending, found by halving.

    A NaN is equal to itself, 0.0 is not -0.0, and a dictionary is the values that it stands for.
    """
    yield from _differing(_in_one(found), _in_one(expected), 0)


def _in_one(column: pa.ChunkedArray | pa.Array) -> pa.Array:
    """A column as one array; Arrow would copy even one chunk to combine it."""
    if isinstance(column, pa.Array):
        return column
    return column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()


def _differing(a: pa.Array, b: pa.Array, first: int) -> Iterator[int]:
    if _same(a, b):
        return
    if len(a) <= 1:
        yield first
        return
    half = len(a) // 2
    yield from _differing(a.slice(0, half), b.slice(0, half), first)
    yield from _differing(a.slice(half), b.slice(half), first + half)


def _same(a: pa.Array, b: pa.Array) -> bool:
    """Arrow's own comparison, with numbers of floating point compared as integers at any depth."""
    a, b = _plain(a), _plain(b)
    kind = a.type
    if pa.types.is_floating(kind):
        bits = _BITS[kind.bit_width]
        return bool(a.view(bits).equals(b.view(bits)))
    if pa.types.is_struct(kind):
        fields = zip(a.flatten(), b.flatten(), strict=True)
        return a.is_null().equals(b.is_null()) and all(_same(*pair) for pair in fields)
    if isinstance(kind, _LISTS):
        lengths = pc.list_value_length(a), pc.list_value_length(b)
        return lengths[0].equals(lengths[1]) and _same(items_of(a), items_of(b))
    return bool(a.equals(b))


def _plain(array: pa.Array) -> pa.Array:
    """The values of an extension or a dictionary, and of maps lists of pairs."""
    if isinstance(array, pa.ExtensionArray):
        return _plain(array.storage)
    if pa.types.is_dictionary(array.type):
        return array.dictionary_decode()
    if pa.types.is_map(array.type):
        # Of a part of a map array, Arrow gives the keys and items of all.
        return array.cast(pa.list_(pa.struct([array.type.key_field, array.type.item_field])))
    return array


_SHOWN = 3
_UNREAD = np.iinfo(np.int64).min
_TOLD: dict[Check, str] = {
    "positions": "not the position of the row",
    "order": "not as in the order",
    "ranking": "not what its options make of its ranking",
    "rows": "not as in the training rows",
}

RowStream = Iterator[tuple[Ints, pa.Table]]


@dataclass(frozen=True)
class TrainingRows:
    """What shards were made of: columns, every `tma_row`, ascending, and how to read rows."""

    schema: pa.Schema
    numbers: Ints
    tables: Callable[[Ints], RowStream]


class Differences:
    """Where the rows of one file differ from what they should be."""

    def __init__(self, path: Path) -> None:
        """Nothing differs yet."""
        self._path = path
        self._found: dict[tuple[Check, str], list[int]] = defaultdict(list)

    def look(self, check: Check, positions: Ints, found: pa.Table, expected: pa.Table) -> None:
        """Compare the columns of `expected`, one row a position; a few places of each are kept."""
        for name in expected.column_names:
            places = places_that_differ(found.column(name), expected.column(name))
            for place in itertools.islice(places, _SHOWN + 1):
                self._found[check, name].append(int(positions[place]))

    def report(self, rows: Ints, findings: Findings) -> None:
        """A line for all columns of a check that differ at the same positions.

        `rows` are the `tma_row` of every position.
        """
        columns: dict[tuple[Check, tuple[int, ...]], list[str]] = defaultdict(list)
        for (check, name), places in self._found.items():
            columns[check, tuple(places)].append(name)
        for (check, at), names in columns.items():
            where = f"{self._path}: {_listed('position', at)} ({_listed(ROW, rows[list(at)])})"
            findings.add(f"{where}: {', '.join(names)}: {_TOLD[check]}", check)


def _listed(what: str, numbers: Sequence[int] | Ints) -> str:
    shown = ", ".join(str(number) for number in numbers[:_SHOWN])
    plural = "s" if len(numbers) > 1 and what == "position" else ""
    return f"{what}{plural} {shown}{' and more' if len(numbers) > _SHOWN else ''}"


class Join:
    """The rows of files that are open, by position; whatever is wrong with them is a finding.

    Attributes:
        rows: `tma_row` by position, `_UNREAD` where it cannot be read.
    """

    def __init__(self, files: Sequence[ShardFile], count: int, findings: Findings) -> None:
        """Read positions and row numbers: positions are counted, and no row comes twice.

        `files` stand by position, and hold `count` rows in all.
        """
        self._files = files
        self._findings = findings
        self.rows = np.full(count, _UNREAD, dtype=np.int64)
        for file in files:
            differences = Differences(file.path)
            for first, table in file.tables([POSITION, ROW]):
                positions = np.arange(first, first + table.num_rows)
                self.rows[positions] = table.column(ROW).to_numpy()
                counted = pa.table({POSITION: positions})
                differences.look("positions", positions, table, counted)
            differences.report(self.rows, findings)
        self._first = np.zeros(count, dtype=bool)
        self._first[np.unique(self.rows, return_index=True)[1]] = True
        again = ~self._first & (self.rows != _UNREAD)
        self._tell(again, "positions", "came before")

    def compare(
        self,
        order: pa.Table | None,
        training: TrainingRows | None,
        memory_bytes: int,
        advance: Advance,
    ) -> None:
        """Read every row once, and hold it against its row of the order and its training row.

        Either may be not known; training rows take about `memory_bytes` of memory.
        """
        with contextlib.ExitStack() as stack:
            joined = None if training is None else self._joined(training, memory_bytes, stack)
            for file in self._files:
                differences = Differences(file.path)
                for first, table in file.tables():
                    positions = np.arange(first, first + table.num_rows)
                    if order is not None:
                        piece = order.slice(first, table.num_rows)
                        differences.look("order", positions, table.slice(0, len(piece)), piece)
                    if joined is not None:
                        is_joined, runs = joined
                        named = positions[is_joined[positions]]
                        if len(named):
                            expected = runs.rows_at(first, first + table.num_rows)
                            there = table.filter(pa.array(is_joined[positions]))
                            differences.look("rows", named, there, expected)
                    advance(table.num_rows)
                differences.report(self.rows, self._findings)

    def _joined(
        self, training: TrainingRows, memory_bytes: int, stack: contextlib.ExitStack
    ) -> tuple[Mask, Runs] | None:
        """Training rows sorted by the positions that name them, and a mask of these positions."""
        known = np.isin(self.rows, training.numbers)
        self._tell(~known & (self.rows != _UNREAD), "rows", "is no training row")
        joined = self._first & known
        positions, numbers = np.flatnonzero(joined), self.rows[joined]
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="tma-prep-")))
        runs = Runs(training.schema, memory_bytes, folder, stack)
        try:
            for places, table in wanted_rows(numbers, training.tables(np.sort(numbers))):
                runs.add(positions[places], table)
        except (ArtifactError, InputError) as error:
            self._findings.add(str(error), "rows")
            return None
        runs.finish()
        return joined, runs

    def _tell(self, wrong: Mask, check: Check, what: str) -> None:
        """A line for every file that holds positions whose `tma_row` is wrong."""
        for file in self._files:
            places = file.first + np.flatnonzero(wrong[file.first :][: sum(file.group_rows)])
            if len(places):
                where = f"{_listed('position', places)}: {_listed(ROW, self.rows[places])}"
                self._findings.add(f"{file.path}: {where} {what}", check)
