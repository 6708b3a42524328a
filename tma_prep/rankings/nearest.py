"""For every training row its nearest test, and for one row the tests that name it, exactly."""

from dataclasses import dataclass

import numpy as np

from tma_prep.rankings.certified import pair_products
from tma_prep.rankings.searcher import Searcher
from tma_prep.rankings.vectors import VectorRows, remaining_blocks
from tma_prep.tables import Floats, Ints, Mask, Singles

_ROWS_AT_ONCE = 4096  # rows turned to float64 at a time
_MOST_ROWS = 8192
_PRODUCTS_PER_BLOCK = 1 << 22


@dataclass(frozen=True)
class NearestTests:
    """One entry a training row.

    Attributes:
        tests: int64, the nearest test; equally near ones: the lower.
        similarities: float64, exact cosine similarity to it.
    """

    tests: Ints
    similarities: Floats


def nearest_tests(
    searcher: Searcher, tests: Singles, vectors: VectorRows, *, rows_per_block: int
) -> NearestTests:
    """The nearest test of each row: float32 finds it, float64 settles what float32 cannot.

    No two rows of `tests`, shape (m, d), are equal, or almost every row takes the slow way.
    `rows_per_block` rows are searched at once; it does not change the result.
    """
    tests64 = tests.astype(np.float64)
    error = searcher.error_bound(vectors.shape[1])
    nearest = np.empty(vectors.shape[0], dtype=np.int64)
    similarities = np.empty(vectors.shape[0], dtype=np.float64)
    for numbers, block in remaining_blocks(vectors, None, rows_per_block):
        scores, found = searcher.search(block, tests, min(2, len(tests)))
        scores = np.where(found < 0, -np.inf, scores)
        best = np.take_along_axis(found, scores.argmax(axis=1)[:, None], axis=1)[:, 0]
        two_best = np.sort(scores, axis=1)[:, -2:]
        unsure = two_best[:, -1] - two_best[:, 0] <= 2 * error
        for start in range(0, len(block), _ROWS_AT_ONCE):
            piece = slice(start, start + _ROWS_AT_ONCE)
            rows64 = block[piece].astype(np.float64)
            exact = np.einsum("rd,rd->r", rows64, tests64[best[piece]])
            doubtful = np.flatnonzero(unsure[piece])
            for some in np.array_split(doubtful, -(-len(doubtful) // 256) or 1):
                if len(some):
                    products = rows64[some] @ tests64.T
                    best[start + some] = products.argmax(axis=1)
                    exact[some] = products.max(axis=1)
            nearest[numbers[piece]] = best[piece]
            similarities[numbers[piece]] = exact
    return NearestTests(nearest, similarities)


def similarities_of(row: int, tests: Singles, vectors: VectorRows) -> Floats:
    """Exact similarity of one row to every test, shape (tests,)."""
    vector = vectors.take(np.array([row]))
    return pair_products(np.broadcast_to(vector, tests.shape), tests)


def naming_tests(row: int, tests: Singles, vectors: VectorRows, remaining: Mask) -> Ints:
    """The tests whose nearest remaining row is this one; of equally near rows the lowest counts.

    A test is dropped at the first block that holds a nearer row, so that after a few blocks hardly
    any are left to multiply with.

    Args:
        row: One that remains.
        tests: Shape (m, d).
        vectors: All rows.
        remaining: Mask over them.
    """
    similarity = similarities_of(row, tests, vectors)
    left = np.arange(len(tests))
    rows_per_block = max(16, min(_MOST_ROWS, _PRODUCTS_PER_BLOCK // len(tests)))
    for numbers, block in remaining_blocks(vectors, remaining, rows_per_block):
        exact, own = block.astype(np.float64) @ tests[left].T.astype(np.float64), similarity[left]
        before = (numbers < row)[:, None]
        left = left[~((exact > own) | ((exact == own) & before)).any(axis=0)]
        if not len(left):
            break
    return left
