"""Nearest-neighbour lists that are exact: candidates in float32, settled in float64, certified.

Stored components are multiples of 2**-26 and at most 1 in size, so every product and partial sum
of an inner product is a multiple of 2**-52 below 2: float64 holds them all without rounding, in
whatever order they are added. Similarity is therefore one number, on any machine.

A float32 search returns candidates with scores that are off by at most `error`, and leaves out only
rows that scored no more than some `floor`. Two facts make its lists exact. Candidates whose scores
differ by more than 2 · error stand in their true order already; only runs of closer ones are scored
again in float64. And a row left out has a similarity of at most floor + error: a candidate that is
certainly above that is nearer than all of them. The list is trusted down to there and cut.
"""

import concurrent.futures
import os
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tma_prep.arrays import ranges
from tma_prep.neighbors.searcher import Searcher
from tma_prep.neighbors.vectors import VectorRows, remaining_blocks

_PAIRS_AT_ONCE = 4096
_ROWS_SCANNED_AT_ONCE = 4096
_SCANNED_ROWS = 1024


@dataclass(frozen=True)
class NeighborLists:
    """For each query the rows nearest to it, nearest first, equal ones by lower row.

    Attributes:
        offsets: int64, shape (queries + 1,): list q is `offsets[q]:offsets[q + 1]`.
        rows: int64, all lists one after the other.
    """

    offsets: NDArray[np.int64]
    rows: NDArray[np.int64]


def certified_neighbors(
    searcher: Searcher,
    tests: NDArray[np.float32],
    vectors: VectorRows,
    remaining: NDArray[np.bool_] | None,
    *,
    k: int,
    rows_per_block: int,
) -> NeighborLists:
    """Exactly the nearest remaining rows of each test, at least one and about k.

    Args:
        searcher: The float32 search.
        tests: Shape (m, d).
        vectors: The rows searched.
        remaining: Mask of the rows searched, None for all; at least one is set.
        k: Candidates a test; the lists may be a little shorter.
        rows_per_block: Rows searched at once. It changes the speed, never which rows come first.
    """
    total = vectors.shape[0] if remaining is None else int(np.count_nonzero(remaining))
    k = min(k, total, searcher.most_neighbors or total)
    scores, rows = _candidates(searcher, tests, vectors, remaining, k, rows_per_block)
    found = rows >= 0
    return certify(
        tests,
        vectors,
        remaining,
        queries=np.repeat(np.arange(len(tests)), found.sum(axis=1)),
        rows=rows[found],
        scores=scores[found],
        floors=scores.min(axis=1) if k < total else np.full(len(tests), -np.inf, np.float32),
        error=searcher.error_bound(vectors.shape[1]),
    )


def certify(
    tests: NDArray[np.float32],
    vectors: VectorRows,
    remaining: NDArray[np.bool_] | None,
    *,
    queries: NDArray[np.int64],
    rows: NDArray[np.int64],
    scores: NDArray[np.float32],
    floors: NDArray[np.float32],
    error: float,
) -> NeighborLists:
    """Make exact lists of float32 candidates; see the module's text.

    Args:
        tests: Shape (m, d).
        vectors: The rows searched.
        remaining: Mask of the rows searched, None for all.
        queries: Of each candidate, which test it is for.
        rows: Of each candidate, its row.
        scores: Of each candidate, its score.
        floors: Of each test, a score that no row left out exceeds; -inf where none is left out.
        error: No score is further than this from the exact similarity.
    """
    order = np.argsort(_by_query_then_score(queries, scores))
    queries, rows = queries[order], rows[order]
    similarity = scores[order].astype(np.float64)
    close = (queries[1:] == queries[:-1]) & (similarity[:-1] - similarity[1:] <= 2 * error)
    unsettled = np.zeros(len(rows), dtype=np.bool_)
    unsettled[1:] |= close
    unsettled[:-1] |= close
    places = np.flatnonzero(unsettled)
    similarity[places] = exact_similarities(tests, vectors, queries[places], rows[places])
    run = np.cumsum(~np.concatenate([[False], close]))[places]
    settled = places[np.lexsort((rows[places], -similarity[places], run))]
    rows[places], similarity[places] = rows[settled], similarity[settled]
    least = np.where(unsettled, similarity, similarity - error)
    doubtful = np.flatnonzero(least <= floors[queries].astype(np.float64) + error)
    begins, ends = np.searchsorted(queries, [np.arange(len(tests)), np.arange(1, len(tests) + 1)])
    cut_queries, first = np.unique(queries[doubtful], return_index=True)
    ends[cut_queries] = doubtful[first]
    empty = np.flatnonzero(begins == ends)
    # More rows tie, or nearly, than there are candidates: look at all of them.
    scanned = [_scanned(tests[query], vectors, remaining, _SCANNED_ROWS) for query in empty]
    return _joined(rows, begins, ends, empty, scanned)


def exact_similarities(
    tests: NDArray[np.float32],
    vectors: VectorRows,
    queries: NDArray[np.int64],
    rows: NDArray[np.int64],
) -> NDArray[np.float64]:
    """Inner products without rounding, one a pair of a test and a row."""
    exact = np.empty(len(rows), dtype=np.float64)

    def piece(start: int) -> None:
        here = slice(start, start + _PAIRS_AT_ONCE)
        exact[here] = pair_products(vectors.take(rows[here]), tests[queries[here]])

    # NumPy lets go of the interpreter while it copies and multiplies.
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as workers:
        list(workers.map(piece, range(0, len(rows), _PAIRS_AT_ONCE)))
    return exact


def pair_products(first: NDArray[np.float32], second: NDArray[np.float32]) -> NDArray[np.float64]:
    """Inner product of each pair of rows in float64, shape (rows,)."""
    products: NDArray[np.float64] = np.einsum("rd,rd->r", first, second, dtype=np.float64)
    return products


def _by_query_then_score(
    queries: NDArray[np.int64], scores: NDArray[np.float32]
) -> NDArray[np.int64]:
    """One integer a candidate that sorts by query, then by score, greatest first."""
    bits = scores.view(np.int32).astype(np.int64)
    # IEEE 754 bits sort as integers once those of negative numbers are turned round.
    ascending = np.where(bits < 0, -(2**31) - bits, bits)
    key: NDArray[np.int64] = (queries << 33) - ascending
    return key


def _joined(
    rows: NDArray[np.int64],
    begins: NDArray[np.int64],
    ends: NDArray[np.int64],
    replaced: NDArray[np.int64],
    replacements: list[NDArray[np.int64]],
) -> NeighborLists:
    """The lists `begins:ends` of rows, some of them replaced, one after the other."""
    lengths = ends - begins
    starts = begins.copy()
    extra = len(rows)
    for query, found in zip(replaced, replacements, strict=True):
        starts[query], lengths[query] = extra, len(found)
        extra += len(found)
    pool = np.concatenate([rows, *replacements])
    return NeighborLists(
        np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64), pool[ranges(starts, lengths)]
    )


def _candidates(
    searcher: Searcher,
    tests: NDArray[np.float32],
    vectors: VectorRows,
    remaining: NDArray[np.bool_] | None,
    k: int,
    rows_per_block: int,
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """The k best rows of each test by float32 score, merged over blocks; shapes (q, k)."""
    best_scores = np.full((len(tests), 0), -np.inf, dtype=np.float32)
    best_rows = np.full((len(tests), 0), -1, dtype=np.int64)
    for numbers, block in remaining_blocks(vectors, remaining, rows_per_block):
        scores, places = searcher.search(tests, block, min(k, len(block)))
        found = np.where(places < 0, -1, numbers[places])
        scores = np.where(places < 0, np.float32(-np.inf), scores)
        best_scores = np.concatenate([best_scores, scores], axis=1)
        best_rows = np.concatenate([best_rows, found], axis=1)
        if best_scores.shape[1] > k:
            kept = np.argpartition(-best_scores, k - 1, axis=1)[:, :k]
            best_scores = np.take_along_axis(best_scores, kept, axis=1)
            best_rows = np.take_along_axis(best_rows, kept, axis=1)
    return best_scores, best_rows


def _scanned(
    test: NDArray[np.float32],
    vectors: VectorRows,
    remaining: NDArray[np.bool_] | None,
    k: int,
) -> NDArray[np.int64]:
    """The k nearest rows of one test by exact similarity over all rows that remain."""
    best_rows = np.empty(0, dtype=np.int64)
    best = np.empty(0, dtype=np.float64)
    test64 = test.astype(np.float64)
    for numbers, block in remaining_blocks(vectors, remaining, _ROWS_SCANNED_AT_ONCE):
        rows = np.concatenate([best_rows, numbers])
        similarities = np.concatenate([best, block.astype(np.float64) @ test64])
        nearest_first = np.lexsort((rows, -similarities))[:k]
        best_rows, best = rows[nearest_first], similarities[nearest_first]
    return best_rows
