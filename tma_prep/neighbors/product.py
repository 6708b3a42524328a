"""One matrix product for both directions: each test's nearest rows, and each row's nearest test.

A blocked product of all similarities costs 2 · rows · tests · d operations, and nothing exact can
cost less. Everything else is done on a block of it while that lies in the cache: a row's best test,
and the entries above each test's threshold. The threshold is guessed from a random sample so that
about k rows pass it; how good the guess is bears on the length of a list, never on its truth.
"""

import collections
import concurrent.futures
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import threadpoolctl
from numpy.typing import NDArray

from tma_prep.neighbors.certified import NeighborLists, certify, pair_products
from tma_prep.neighbors.nearest import NearestTests
from tma_prep.neighbors.searcher import float32_error_bound
from tma_prep.neighbors.vectors import VectorRows

_Given = TypeVar("_Given")
_Done = TypeVar("_Done")

_SAMPLE_ROWS = 8192
_ROWS_PER_BLOCK = 2048  # with a thousand tests, a block of products is 8 MB


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
    floors = _floors(tests, vectors, min(k, rows))
    columns = np.ascontiguousarray(tests.T)
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
        for done in _in_turn(workers, one, _blocks(vectors), ahead=2 * threads):
            here = slice(done.first_row, done.first_row + len(done.nearest))
            nearest.tests[here] = done.nearest
            nearest.similarities[here] = done.similarities
            found.append(done)
            on_rows(len(done.nearest))
    lists = certify(
        tests,
        vectors,
        None,
        queries=np.concatenate([block.tests for block in found]),
        rows=np.concatenate([block.rows for block in found]),
        scores=np.concatenate([block.scores for block in found]),
        floors=floors,
        error=error,
    )
    return lists, nearest


def _floors(tests: NDArray[np.float32], vectors: VectorRows, k: int) -> NDArray[np.float32]:
    """For each test a score that about k rows exceed, judged by a sample; -inf to take all."""
    rows = vectors.shape[0]
    sample = min(rows, _SAMPLE_ROWS)
    # A few more than k on average, for a short list costs a search later.
    rank = int(np.ceil(1.1 * k * sample / rows)) + 1
    if rank >= sample:
        return np.full(len(tests), -np.inf, dtype=np.float32)
    chosen = np.sort(np.random.default_rng(0).choice(rows, sample, replace=False))
    scores = tests @ vectors.take(chosen).T
    floors = np.partition(scores, sample - rank, axis=1)[:, sample - rank]
    return np.ascontiguousarray(floors)


def _blocks(vectors: VectorRows) -> Iterator[tuple[int, NDArray[np.float32]]]:
    first_row = 0
    for part in vectors.slices():
        for start in range(0, len(part), _ROWS_PER_BLOCK):
            yield first_row + start, part[start : start + _ROWS_PER_BLOCK]
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
    # Whatever is within twice the error of a row's best score may be its nearest test. Rounding
    # the bound to float32 moves it by less than the last term.
    bound = scores.max(axis=1) - np.float32(2 * error + 2.0**-22)
    rows, found = np.divmod(np.flatnonzero(scores >= bound[:, None]), len(tests))
    exact = pair_products(block[rows], tests[found])
    begins = np.searchsorted(rows, np.arange(len(block)))
    similarities = np.maximum.reduceat(exact, begins)
    # Of equal tests the first, which is the lowest: pairs stand in the order of the tests.
    winners = np.flatnonzero(exact == similarities[rows])
    nearest = found[winners[np.searchsorted(rows[winners], np.arange(len(block)))]]
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


def _in_turn(
    workers: concurrent.futures.Executor,
    work: Callable[[_Given], _Done],
    items: Iterator[_Given],
    ahead: int,
) -> Iterator[_Done]:
    """`workers.map`, with no more than `ahead` results waiting to be taken."""
    running: collections.deque[concurrent.futures.Future[_Done]] = collections.deque()
    for item in items:
        running.append(workers.submit(work, item))
        if len(running) == ahead:
            yield running.popleft().result()
    while running:
        yield running.popleft().result()
