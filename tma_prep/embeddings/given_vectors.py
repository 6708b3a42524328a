"""Write the store of one side whose rows bring their vectors."""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from tma_prep.embeddings.parts import PartsFolder
from tma_prep.embeddings.store import StoredRows
from tma_prep.embeddings.unit import unit_vectors
from tma_prep.errors import InputError
from tma_prep.rows import RowStore, Sample, TextView, VectorColumn
from tma_prep.values import values_of


def write_given_vectors(
    store: RowStore,
    column: str,
    parts: PartsFolder,
    *,
    view: TextView,
    rows_per_part: int,
    dimension: int | None,
    advance: Callable[[int], None],
) -> int:
    """Go through the rows once, and write every part.

    Args:
        store: The rows.
        column: Where their vectors are.
        parts: Takes them.
        view: What of a row is its text.
        rows_per_part: Rows of every part but the last.
        dimension: What the vectors must have, None for the first side.
        advance: Told how many more rows are done.

    Returns:
        How many parts there are.

    Raises:
        InputError: A vector has another length than the other side's.
    """
    vectors = VectorColumn(column)
    held: list[StoredRows] = []
    written = 0
    for samples, table in store.batches([column]):
        found = np.stack([vectors.read(value) for value in values_of(table.column(column))])
        held.append(_stored(samples, found, view))
        if found.shape[1] != (dimension or found.shape[1]):
            raise InputError(
                f"train vectors have {found.shape[1]} components and test vectors {dimension}; "
                "embed both with one model, or give vectors of one length"
            )
        rows = sum(len(piece.rows) for piece in held)
        if rows >= rows_per_part:
            whole = StoredRows.join(held)
            full = rows // rows_per_part * rows_per_part
            parts.write(written, whole.piece(0, full))
            written += full // rows_per_part
            held = [whole.piece(full, rows)]
        advance(len(samples))
    if sum(len(piece.rows) for piece in held):
        parts.write(written, StoredRows.join(held))
        written += 1
    return written


def _stored(samples: Sequence[Sample], vectors: NDArray[np.float64], view: TextView) -> StoredRows:
    words = np.array(
        [len("".join(each.embedded(view)).split()) for each in samples], dtype=np.int64
    )
    return StoredRows(
        rows=[each.row for each in samples],
        ids=[each.text_id(view) for each in samples],
        names=[each.id for each in samples],
        tasks=[each.task for each in samples],
        vectors=unit_vectors(vectors),
        tokens=words,
        tokens_read=words,
        response_cut=np.zeros(len(words), dtype=np.bool_),
    )
