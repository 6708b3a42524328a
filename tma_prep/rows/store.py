"""The row store: every good row of one side as it came in, in Parquet, with its number."""

import functools
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from tma_prep.artifact import EMBED_AGAIN
from tma_prep.durable import file_entry, sync
from tma_prep.errors import ArtifactError
from tma_prep.rows.reader import SampleReader
from tma_prep.rows.sample import Sample
from tma_prep.tables import UNREADABLE, unreadable
from tma_prep.values import rows_of
from tma_prep_schemas import PREFIX, ROW, FileEntry, RowsManifest

_ROWS_A_GROUP = 8192
_BYTES_A_GROUP = 32 << 20
_GROUPS_A_PART = 64
_ROWS_AT_ONCE = 2048


class RowStoreWriter:
    """Writes the parts of a store, in the order of the rows; about one row group is held."""

    def __init__(self, folder: Path, schema: pa.Schema) -> None:
        """Begin.

        Args:
            folder: Where the parts go.
            schema: The user's columns.
        """
        self._folder = folder
        self._schema = schema.append(pa.field(ROW, pa.int64(), nullable=False))
        self._held: list[pa.Table] = []
        self._held_rows = self._held_bytes = self._groups = 0
        self._writer: pq.ParquetWriter | None = None
        self.files: list[FileEntry] = []
        self._rows_of_part = 0

    def write(self, rows: NDArray[np.int64], table: pa.Table) -> None:
        """Take rows in; `rows` are their numbers, ascending, int64 [rows]."""
        self._held.append(pa.table([*table.columns, pa.array(rows)], schema=self._schema))
        self._held_rows += len(rows)
        self._held_bytes += table.nbytes
        if self._held_rows >= _ROWS_A_GROUP or self._held_bytes >= _BYTES_A_GROUP:
            self._write_group()

    def close(self) -> list[FileEntry]:
        """Write what is held, and name every part."""
        self._write_group()
        self._end_part()
        return self.files

    def _write_group(self) -> None:
        if not self._held_rows:
            return
        if self._writer is None:
            self._writer = pq.ParquetWriter(self._path, self._schema, compression="zstd")
        self._writer.write_table(pa.concat_tables(self._held), row_group_size=self._held_rows)
        self._rows_of_part += self._held_rows
        self._held, self._held_rows, self._held_bytes = [], 0, 0
        self._groups += 1
        if self._groups == _GROUPS_A_PART:
            self._end_part()

    def _end_part(self) -> None:
        if self._writer is None:
            return
        self._writer.close()
        sync(self._path)
        self.files.append(file_entry(self._path, self._rows_of_part))
        self._writer, self._groups, self._rows_of_part = None, 0, 0

    @property
    def _path(self) -> Path:
        return self._folder / f"part-{len(self.files):05d}.parquet"


class RowStore:
    """Reads a finished store."""

    def __init__(self, folder: Path, manifest: RowsManifest) -> None:
        """Name it; nothing is read yet."""
        self.folder = folder
        self.manifest = manifest
        self.reader = SampleReader(manifest.layouts)

    @functools.cached_property
    def schema(self) -> pa.Schema:
        """The user's columns, and what their file says of them.

        Raises:
            ArtifactError: The first part cannot be read.
        """
        fields = [field for field in self._written if not field.name.startswith(PREFIX)]
        return pa.schema(fields, self._written.metadata)

    @functools.cached_property
    def _written(self) -> pa.Schema:
        with self._open(self.folder / self.manifest.files[0].file) as first:
            return first.schema_arrow

    def samples(self, rows: NDArray[np.int64] | None = None) -> Iterator[Sample]:
        """Stream samples.

        Args:
            rows: Ascending row numbers, int64; None for every row.

        Raises:
            ArtifactError: A part is damaged, or holds no such row.
        """
        for numbers, table in self._tables(rows, self._there(self.reader.columns)):
            for number, row in zip(numbers.tolist(), rows_of(table), strict=True):
                yield self.reader.read(row, number)

    def batches(self, columns: list[str] | None = None) -> Iterator[tuple[list[Sample], pa.Table]]:
        """Stream every row as samples, some at a time, beside more of its columns.

        Args:
            columns: Names of the columns that the tables hold; none if None.
        """
        meant = self._there(self.reader.columns)
        for numbers, table in self._tables(None, self._there([*meant, *(columns or [])])):
            rows = zip(numbers.tolist(), rows_of(table.select(meant)), strict=True)
            yield [self.reader.read(row, number) for number, row in rows], table

    def tables(self, rows: NDArray[np.int64]) -> Iterator[tuple[NDArray[np.int64], pa.Table]]:
        """Stream the user's own columns.

        Args:
            rows: Ascending row numbers, int64.

        Yields:
            Row numbers, ascending, and their rows as a table of `schema`.

        Raises:
            ArtifactError: A part is damaged, or holds no such row.
        """
        return self._tables(rows, self.schema.names)

    def numbers(self) -> NDArray[np.int64]:
        """`tma_row` of every row, ascending, int64 [rows].

        Raises:
            ArtifactError: A part is damaged.
        """
        return np.concatenate([numbers for numbers, _ in self._tables(None, [])])

    def _there(self, columns: list[str]) -> list[str]:
        names = set(self._written.names)
        return [name for name in dict.fromkeys(columns) if name in names]

    def _tables(
        self, rows: NDArray[np.int64] | None, columns: list[str]
    ) -> Iterator[tuple[NDArray[np.int64], pa.Table]]:
        found = 0
        for entry in self.manifest.files:
            path = self.folder / entry.file
            try:
                for table in self._read(path, rows, columns):
                    numbers = table.column(ROW).to_numpy()
                    if rows is not None:
                        wanted = pa.array(np.isin(numbers, rows, assume_unique=True))
                        table = table.filter(wanted)
                        numbers = numbers[wanted.to_numpy(zero_copy_only=False)]
                    found += len(numbers)
                    if len(numbers):
                        yield numbers, table.drop_columns([ROW])
            except UNREADABLE as error:
                raise unreadable(path, error, EMBED_AGAIN) from error
        expected = self.manifest.rows if rows is None else len(rows)
        if found != expected:
            raise ArtifactError(
                f"{self.folder}: holds {found:,} of {expected:,} rows asked for; {EMBED_AGAIN}"
            )

    def _read(
        self, path: Path, rows: NDArray[np.int64] | None, columns: list[str]
    ) -> Iterator[pa.Table]:
        """Tables of a part, of row groups that hold some of the rows alone."""
        with self._open(path) as file:
            wanted = [*columns, ROW]
            for group in range(file.num_row_groups):
                if rows is not None and not _holds(file.metadata.row_group(group), rows):
                    continue
                # One at a time: a batch over several of them is not bounded in bytes.
                for batch in file.iter_batches(_ROWS_AT_ONCE, row_groups=[group], columns=wanted):
                    yield pa.Table.from_batches([batch]).select(wanted)

    def _open(self, path: Path) -> pq.ParquetFile:
        try:
            return pq.ParquetFile(path)
        except UNREADABLE as error:
            raise unreadable(path, error, EMBED_AGAIN) from error


def _holds(group: pq.RowGroupMetaData, rows: NDArray[np.int64]) -> bool:
    """Whether a row group may hold some of these ascending rows, by the statistics of `tma_row`."""
    statistics = group.column(group.num_columns - 1).statistics
    if statistics is None or not statistics.has_min_max:
        return True
    low, high = np.searchsorted(rows, [statistics.min, statistics.max + 1])
    return bool(low < high)
