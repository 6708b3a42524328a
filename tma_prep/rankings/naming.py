"""Which tests name one row: those that no other remaining row is nearer to, exactly."""

import numpy as np
from numpy.typing import NDArray

from tma_prep.rankings.certified import pair_products
from tma_prep.rankings.searcher import float32_error_bound
from tma_prep.rankings.vectors import VectorRows, remaining_blocks

_MOST_ROWS = 8192
_PRODUCTS_PER_BLOCK = 1 << 22
_PAIRS_AT_ONCE = 4096


def similarities_of(
    row: int, tests: NDArray[np.float32], vectors: VectorRows
) -> NDArray[np.float64]:
    """Exact similarity of one row to every test, shape (tests,)."""
    vector = vectors.take(np.array([row]))
    return pair_products(np.broadcast_to(vector, tests.shape), tests)


def naming_tests(
    row: int, tests: NDArray[np.float32], vectors: VectorRows, remaining: NDArray[np.bool_]
) -> NDArray[np.int64]:
    """The tests whose nearest remaining row is this one; of equally near rows the lowest counts.

    One pass over the rows that remain. A test is dropped at the first block that holds a nearer
    row, so that after a few blocks hardly any are left to multiply with.

    Args:
        row: One that remains.
        tests: Shape (m, d).
        vectors: All rows.
        remaining: Mask over them.

    Returns:
        Ascending places in `tests`.
    """
    similarity = similarities_of(row, tests, vectors)
    error = float32_error_bound(vectors.shape[1])
    left = np.arange(len(tests))
    rows_per_block = max(16, min(_MOST_ROWS, _PRODUCTS_PER_BLOCK // len(tests)))
    for numbers, block in remaining_blocks(vectors, remaining, rows_per_block):
        scores = block @ tests[left].T
        best = scores.max(axis=0).astype(np.float64)
        beaten = best > similarity[left] + error
        doubtful = np.flatnonzero(~beaten & (best >= similarity[left] - error))
        if len(doubtful):
            near = scores[:, doubtful] >= similarity[left[doubtful]] - error
            places, of_doubtful = np.nonzero(near)
            named_by = doubtful[of_doubtful]
            for start in range(0, len(places), _PAIRS_AT_ONCE):
                some = slice(start, start + _PAIRS_AT_ONCE)
                at, test = places[some], named_by[some]
                exact = pair_products(block[at], tests[left[test]])
                own = similarity[left[test]]
                beaten[test[(exact > own) | ((exact == own) & (numbers[at] < row))]] = True
        left = left[~beaten]
        if not len(left):
            break
    return left
