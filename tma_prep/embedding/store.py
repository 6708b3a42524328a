"""The embedding store: memory-mapped Arrow parts beside a manifest."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.ipc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from tma_prep.artifacts import file_entry, sync
from tma_prep.errors import ArtifactError
from tma_prep_schemas import (
    INSTANCES,
    ROW,
    ROW_ID,
    EmbeddingsManifest,
    FileEntry,
    embeddings_schema,
)


class StoreWriter:
    """Writes parts of a fixed number of rows; the last may be shorter."""

    def __init__(self, folder: Path, rows_per_part: int) -> None:
        """Write into an existing folder."""
        self._folder = folder
        self._rows_per_part = rows_per_part
        self._rows: list[int] = []
        self._ids: list[str] = []
        self._vectors: list[NDArray[np.float32]] = []
        self.files: list[FileEntry] = []

    def add(self, rows: Sequence[int], ids: Sequence[str], vectors: NDArray[np.float32]) -> None:
        """Append rows; shape of `vectors` is (len(rows), d)."""
        self._rows += rows
        self._ids += ids
        self._vectors.append(vectors)
        while len(self._rows) >= self._rows_per_part:
            self._write(self._rows_per_part)

    def finish(self) -> list[FileEntry]:
        """Write what is left, and list the parts."""
        if self._rows:
            self._write(len(self._rows))
        return self.files

    def _write(self, count: int) -> None:
        vectors = np.concatenate(self._vectors)
        schema = embeddings_schema(vectors.shape[1])
        flat = pa.array(np.ascontiguousarray(vectors[:count]).reshape(-1))
        batch = pa.record_batch(
            [
                pa.array(self._rows[:count], pa.int64()),
                pa.array(self._ids[:count], pa.string()),
                pa.FixedSizeListArray.from_arrays(flat, type=schema.field("embedding").type),
            ],
            schema=schema,
        )
        path = self._folder / f"part-{len(self.files):05d}.arrow"
        with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_file(sink, schema) as writer:
            writer.write_batch(batch)
        sync(path)
        self.files.append(file_entry(path, count))
        self._rows, self._ids = self._rows[count:], self._ids[count:]
        self._vectors = [vectors[count:]]


class InstanceWriter:
    """Writes what later steps need of each row beside its vector; see `INSTANCES`."""

    def __init__(self, folder: Path) -> None:
        """Write into an existing folder."""
        self._path = folder / "instances.parquet"
        self._writer = pq.ParquetWriter(self._path, INSTANCES, compression="zstd")
        self._rows = 0

    def add(
        self,
        rows: Sequence[int],
        ids: Sequence[str | None],
        tasks: Sequence[str | None],
        tokens: Sequence[int],
    ) -> None:
        """Append rows, as a row group."""
        self._writer.write_table(pa.table([rows, ids, tasks, tokens], schema=INSTANCES))
        self._rows += len(rows)

    def finish(self) -> FileEntry:
        """Close the file."""
        self._writer.close()
        sync(self._path)
        return file_entry(self._path, self._rows)


class EmbeddingStore:
    """Reads a finished store without copying it; satisfies `neighbors.VectorRows`."""

    def __init__(self, folder: Path, manifest: EmbeddingsManifest) -> None:
        """Map the parts.

        Raises:
            ArtifactError: A part does not hold what the manifest says.
        """
        self.manifest = manifest
        self._instances = folder / manifest.instances.file
        self._batches: list[pa.RecordBatch] = []
        self._slices: list[NDArray[np.float32]] = []
        expected = embeddings_schema(manifest.dimension)
        for entry in manifest.files:
            path = folder / entry.file
            try:
                with pa.ipc.open_file(pa.memory_map(str(path))) as reader:
                    batches = [reader.get_batch(i) for i in range(reader.num_record_batches)]
            except (OSError, pa.ArrowException) as error:
                raise ArtifactError(
                    f"{path}: cannot be read; run embed with --overwrite"
                ) from error
            table = pa.Table.from_batches(batches, reader.schema)
            if not table.schema.equals(expected) or table.num_rows != entry.rows:
                raise ArtifactError(f"{path}: is not the part the manifest lists; run embed again")
            for batch in batches:
                flat = batch.column("embedding").flatten().to_numpy(zero_copy_only=True)
                self._slices.append(flat.reshape(-1, manifest.dimension))
                self._batches.append(batch)
        self._starts = np.cumsum([0, *map(len, self._slices)])[:-1]

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
        """These columns of `INSTANCES`, one row a stored row."""
        return pq.read_table(self._instances, columns=list(columns))

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
