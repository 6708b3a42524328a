"""Write the store of one side whose rows bring their vectors."""

from collections.abc import Callable

import numpy as np

from tma_prep.embeddings.parts import PartsFolder
from tma_prep.embeddings.store import StoredRows
from tma_prep.embeddings.unit import unit_vectors
from tma_prep.errors import InputError
from tma_prep.rows import (
    Batch,
    InstancePool,
    OnBadRow,
    SkippedRow,
    TextPart,
    VectorColumn,
    render,
    text_id,
)


def write_given_vectors(
    pool: InstancePool,
    column: VectorColumn,
    parts: PartsFolder,
    *,
    part: TextPart,
    on_bad_row: OnBadRow,
    rows_per_part: int,
    dimension: int | None,
    advance: Callable[[int], None],
) -> tuple[int, list[SkippedRow]]:
    """Read the rows once, and write every part.

    Args:
        pool: The rows.
        column: Where their vectors are.
        parts: Takes them.
        part: What of a row is its text.
        on_bad_row: What to do with a bad one.
        rows_per_part: Rows of every part but the last.
        dimension: What the vectors must have, None for the first side.
        advance: Told how many more rows are done.

    Returns:
        How many parts there are, and the rows that were left out.

    Raises:
        InputError: A row is bad, or its vector has another length than the other side's.
    """
    skipped: list[SkippedRow] = []
    held: list[StoredRows] = []
    written = 0
    for batch in pool.batches(on_bad_row, column):
        skipped += batch.skipped
        if not batch.instances:
            continue
        held.append(_stored(batch, part))
        found = held[-1].vectors.shape[1]
        if found != (dimension or found):
            raise InputError(
                f"train vectors have {found} components and test vectors {dimension}; embed both "
                "with one model, or give vectors of one length"
            )
        rows = sum(len(piece.rows) for piece in held)
        if rows >= rows_per_part:
            whole = StoredRows.join(held)
            full = rows // rows_per_part * rows_per_part
            parts.write(written, whole.piece(0, full))
            written += full // rows_per_part
            held = [whole.piece(full, rows)]
        advance(len(batch.instances))
    if sum(len(piece.rows) for piece in held):
        parts.write(written, StoredRows.join(held))
        written += 1
    return written, skipped


def _stored(batch: Batch, part: TextPart) -> StoredRows:
    texts = ["".join(render(row.prompt, row.response, part)) for row in batch.instances]
    words = np.array([len(text.split()) for text in texts], dtype=np.int64)
    return StoredRows(
        rows=[row.row for row in batch.instances],
        ids=[text_id(text) for text in texts],
        names=[row.name for row in batch.instances],
        tasks=[row.task for row in batch.instances],
        vectors=unit_vectors(np.stack(batch.vectors)),
        tokens=words,
        tokens_read=words,
        response_cut=np.zeros(len(words), dtype=np.bool_),
    )
