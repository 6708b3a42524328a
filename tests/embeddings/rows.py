"""Rows of a store, made up."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tma_prep.embeddings.parts import PartsFolder
from tma_prep.embeddings.store import StoredRows
from tma_prep.rows import RowStore
from tma_prep_schemas import (
    EmbeddingsManifest,
    FileEntry,
    InputFile,
    RowLayout,
    RowsManifest,
    Traits,
)


def some_rows(vectors: NDArray[np.float32]) -> StoredRows:
    """Rows with these vectors; nothing else of them is alike, and some of it is missing."""
    places = range(len(vectors))
    tokens = np.arange(5, 5 + len(vectors), dtype=np.int64)
    return StoredRows(
        rows=[3 * row for row in places],
        ids=[f"{row:032x}" for row in places],
        names=[None if row % 3 == 1 else f"n{row}" for row in places],
        tasks=[None if row % 3 == 0 else f"t{row}" for row in places],
        vectors=vectors,
        tokens=tokens,
        tokens_read=tokens - tokens % 2,
        response_cut=tokens % 3 == 0,
    )


def random_rows(count: int) -> StoredRows:
    """Rows with vectors of four components."""
    drawn = np.random.default_rng(0).standard_normal((count, 4)).astype(np.float32)
    return some_rows(drawn)


def manifest_of(
    files: list[FileEntry], instances: FileEntry, dimension: int = 4
) -> EmbeddingsManifest:
    """A manifest as `embed` would write it."""
    return EmbeddingsManifest(
        tool_version="0",
        libraries={},
        config={},
        rows=sum(entry.rows for entry in files),
        files=files,
        side="train",
        dimension=dimension,
        instances=instances,
        encoder=None,
        unique_texts=None,
        tokens=0,
        tokens_lost=0,
        truncated_rows=0,
        response_cut_rows=0,
    )


def no_rows(folder: Path) -> RowStore:
    """A row store of which no row is read."""
    entry = FileEntry(file="part-00000.parquet", rows=1, bytes=1, sha256="0" * 64)
    manifest = RowsManifest(
        tool_version="0",
        libraries={},
        config={},
        rows=1,
        files=[entry],
        side="train",
        input_files=[InputFile(name="x.jsonl", bytes=1, sha256="0" * 64, rows=1)],
        layouts=[RowLayout(format="flan")],
        traits=Traits(),
        columns=[],
        skipped_rows=0,
        skipped=None,
    )
    return RowStore(folder, manifest)


def written(folder: Path, rows: StoredRows, rows_per_part: int, step: int) -> EmbeddingsManifest:
    """A finished store of these rows, written a few parts at a time."""
    parts = PartsFolder(folder, {}, rows_per_part=rows_per_part, start_anew=False)
    count = 0
    for start in range(0, len(rows.rows), step * rows_per_part):
        piece = rows.piece(start, start + step * rows_per_part)
        parts.write(count, piece)
        count += -(-len(piece.rows) // rows_per_part)
    dimension = rows.vectors.shape[1]
    return parts.finish(count, lambda files, made: manifest_of(files, made, dimension))
