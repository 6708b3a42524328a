"""Clustered vectors, as a workspace that `tma-prep arrange` takes.

Rows are drawn around 300 centres: a centre has components of standard deviation 1, and a row adds
noise of 0.8 to the centre it is of. Train and test rows come from the same centres. Written block
by block, so that a million rows need no more memory than one block does.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from benchmarks.measure import say
from tma_prep.artifact import MANIFEST, read_manifest, write_manifest
from tma_prep.durable import sha256_of
from tma_prep.embeddings.parts import PartsFolder
from tma_prep.embeddings.store import EmbeddingStore, StoredRows
from tma_prep.embeddings.unit import unit_vectors
from tma_prep.rows import RowStore, open_rows
from tma_prep.rows.store import RowStoreWriter
from tma_prep.workspace import Workspace
from tma_prep_schemas import (
    EmbeddingsManifest,
    FileEntry,
    InputFile,
    RowLayout,
    RowsManifest,
    Traits,
)

CENTRES = 300
NOISE = 0.8
DIMENSION = 384

Side = Literal["train", "test"]
_SEED_OF_SIDE: dict[Side, int] = {"train": 1, "test": 2}
_ROWS_PER_PART = 2048  # what `tma-prep embed` writes


def clustered(side: Side, rows: int) -> Iterator[NDArray[np.float32]]:
    """Stored unit vectors of one side, block by block; the same in every run."""
    centres = np.random.default_rng(0).standard_normal((CENTRES, DIMENSION), dtype=np.float32)
    rng = np.random.default_rng([0, _SEED_OF_SIDE[side]])
    for start in range(0, rows, _ROWS_PER_PART):
        count = min(_ROWS_PER_PART, rows - start)
        block = rng.standard_normal((count, DIMENSION), dtype=np.float32)
        block *= np.float32(NOISE)
        block += centres[rng.integers(CENTRES, size=count)]
        yield unit_vectors(block)


def workspace(folder: Path, rows: int, tests: int) -> Path:
    """A workspace with embeddings of so many rows; made if it is not in the folder."""
    work = folder / f"clustered-{rows}-{tests}"
    sides: tuple[tuple[Side, int], ...] = (("train", rows), ("test", tests))
    for side, count in sides:
        at = Workspace(work).embeddings(side).folder
        if not (at / MANIFEST).is_file():
            say(f"making {count:,} {side} vectors")
            at.parent.mkdir(parents=True, exist_ok=True)
            store = _write_rows(Workspace(work).rows(side).folder, side, count)
            _write(at, side, count, store)
    return work


def open_store(work: Path, side: Side) -> EmbeddingStore:
    """Map one side of a workspace.

    Raises:
        FileNotFoundError: It is not there.
    """
    folder = Workspace(work).embeddings(side).folder
    manifest = read_manifest(folder / MANIFEST, EmbeddingsManifest)
    if manifest is None:
        raise FileNotFoundError(folder)
    return EmbeddingStore(folder, manifest, open_rows(Workspace(work), side))


def _write_rows(folder: Path, side: Side, rows: int) -> RowStore:
    """Rows whose prompts are their numbers."""
    folder.mkdir(parents=True, exist_ok=True)
    schema = pa.schema([("prompt", pa.string()), ("response", pa.string())])
    writer = RowStoreWriter(folder, schema)
    for start in range(0, rows, _ROWS_PER_PART):
        numbers = np.arange(start, min(start + _ROWS_PER_PART, rows))
        prompts = pa.array(numbers.tolist()).cast(pa.string())
        responses = pa.array([""] * len(numbers))
        writer.write(numbers, pa.table([prompts, responses], schema=schema))
    manifest = RowsManifest(
        tool_version="0",
        libraries={},
        config={},
        rows=rows,
        files=writer.close(),
        side=side,
        input_files=[InputFile(name="made-up", bytes=0, sha256="0" * 64, rows=rows)],
        layouts=[RowLayout(format="prompt-response")],
        traits=Traits(),
        columns=[f"{column.name}: {column.type}" for column in schema],
        skipped_rows=0,
        skipped=None,
    )
    write_manifest(folder / MANIFEST, manifest)
    return RowStore(folder, manifest)


def _write(folder: Path, side: Side, rows: int, store: RowStore) -> None:
    parts = PartsFolder(folder, {}, rows_per_part=_ROWS_PER_PART, start_anew=True)
    first = 0
    for block in clustered(side, rows):
        numbers = list(range(first, first + len(block)))
        nothing = [None] * len(block)
        ones = np.ones(len(block), dtype=np.int64)
        stored = StoredRows(
            rows=numbers,
            ids=[f"{number:032x}" for number in numbers],
            names=nothing,
            tasks=nothing,
            vectors=block,
            tokens=ones,
            tokens_read=ones,
            response_cut=np.zeros(len(block), dtype=np.bool_),
        )
        parts.write(first // _ROWS_PER_PART, stored)
        first += len(block)

    def manifest(files: list[FileEntry], instances: FileEntry) -> EmbeddingsManifest:
        return EmbeddingsManifest(
            tool_version="0",
            libraries={},
            config={"model": "none", "text": "both"},
            inputs={f"rows/{side}": sha256_of(store.folder / MANIFEST)},
            rows=rows,
            files=files,
            instances=instances,
            side=side,
            dimension=DIMENSION,
            encoder=None,
            unique_texts=None,
            tokens=rows,
            tokens_lost=0,
            truncated_rows=0,
            response_cut_rows=0,
        )

    parts.finish(-(-rows // _ROWS_PER_PART), manifest)
