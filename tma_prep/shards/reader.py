"""A finished folder of shards, and its rows by position: one row group at a time, verified."""

import bisect
import contextlib
import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from tma_prep.artifact import MANIFEST, read_manifest
from tma_prep.durable import sha256_of
from tma_prep.errors import ArtifactError, OptionError, OrderError
from tma_prep.tables import UNREADABLE, unreadable
from tma_prep.values import rows_of
from tma_prep.workspace import Workspace
from tma_prep_schemas import POSITION, ShardsManifest


@dataclass(frozen=True)
class ShardFolder:
    """Shards of one order, with what their manifest says; nothing of it is checked yet.

    Attributes:
        path: The folder, `WORK/shards/NAME` or a copy of it.
        manifest: Read from it.
    """

    path: Path
    manifest: ShardsManifest

    @property
    def sha256(self) -> str:
        """Of its manifest, as what is made from it names it."""
        return sha256_of(self.path / MANIFEST)

    @property
    def files(self) -> list[Path]:
        """The Parquet files, by position."""
        return [self.path / entry.file for entry in self.manifest.files]

    @property
    def rows(self) -> int:
        """Rows of all of them; their positions count from 0 to here."""
        return sum(entry.rows for entry in self.manifest.files)

    @property
    def first_positions(self) -> list[int]:
        """`tma_position` of the first row of each file."""
        counts = [entry.rows for entry in self.manifest.files]
        return list(itertools.accumulate(counts, initial=0))[:-1]


def open_shards(path: Path) -> ShardFolder:
    """The shards of a folder.

    Raises:
        ArtifactError: There are none, or their manifest is damaged.
    """
    manifest = read_manifest(path / MANIFEST, ShardsManifest)
    if manifest is None:
        raise ArtifactError(
            f"{path}: holds no finished shards (no {MANIFEST}); name a folder that "
            "tma-prep arrange wrote, WORK/shards/NAME"
        )
    return ShardFolder(path, manifest)


def shards_of(work: Path, name: str | None) -> ShardFolder:
    """The shards of a workspace by name; where it holds one order only, that one.

    Raises:
        ArtifactError: There are none, or none of that name.
    """
    workspace = Workspace(work)
    present = workspace.names("shards")
    if name is None and len(present) == 1:
        name = present[0]
    if name in present:
        return open_shards(workspace.shards(str(name)).folder)
    held = f"it holds {', '.join(present)}" if present else "it holds none; run tma-prep arrange"
    asked = f"no shards named {name}" if name is not None else "several orders: name one"
    raise ArtifactError(f"{work}: {asked if present or name else 'no shards'}; {held}")


Row = dict[str, object]
"""Every column of one row, by name."""

_REMEDY = "tma-prep verify names all that is wrong; arrange writes the shards again"


class ShardReader(contextlib.AbstractContextManager["ShardReader"]):
    """Reads rows by position; what lies before them is skipped by metadata alone.

    Whatever is read has the `tma_position` that belongs there.
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
        self._source: pq.ParquetFile | None = None
        self._number = -1
        self._first_rows: list[int] = []
        self._group: pa.Table | None = None
        self._first = 0
        self._columns = [POSITION]
        known = self._open(0).schema_arrow.names
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
            piece = self._group_of(start).slice(start - self._first, stop - start)
            found += rows_of(piece)
            start += piece.num_rows
        return found

    def close(self) -> None:
        """Close the open file and let go of its rows."""
        if self._source is not None:
            self._source.close()
        self._source = self._group = None

    def __exit__(self, *_: object) -> None:
        """Close it."""
        self.close()

    def _group_of(self, position: int) -> pa.Table:
        """The row group that holds a position; `_first` is that of its first row."""
        if self._group is not None and 0 <= position - self._first < self._group.num_rows:
            return self._group
        self._group = None  # Never two of them in memory.
        firsts = self._folder.first_positions
        number = bisect.bisect_right(firsts, position) - 1
        if self._source is None or self._number != number:
            self.close()
            self._source, self._number = self._open(number), number
            self._first_rows = _first_rows(self._source)
        path, first_rows = self._folder.files[number], self._first_rows
        place = bisect.bisect_right(first_rows, position - firsts[number]) - 1
        try:
            # Threads of Arrow's are no use in a worker process of a DataLoader.
            table = self._source.read_row_group(place, columns=self._columns, use_threads=False)
            table.validate(full=True)
            rows = first_rows[place + 1] - first_rows[place]
            if table.num_rows != rows:
                raise ValueError(f"a row group has {table.num_rows} rows, not {rows}")
        except UNREADABLE as error:
            raise unreadable(path, error, _REMEDY) from error
        self._first = firsts[number] + first_rows[place]
        _check_positions(table, self._first, path, first_rows[place])
        self._group = table.select(self._columns)
        return self._group

    def _open(self, number: int) -> pq.ParquetFile:
        path, rows = self._folder.files[number], self._folder.manifest.files[number].rows
        try:
            source = pq.ParquetFile(path)
            names = source.schema_arrow.names
        except FileNotFoundError as error:
            raise ArtifactError(f"{path}: the manifest names it, but it is gone") from error
        except UNREADABLE as error:
            raise unreadable(path, error, _REMEDY) from error
        wrong = [f"column {name} is missing" for name in self._columns if name not in names]
        found = _first_rows(source)[-1]
        if found != rows:
            wrong.append(f"it has {found} rows, and {rows} by the manifest")
        if wrong:
            source.close()
            raise ArtifactError(f"{path}: {wrong[0]}; {_REMEDY}")
        return source


def _first_rows(source: pq.ParquetFile) -> list[int]:
    """Row of the file that each row group begins with, and the file's rows."""
    metadata = source.metadata
    counts = (metadata.row_group(group).num_rows for group in range(metadata.num_row_groups))
    return list(accumulate(counts, initial=0))


def _check_positions(table: pa.Table, first: int, path: Path, first_row: int) -> None:
    found = table.column(POSITION).to_numpy()
    wrong = np.flatnonzero(found != np.arange(first, first + len(found)))
    if len(wrong):
        place = int(wrong[0])
        raise OrderError(
            f"{path}: row {first_row + place} has {POSITION} {found[place]}, and "
            f"{first + place} belongs there; {_REMEDY}"
        )
