"""The embedding store: memory-mapped Arrow parts beside a manifest."""

import functools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Protocol

import numpy as np
import pyarrow as pa
import pyarrow.ipc
from numpy.typing import NDArray

from tma_prep.artifact import EMBED_AGAIN
from tma_prep.durable import sync
from tma_prep.errors import ArtifactError
from tma_prep.rows import RowStore, TextView
from tma_prep.tables import UNREADABLE, read_table, unreadable
from tma_prep_schemas import (
    INSTANCES,
    ROW,
    ROW_ID,
    EmbeddingsManifest,
    embeddings_schema,
)


@dataclass(frozen=True)
class StoredRows:
    """Consecutive rows of a store; all have one entry a row.

    Attributes:
        rows: `tma_row`, ascending.
        ids: `tma_id`.
        names: The row's own `id`, where it has one.
        tasks: Name of the task, where rows name one.
        vectors: float32, shape (rows, d).
        tokens: int64; see `INSTANCES`.
        tokens_read: int64.
        response_cut: bool.
    """

    rows: Sequence[int]
    ids: Sequence[str]
    names: Sequence[str | None]
    tasks: Sequence[str | None]
    vectors: NDArray[np.float32]
    tokens: NDArray[np.int64]
    tokens_read: NDArray[np.int64]
    response_cut: NDArray[np.bool_]

    @property
    def instances(self) -> pa.Table:
        """The rows as a table of `INSTANCES`."""
        columns = [
            *(self.rows, self.names, self.tasks),
            *(self.tokens, self.tokens_read, self.response_cut),
        ]
        return pa.table(columns, schema=INSTANCES)

    @classmethod
    def without_ids(cls, vectors: NDArray[np.float32], instances: pa.Table) -> "StoredRows":
        """Vectors and their `INSTANCES`, with no `tma_id`."""
        return cls(
            rows=instances[ROW].to_pylist(),
            ids=[],
            names=instances["id"].to_pylist(),
            tasks=instances["task"].to_pylist(),
            vectors=vectors,
            tokens=instances["tokens"].to_numpy(),
            tokens_read=instances["tokens_read"].to_numpy(),
            response_cut=instances["response_cut"].to_numpy(),
        )

    @classmethod
    def join(cls, pieces: Sequence["StoredRows"]) -> "StoredRows":
        """All rows of several, in order."""
        return cls(
            rows=[row for piece in pieces for row in piece.rows],
            ids=[text for piece in pieces for text in piece.ids],
            names=[name for piece in pieces for name in piece.names],
            tasks=[task for piece in pieces for task in piece.tasks],
            vectors=np.concatenate([piece.vectors for piece in pieces]),
            tokens=np.concatenate([piece.tokens for piece in pieces]),
            tokens_read=np.concatenate([piece.tokens_read for piece in pieces]),
            response_cut=np.concatenate([piece.response_cut for piece in pieces]),
        )

    def piece(self, start: int, stop: int) -> "StoredRows":
        """Some of them."""
        return StoredRows(
            **{field.name: getattr(self, field.name)[start:stop] for field in fields(self)}
        )


class TakesRows(Protocol):
    """Rows that have their vectors already."""

    def take_rows(self, places: NDArray[np.int64]) -> StoredRows:
        """Rows by their ascending places in the store, without their ids."""


def part_name(number: int) -> str:
    """File name of a part."""
    return f"part-{number:05d}.arrow"


def write_part(path: Path, rows: StoredRows) -> None:
    """Write one part, synced."""
    schema = embeddings_schema(rows.vectors.shape[1])
    flat = pa.array(np.ascontiguousarray(rows.vectors).reshape(-1))
    batch = pa.record_batch(
        [
            pa.array(rows.rows, pa.int64()),
            pa.array(rows.ids, pa.string()),
            pa.FixedSizeListArray.from_arrays(flat, type=schema.field("embedding").type),
        ],
        schema=schema,
    )
    with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_file(sink, schema) as writer:
        writer.write_batch(batch)
    sync(path)


def map_part(path: Path) -> tuple[pa.Schema, list[pa.RecordBatch]]:
    """The schema and the mapped batches of a part.

    Raises:
        ArtifactError: It is no Arrow file.
    """
    try:
        with pa.ipc.open_file(pa.memory_map(str(path))) as reader:
            batches = [reader.get_batch(i) for i in range(reader.num_record_batches)]
        for batch in batches:
            batch.validate(full=True)
    except UNREADABLE as error:
        raise unreadable(path, error, EMBED_AGAIN) from error
    return reader.schema, batches


def vectors_of(batch: pa.RecordBatch) -> NDArray[np.float32]:
    """The vectors of a mapped batch, shape (rows, d), not copied."""
    column = batch.column("embedding")
    flat: NDArray[np.float32] = column.flatten().to_numpy(zero_copy_only=True)
    return flat.reshape(-1, column.type.list_size)


class EmbeddingStore:
    """Reads a finished store without copying it; satisfies `neighbors.VectorRows`."""

    def __init__(self, folder: Path, manifest: EmbeddingsManifest, row_store: RowStore) -> None:
        """Map the parts.

        Args:
            folder: Where they lie.
            manifest: What they must hold.
            row_store: The rows that were embedded.

        Raises:
            ArtifactError: A part does not hold what the manifest says.
        """
        self.manifest = manifest
        self.row_store = row_store
        self._instances = folder / manifest.instances.file
        self._batches: list[pa.RecordBatch] = []
        self._slices: list[NDArray[np.float32]] = []
        expected = embeddings_schema(manifest.dimension)
        for entry in manifest.files:
            path = folder / entry.file
            schema, batches = map_part(path)
            rows = sum(batch.num_rows for batch in batches)
            if not schema.equals(expected) or rows != entry.rows:
                raise ArtifactError(f"{path}: is not the part the manifest lists; run embed again")
            for batch in batches:
                self._slices.append(vectors_of(batch))
                self._batches.append(batch)
        self._starts = np.cumsum([0, *map(len, self._slices)])[:-1]

    @property
    def view(self) -> TextView:
        """What of its rows was embedded."""
        return TextView(self.manifest.config["exchange"], self.manifest.config["text"])  # type: ignore[arg-type]

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and components."""
        return (self.manifest.rows, self.manifest.dimension)

    @property
    def rows(self) -> NDArray[np.int64]:
        """`tma_row` of every stored row, ascending."""
        return np.concatenate([batch.column(ROW).to_numpy() for batch in self._batches])

    @property
    def ids(self) -> pa.ChunkedArray:
        """`tma_id` of every stored row."""
        return pa.chunked_array([batch.column(ROW_ID) for batch in self._batches], pa.string())

    def instances(self, *columns: str) -> pa.Table:
        """These columns of `INSTANCES`, one row a stored row; all if none is named."""
        return read_table(
            self._instances, INSTANCES, *columns, remedy=EMBED_AGAIN, rows=self.manifest.rows
        )

    def take_rows(self, places: NDArray[np.int64]) -> StoredRows:
        """See `TakesRows`."""
        return StoredRows.without_ids(self.take(places), self._all_instances.take(pa.array(places)))

    @functools.cached_property
    def _all_instances(self) -> pa.Table:
        return self.instances()

    def slices(self) -> Iterator[NDArray[np.float32]]:
        """All vectors in order, as mapped arrays."""
        return iter(self._slices)

    def array(self) -> NDArray[np.float32]:
        """A copy of all vectors, for a side that is known to be small."""
        return np.concatenate(self._slices)

    def take(self, rows: NDArray[np.int64]) -> NDArray[np.float32]:
        """Copy of the vectors at these places, shape (len(rows), d)."""
        if len(self._slices) == 1:
            return self._slices[0][rows]
        taken = np.empty((len(rows), self.manifest.dimension), dtype=np.float32)
        by_part = np.argsort(rows, kind="stable")
        ends = np.searchsorted(rows[by_part], [*self._starts[1:], self.manifest.rows])
        begin = 0
        for part, end in enumerate(ends):
            if begin < end:
                mine = by_part[begin:end]
                taken[mine] = self._slices[part][rows[mine] - self._starts[part]]
            begin = end
        return taken
