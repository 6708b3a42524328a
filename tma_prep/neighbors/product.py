"""One matrix product for both directions: each test's nearest rows, and each row's nearest test.

A blocked product of all similarities costs 2 · rows · tests · d operations, and nothing exact can
cost less. Everything else is done on a block of it while that lies in the cache: a row's best test,
and the entries above each test's threshold. The threshold is guessed from a random sample so that
about k rows pass it; how good the guess is bears on the length of a list, never on its truth.
"""

import concurrent.futures
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import threadpoolctl
from numpy.typing import NDArray

from tma_prep.neighbors.certified import Candidates, NeighborLists, certify, pair_products
from tma_prep.neighbors.nearest import NearestTests
from tma_prep.neighbors.searcher import float32_error_bound
from tma_prep.neighbors.vectors import VectorRows
from tma_prep.workers import in_turn

_SAMPLE_ROWS = 8192
_PRODUCTS_PER_BLOCK = 1 << 21  # 8 MB of them: with a thousand tests, two thousand rows
_MOST_DOUBTS = 4  # tests in doubt for a row that are settled pair by pair; more, by a product
_ROWS_AT_ONCE = 256


@dataclass(frozen=True)
class _Block:
    """What one block of products yields; row numbers are those of the whole pool."""

    first_row: int
    nearest: NDArray[np.int64]
    similarities: NDArray[np.float64]
    rows: NDArray[np.int64]
    tests: NDArray[np.int64]
    scores: NDArray[np.float32]


def both_ways(
    tests: NDArray[np.float32],
    vectors: VectorRows,
    *,
    k: int,
    on_rows: Callable[[int], None] = lambda _: None,
) -> tuple[NeighborLists, NearestTests]:
    """Each test's nearest rows, about k of them, and each row's nearest test, both exactly.

    Args:
        tests: Shape (m, d), no two rows equal.
        vectors: The training rows.
        k: Rows wanted in a list; it does not change which come first.
        on_rows: Told how many more rows are done.
    """
    rows, dimension = vectors.shape
    error = float32_error_bound(dimension)
    columns = np.ascontiguousarray(tests.T)
    rows_per_block = max(16, _PRODUCTS_PER_BLOCK // len(tests))
    nearest = NearestTests(np.empty(rows, np.int64), np.empty(rows, np.float64))
    found: list[_Block] = []

    def one(block: tuple[int, NDArray[np.float32]]) -> _Block:
        return _of_block(block[0], block[1], tests, columns, floors, error)

    # A thread a core, each with its own blocks, keeps every step as parallel as the product.
    threads = os.cpu_count() or 1
    with (
        threadpoolctl.threadpool_limits(1, user_api="blas"),
        concurrent.futures.ThreadPoolExecutor(threads) as workers,
    ):
        floors = _floors(workers, tests, vectors, min(k, rows), error)
        for done in in_turn(workers, one, _blocks(vectors, rows_per_block), ahead=2 * threads):
            here = slice(done.first_row, done.first_row + len(done.nearest))
            nearest.tests[here] = done.nearest
            nearest.similarities[here] = done.similarities
            found.append(done)
            on_rows(len(done.nearest))
    candidates = Candidates(
        queries=np.concatenate([block.tests for block in found]),
        rows=np.concatenate([block.rows for block in found]),
        scores=np.concatenate([block.scores for block in found]),
        floors=floors,
        error=error,
    )
    return certify(tests, vectors, None, candidates), nearest


def _floors(
    workers: concurrent.futures.Executor,
    tests: NDArray[np.float32],
    vectors: VectorRows,
    k: int,
    error: float,
) -> NDArray[np.float32]:
    """For each test a score that about k rows exceed, judged by a sample; -inf to take all."""
    rows = vectors.shape[0]
    sample = min(rows, _SAMPLE_ROWS)
    # A few more than k on average, for a short list costs a search later.
    rank = int(np.ceil(1.1 * k * sample / rows)) + 1
    if rank >= sample:
        return np.full(len(tests), -np.inf, dtype=np.float32)
    chosen = np.sort(np.random.default_rng(0).choice(rows, sample, replace=False))
    rows_of_sample = vectors.take(chosen).T

    def floors_of(some: NDArray[np.float32]) -> NDArray[np.float32]:
        place = sample - rank
        return np.partition(some @ rows_of_sample, place, axis=1)[:, place]

    pieces = np.array_split(tests, -(-len(tests) // 64))
    floors = np.concatenate(list(workers.map(floors_of, pieces)))
    # Rows that tie with the one at the threshold may score a little more than it did in the
    # sample; left out together, they cannot flood the lists.
    return floors + np.float32(2 * error)


def _blocks(vectors: VectorRows, rows_per_block: int) -> Iterator[tuple[int, NDArray[np.float32]]]:
    first_row = 0
    for part in vectors.slices():
        for start in range(0, len(part), rows_per_block):
            yield first_row + start, part[start : start + rows_per_block]
        first_row += len(part)


def _of_block(
    first_row: int,
    block: NDArray[np.float32],
    tests: NDArray[np.float32],
    columns: NDArray[np.float32],
    floors: NDArray[np.float32],
    error: float,
) -> _Block:
    scores = block @ columns
    nearest, similarities = _nearest(block, scores, tests, error)
    above = np.flatnonzero(scores > floors)
    candidates, queries = np.divmod(above, len(tests))
    return _Block(
        first_row,
        nearest,
        similarities,
        rows=first_row + candidates,
        tests=queries,
        scores=scores.ravel()[above],
    )


def _nearest(
    block: NDArray[np.float32],
    scores: NDArray[np.float32],
    tests: NDArray[np.float32],
    error: float,
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """The nearest test of each row of the block, and its exact similarity."""
    # Whatever is within twice the error of a row's best score may be its nearest test. Rounding
    # the bound to float32 moves it by less than the last term.
    bound = scores.max(axis=1) - np.float32(2 * error + 2.0**-22)
    doubted = scores >= bound[:, None]
    nearest = np.empty(len(block), dtype=np.int64)
    similarities = np.empty(len(block), dtype=np.float64)
    few, pairs, doubts = _few_doubts(doubted)
    if len(few):
        places, found = np.divmod(pairs, len(tests))
        exact = pair_products(block[few[places]], tests[found])
        begins = np.cumsum(doubts) - doubts
        similarities[few] = np.maximum.reduceat(exact, begins)
        # Pairs stand in the order of the tests: of equally near ones the first is the lowest.
        best = np.flatnonzero(exact == similarities[few[places]])
        nearest[few] = found[best[np.searchsorted(places[best], np.arange(len(few)))]]
    many = np.setdiff1d(np.arange(len(block)), few) if len(few) < len(block) else few[:0]
    tests64 = tests.T.astype(np.float64) if len(many) else np.empty((0, 0))
    for start in range(0, len(many), _ROWS_AT_ONCE):
        rows = many[start : start + _ROWS_AT_ONCE]
        products = block[rows].astype(np.float64) @ tests64
        nearest[rows] = products.argmax(axis=1)
        similarities[rows] = products.max(axis=1)
    return nearest, similarities


def _few_doubts(
    doubted: NDArray[np.bool_],
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """The rows with few tests in doubt, their pairs as flat places among those rows, how many."""
    pairs = np.flatnonzero(doubted) if np.count_nonzero(doubted) <= 2 * len(doubted) else None
    if pairs is not None:
        doubts = np.bincount(pairs // doubted.shape[1], minlength=len(doubted))
        if doubts.max() <= _MOST_DOUBTS:
            return np.arange(len(doubted)), pairs, doubts
    doubts = np.count_nonzero(doubted, axis=1)
    few = np.flatnonzero(doubts <= _MOST_DOUBTS)
    return few, np.flatnonzero(doubted[few]), doubts[few]
