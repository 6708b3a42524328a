"""Nearest-neighbour lists that are exact: candidates in float32, re-scored in float64, certified.

Stored components are multiples of 2**-26 and at most 1 in size, so every product and partial sum
of an inner product is a multiple of 2**-52 below 2: float64 holds them all without rounding, in
whatever order they are added. Similarity is therefore one number, on any machine.

A float32 search returns the k best candidates of a query by scores that are off by at most
`error`. Every row it left out scored no more than the k-th, `floor`, so its similarity is at most
floor + error. A candidate whose exact similarity is above that is nearer than every row left out:
the list is trusted down to there and cut.
"""

import concurrent.futures
import os
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tma_prep.neighbors.searcher import Searcher
from tma_prep.neighbors.vectors import VectorRows, remaining_blocks


@dataclass(frozen=True)
class NeighborLists:
    """For each query the rows nearest to it, nearest first, equal ones by lower row.

    Attributes:
        offsets: int64, shape (queries + 1,): list q is `offsets[q]:offsets[q + 1]`.
        rows: int64, all lists one after the other.
        similarities: float64, exact.
    """

    offsets: NDArray[np.int64]
    rows: NDArray[np.int64]
    similarities: NDArray[np.float64]


def certified_neighbors(
    searcher: Searcher,
    queries: NDArray[np.float32],
    vectors: VectorRows,
    remaining: NDArray[np.bool_] | None,
    *,
    k: int,
    rows_per_block: int,
) -> NeighborLists:
    """Exactly the nearest remaining rows of each query, at least one and about k.

    Args:
        searcher: The float32 search.
        queries: Shape (q, d).
        vectors: The rows searched.
        remaining: Mask of the rows searched, None for all; at least one is set.
        k: Candidates a query; the lists may be a little shorter.
        rows_per_block: Rows searched at once. It changes the speed, never which rows come first.
    """
    total = vectors.shape[0] if remaining is None else int(np.count_nonzero(remaining))
    k = min(k, total, searcher.most_neighbors or total)
    scores, rows = _candidates(searcher, queries, vectors, remaining, k, rows_per_block)
    floor = scores.min(axis=1) if k < total else np.full(len(queries), -np.inf)
    ceiling_outside = floor + searcher.error_bound(vectors.shape[1])
    lists = _rescored(queries, vectors, rows, ceiling_outside)
    for query in np.flatnonzero([len(found) == 0 for found, _ in lists]):
        # More than k rows tie, or nearly: no prefix can be trusted, so look at all of them.
        lists[query] = _scanned(queries[query], vectors, remaining, k, rows_per_block)
    lengths = [len(found) for found, _ in lists]
    return NeighborLists(
        offsets=np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64),
        rows=np.concatenate([found for found, _ in lists]),
        similarities=np.concatenate([similarities for _, similarities in lists]),
    )


def exact_similarities(
    query: NDArray[np.float32], rows: NDArray[np.float32]
) -> NDArray[np.float64]:
    """Inner products without rounding, shape (len(rows),)."""
    products: NDArray[np.float64] = rows.astype(np.float64) @ query.astype(np.float64)
    return products


def _candidates(
    searcher: Searcher,
    queries: NDArray[np.float32],
    vectors: VectorRows,
    remaining: NDArray[np.bool_] | None,
    k: int,
    rows_per_block: int,
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """The k best rows of each query by float32 score, merged over blocks; shapes (q, k)."""
    best_scores = np.full((len(queries), 0), -np.inf, dtype=np.float32)
    best_rows = np.full((len(queries), 0), -1, dtype=np.int64)
    for numbers, block in remaining_blocks(vectors, remaining, rows_per_block):
        scores, places = searcher.search(queries, block, min(k, len(block)))
        found = np.where(places < 0, -1, numbers[places])
        scores = np.where(places < 0, np.float32(-np.inf), scores)
        best_scores = np.concatenate([best_scores, scores], axis=1)
        best_rows = np.concatenate([best_rows, found], axis=1)
        if best_scores.shape[1] > k:
            kept = np.argpartition(-best_scores, k - 1, axis=1)[:, :k]
            best_scores = np.take_along_axis(best_scores, kept, axis=1)
            best_rows = np.take_along_axis(best_rows, kept, axis=1)
    return best_scores, best_rows


def _rescored(
    queries: NDArray[np.float32],
    vectors: VectorRows,
    rows: NDArray[np.int64],
    ceiling_outside: NDArray[np.float64],
) -> list[tuple[NDArray[np.int64], NDArray[np.float64]]]:
    """Each query's candidates by exact similarity, cut where a row outside might be nearer."""

    def one(query: int) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        mine = rows[query][rows[query] >= 0]
        similarities = exact_similarities(queries[query], vectors.take(mine))
        trusted = similarities > ceiling_outside[query]
        mine, similarities = mine[trusted], similarities[trusted]
        nearest_first = np.lexsort((mine, -similarities))
        return mine[nearest_first], similarities[nearest_first]

    # NumPy lets go of the interpreter while it copies and multiplies.
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as workers:
        return list(workers.map(one, range(len(queries))))


def _scanned(
    query: NDArray[np.float32],
    vectors: VectorRows,
    remaining: NDArray[np.bool_] | None,
    k: int,
    rows_per_block: int,
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """The k nearest rows of one query by exact similarity over all rows that remain."""
    best_rows = np.empty(0, dtype=np.int64)
    best = np.empty(0, dtype=np.float64)
    for numbers, block in remaining_blocks(vectors, remaining, rows_per_block):
        rows = np.concatenate([best_rows, numbers])
        similarities = np.concatenate([best, *_in_pieces(query, block)])
        nearest_first = np.lexsort((rows, -similarities))[:k]
        best_rows, best = rows[nearest_first], similarities[nearest_first]
    return best_rows, best


def _in_pieces(
    query: NDArray[np.float32], block: NDArray[np.float32], rows_at_once: int = 4096
) -> Iterator[NDArray[np.float64]]:
    for start in range(0, len(block), rows_at_once):
        yield exact_similarities(query, block[start : start + rows_at_once])
