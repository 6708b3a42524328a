"""Rows of shards by their positions, one open file and one row group at a time, verified."""

import bisect
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from tma_prep.errors import ArtifactError, OptionError, OrderError
from tma_prep.shards.folder import ShardFolder
from tma_prep.tables import UNREADABLE, unreadable
from tma_prep.values import rows_of
from tma_prep_schemas import POSITION

Row = dict[str, object]
"""Every column of one row, by name."""

_REMEDY = "tma-prep verify names all that is wrong; arrange writes the shards again"


@dataclass(frozen=True)
class _OpenFile:
    """A shard that is open.

    Attributes:
        number: Its place among the files of the folder.
        source: To read from.
        first_rows: Row of the file that each row group begins with, and the file's rows.
    """

    number: int
    source: pq.ParquetFile
    first_rows: list[int]


@dataclass(frozen=True)
class _Group:
    """A row group that was read.

    Attributes:
        first: `tma_position` of its first row.
        table: Its rows.
    """

    first: int
    table: pa.Table

    def holds(self, position: int) -> bool:
        """Whether the row of this position is among them."""
        return position in range(self.first, self.first + self.table.num_rows)


class ShardReader:
    """Reads rows by position; what lies before them is skipped by metadata alone.

    A context manager. Whatever is read has the `tma_position` that belongs there.
    """

    def __init__(self, folder: ShardFolder, columns: Sequence[str] | None = None) -> None:
        """Look at the first file.

        Args:
            folder: The shards.
            columns: Columns to read, all of them if None. `tma_position` is always among them.

        Raises:
            OptionError: There is no such column.
            ArtifactError: The first file is missing or cannot be read.
        """
        self._folder = folder
        self._file: _OpenFile | None = None
        self._group: _Group | None = None
        known = self._open(0).source.schema_arrow.names
        self.close()
        for name in columns or ():
            if name not in known:
                raise OptionError(f"{folder.path}: no column {name!r}; it has {', '.join(known)}")
        self._columns = known if columns is None else list(dict.fromkeys([*columns, POSITION]))

    def rows(self, start: int, stop: int) -> list[Row]:
        """The rows of the positions from `start` up to, not including, `stop`.

        JSON is decoded, and a date, time or duration that Python cannot hold is text.

        Raises:
            OrderError: Another row lies where one of them belongs; names file and row.
            ArtifactError: A shard is missing, cannot be read or is not what the manifest says.
        """
        found: list[Row] = []
        while start < stop:
            group = self._group_of(start)
            piece = group.table.slice(start - group.first, stop - start)
            found += rows_of(piece)
            start += piece.num_rows
        return found

    def close(self) -> None:
        """Close the open file and let go of its rows."""
        if self._file is not None:
            self._file.source.close()
        self._file = self._group = None

    def __enter__(self) -> Self:
        """The reader itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Close it."""
        self.close()

    def _group_of(self, position: int) -> _Group:
        if self._group is None or not self._group.holds(position):
            self._group = None  # Never two of them in memory.
            self._group = self._read_group(position)
        return self._group

    def _read_group(self, position: int) -> _Group:
        firsts = self._folder.first_positions
        number = bisect.bisect_right(firsts, position) - 1
        if self._file is None or self._file.number != number:
            self.close()
            self._file = self._open(number)
        path = self._folder.files[number]
        row = position - firsts[number]
        group = bisect.bisect_right(self._file.first_rows, row) - 1
        first_row = self._file.first_rows[group]
        try:
            # Threads of Arrow's are no use in a worker process of a DataLoader.
            table = self._file.source.read_row_group(
                group, columns=self._columns, use_threads=False
            )
            table.validate(full=True)
            rows = self._file.first_rows[group + 1] - first_row
            if table.num_rows != rows:
                raise ValueError(f"a row group has {table.num_rows} rows, not {rows}")
        except UNREADABLE as error:
            raise unreadable(path, error, _REMEDY) from error
        first = firsts[number] + first_row
        _check_positions(table, first, path, first_row)
        return _Group(first, table.select(self._columns))

    def _open(self, number: int) -> _OpenFile:
        path, entry = self._folder.files[number], self._folder.manifest.files[number]
        try:
            source = pq.ParquetFile(path)
            metadata, names = source.metadata, source.schema_arrow.names
        except FileNotFoundError as error:
            raise ArtifactError(f"{path}: the manifest names it, but it is gone") from error
        except UNREADABLE as error:
            raise unreadable(path, error, _REMEDY) from error
        counts = [metadata.row_group(group).num_rows for group in range(metadata.num_row_groups)]
        wanted = getattr(self, "_columns", [POSITION])
        wrong = [f"column {name} is missing" for name in wanted if name not in names]
        if sum(counts) != entry.rows:
            wrong.append(f"it has {sum(counts)} rows, and {entry.rows} by the manifest")
        if wrong:
            source.close()
            raise ArtifactError(f"{path}: {wrong[0]}; {_REMEDY}")
        return _OpenFile(number, source, list(accumulate(counts, initial=0)))


def _check_positions(table: pa.Table, first: int, path: Path, first_row: int) -> None:
    found = table.column(POSITION).to_numpy()
    wrong = np.flatnonzero(found != np.arange(first, first + len(found)))
    if len(wrong):
        place = int(wrong[0])
        raise OrderError(
            f"{path}: row {first_row + place} has {POSITION} {found[place]}, and "
            f"{first + place} belongs there; {_REMEDY}"
        )
