"""Gather the user's rows into the order, in bounded memory, and write them as Parquet shards.

The input is read once, front to back. Each row goes to the bucket of its place in the order; a
bucket is a run of whole row groups, small enough to be sorted in memory. With more than one bucket
they are spilled to disk beside the shards.
"""

import contextlib
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.ipc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from tma_prep.artifacts import file_entry, sync
from tma_prep.errors import InputError
from tma_prep_schemas import ROW, SHARD_FIELDS, FileEntry

ROWS_PER_GROUP = 8192
"""Rows of a Parquet row group; fixed, so that no memory setting changes a shard's bytes."""

_MOST_BUCKET_BYTES = 1 << 30  # Arrow's `string` holds 2 GiB, and a bucket is taken in one piece


def shard_name(number: int, count: int) -> str:
    """File name of a shard; zero-padded, so that sorting by name is sorting by position."""
    return f"part-{number:05d}-of-{count:05d}.parquet"


@dataclass(frozen=True)
class _Group:
    """A row group: positions `start` to `stop` of the order, in shard `shard`."""

    shard: int
    start: int
    stop: int


def write_shards(
    folder: Path,
    order: pa.Table,
    rows: Iterator[tuple[NDArray[np.int64], pa.Table]],
    schema: pa.Schema,
    *,
    rows_per_shard: int,
    input_bytes: int,
    memory_bytes: int,
    on_written: Callable[[int], None] = lambda _: None,
) -> list[FileEntry]:
    """Write the ordered rows.

    Args:
        folder: An existing, empty folder.
        order: The `ORDER` table, by position.
        rows: The user's rows: their `tma_row`, ascending over the whole stream, and a table.
        schema: The user's columns.
        rows_per_shard: Rows of every shard but the last.
        input_bytes: About how large the rows are in memory.
        memory_bytes: About how much memory may be used.
        on_written: Told how many more rows are written.

    Raises:
        InputError: A row of the order did not come.
    """
    groups = _groups(order.num_rows, rows_per_shard)
    buckets = _buckets(groups, order.num_rows, input_bytes, memory_bytes)
    numbers = order.column(ROW).to_numpy()
    position_by_row = np.argsort(numbers, kind="stable")
    sorted_rows = numbers[position_by_row]
    edges = np.array([bucket[0].start for bucket in buckets[1:]], dtype=np.int64)
    with contextlib.ExitStack() as stack:
        spill = _Spill(len(buckets), folder, stack)
        for found, table in rows:
            places = np.searchsorted(sorted_rows, found)
            places[places == len(sorted_rows)] = 0
            ordered = sorted_rows[places] == found
            positions = np.where(ordered, position_by_row[places], -1)
            bucket_of_row = np.where(ordered, np.searchsorted(edges, positions, "right"), -1)
            for bucket in np.unique(bucket_of_row[ordered]):
                mine = np.flatnonzero(bucket_of_row == bucket)
                spill.add(int(bucket), positions[mine], table.take(pa.array(mine)))
        files = _ShardFiles(
            folder,
            pa.schema([*schema, *SHARD_FIELDS], schema.metadata),
            count=groups[-1].shard + 1,
        )
        return _write_buckets(files, order, schema, buckets, spill, on_written)


def _groups(rows: int, rows_per_shard: int) -> list[_Group]:
    return [
        _Group(shard, start, min(start + ROWS_PER_GROUP, rows, (shard + 1) * rows_per_shard))
        for shard in range(-(-rows // rows_per_shard))
        for start in range(
            shard * rows_per_shard, min((shard + 1) * rows_per_shard, rows), ROWS_PER_GROUP
        )
    ]


def _buckets(
    groups: Sequence[_Group], rows: int, input_bytes: int, memory_bytes: int
) -> list[list[_Group]]:
    """Runs of row groups of about equal rows, each small enough to be held and copied once."""
    bucket_bytes = max(1, min(memory_bytes // 3, _MOST_BUCKET_BYTES))
    count = min(len(groups), -(-input_bytes // bucket_bytes) or 1)
    rows_per_bucket = -(-rows // count)
    buckets: list[list[_Group]] = []
    for group in groups:
        if not buckets or group.stop - buckets[-1][0].start > rows_per_bucket:
            buckets.append([])
        buckets[-1].append(group)
    return buckets


class _Spill:
    """Rows by bucket: in memory if there is one bucket, else in Arrow files that go away."""

    def __init__(self, buckets: int, folder: Path, stack: contextlib.ExitStack) -> None:
        self._positions: list[list[NDArray[np.int64]]] = [[] for _ in range(buckets)]
        self._tables: list[pa.Table] = []
        self._stack = stack
        self._folder: Path | None = None
        self._writers: dict[int, pa.ipc.RecordBatchStreamWriter] = {}
        if buckets > 1:
            self._folder = Path(
                stack.enter_context(tempfile.TemporaryDirectory(prefix=".spill-", dir=folder))
            )

    def add(self, bucket: int, positions: NDArray[np.int64], table: pa.Table) -> None:
        self._positions[bucket].append(positions)
        if self._folder is None:
            self._tables.append(table)
            return
        if bucket not in self._writers:
            sink = self._stack.enter_context(pa.OSFile(str(self._folder / str(bucket)), "wb"))
            self._writers[bucket] = self._stack.enter_context(pa.ipc.new_stream(sink, table.schema))
        self._writers[bucket].write_table(table)

    def bucket(self, bucket: int, schema: pa.Schema) -> tuple[NDArray[np.int64], pa.Table]:
        """Positions and rows of one bucket, as they came."""
        positions = np.concatenate([np.empty(0, np.int64), *self._positions[bucket]])
        if self._folder is None:
            table = pa.concat_tables([schema.empty_table(), *self._tables])
            self._tables = []
        elif bucket in self._writers:
            self._writers[bucket].close()
            with pa.OSFile(str(self._folder / str(bucket))) as source:
                table = pa.ipc.open_stream(source).read_all()
            (self._folder / str(bucket)).unlink()
        else:
            table = schema.empty_table()
        return positions, table


def _write_buckets(
    files: "_ShardFiles",
    order: pa.Table,
    schema: pa.Schema,
    buckets: Sequence[Sequence[_Group]],
    spill: _Spill,
    on_written: Callable[[int], None],
) -> list[FileEntry]:
    for number, bucket in enumerate(buckets):
        positions, table = spill.bucket(number, schema)
        if len(positions) != bucket[-1].stop - bucket[0].start:
            raise InputError(
                f"{len(positions)} of {bucket[-1].stop - bucket[0].start} rows came back from the "
                "input; it has changed since it was embedded: run embed again"
            )
        place_by_position = np.argsort(positions)
        for group in bucket:
            here = slice(group.start - bucket[0].start, group.stop - bucket[0].start)
            taken = table.take(pa.array(place_by_position[here]))
            added = order.slice(group.start, group.stop - group.start)
            files.write(group.shard, taken, added)
            on_written(taken.num_rows)
    return files.finish()


class _ShardFiles:
    """The shards, opened one after the other."""

    def __init__(self, folder: Path, schema: pa.Schema, count: int) -> None:
        self._folder = folder
        self._schema = schema
        self._count = count
        self._writer: pq.ParquetWriter | None = None
        self._rows = 0
        self._entries: list[FileEntry] = []

    def write(self, shard: int, rows: pa.Table, added: pa.Table) -> None:
        """Append a row group: the user's columns, then tma-prep's own."""
        if shard > len(self._entries):
            self.finish()
        if self._writer is None:
            self._writer = pq.ParquetWriter(
                self._folder / shard_name(shard, self._count), self._schema, compression="zstd"
            )
        columns = [*rows.columns, *(added.column(field.name) for field in SHARD_FIELDS)]
        table = pa.table(columns, schema=self._schema)
        self._writer.write_table(table, row_group_size=ROWS_PER_GROUP)
        self._rows += table.num_rows

    def finish(self) -> list[FileEntry]:
        """Close the shard that is open, and list all."""
        if self._writer is not None:
            self._writer.close()
            path = self._folder / shard_name(len(self._entries), self._count)
            sync(path)
            self._entries.append(file_entry(path, self._rows))
            self._writer, self._rows = None, 0
        return self._entries
