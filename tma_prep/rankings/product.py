"""One matrix product for both directions: each test's nearest rows, and each row's nearest test.

A blocked product of all similarities costs 2 · rows · tests · d operations, and nothing exact can
cost less. Everything else is done on a block of it while that lies in the cache: a row's best test,
and the entries above each test's threshold. The threshold is guessed from a random sample so that
about k rows pass it; how good the guess is bears on the length of a list, never on its truth.
"""

import concurrent.futures
import copy
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import threadpoolctl

from tma_prep.parallel import in_turn
from tma_prep.rankings.certified import Candidates, NeighborLists, certify, pair_products
from tma_prep.rankings.nearest import NearestTests
from tma_prep.rankings.searcher import float32_error_bound
from tma_prep.rankings.vectors import VectorRows
from tma_prep.ray import Cluster
from tma_prep.tables import Floats, Ints, Mask, Singles

_SAMPLE_ROWS = 4096
_PRODUCTS_PER_BLOCK = 1 << 20  # 4 MB of them: with a thousand tests, a thousand rows
_SLICE_BYTES = 16 << 20  # of vectors sent elsewhere: with a thousand tests, some tenths of a second
_MOST_DOUBTS = 4  # tests in doubt for a row that are settled pair by pair; more, by a product
_ROWS_AT_ONCE = 256


@dataclass(frozen=True)
class PoolSlice:
    """Consecutive rows of the pool.

    Attributes:
        first_row: Its number in the pool.
        vectors: float32, shape (rows, d).
    """

    first_row: int
    vectors: Singles


@dataclass(frozen=True)
class Scanned:
    """What the products of some rows yield; row numbers are those of the whole pool."""

    first_row: int
    nearest: Ints
    similarities: Floats
    rows: Ints
    tests: Ints
    scores: Singles


@dataclass(frozen=True)
class Scan:
    """What is asked of every row; travels to other processes.

    Attributes:
        tests: Shape (m, d).
        columns: The same, shape (d, m), as the product wants it.
        floors: float32, shape (m,): candidates of a test score more.
        error: No score is further than this from the exact similarity.
        rows_per_block: Rows multiplied at once.
    """

    tests: Singles
    columns: Singles
    floors: Singles
    error: float
    rows_per_block: int

    def of_slice(self, rows: PoolSlice) -> Scanned:
        """Scan a slice, one block after the other, in this thread alone."""
        with threadpoolctl.threadpool_limits(1, user_api="blas"):
            return _joined([self.of_block(block) for block in _cut(rows, self.rows_per_block)])

    def of_block(self, rows: PoolSlice) -> Scanned:
        """Scan a block."""
        scores = rows.vectors @ self.columns
        nearest, similarities = _nearest(rows.vectors, scores, self.tests, self.error)
        above = np.flatnonzero(scores > self.floors)
        candidates, queries = np.divmod(above, len(self.tests))
        return Scanned(
            rows.first_row,
            nearest,
            similarities,
            rows=rows.first_row + candidates,
            tests=queries,
            scores=scores.ravel()[above],
        )


class RayScan(Cluster):
    """The pool scanned on a Ray cluster, one task a CPU core; see `SliceMap`."""

    def __call__(self, scan: Scan, slices: Iterable[PoolSlice]) -> Iterator[Scanned]:
        """See `SliceMap`."""
        # Copied, for what is mapped keeps its room in the object store until the search ends.
        return map(copy.deepcopy, self.in_order(Scan.of_slice, scan, slices))


class SliceMap(Protocol):
    """Scans slices elsewhere, say on the machines of a cluster."""

    def __call__(self, scan: Scan, slices: Iterable[PoolSlice]) -> Iterator[Scanned]:
        """`scan.of_slice` of each, in order; slices are taken only a few ahead."""


def both_ways(
    tests: Singles,
    vectors: VectorRows,
    *,
    k: int,
    on_rows: Callable[[int], None] = lambda _: None,
    elsewhere: SliceMap | None = None,
) -> tuple[NeighborLists, NearestTests]:
    """Each test's nearest rows, about k of them, and each row's nearest test, both exactly.

    No two rows of `tests`, shape (m, d), are equal; `k` does not change which rows come first. The
    rows are scanned on the cores of this machine, if not elsewhere.
    """
    rows, dimension = vectors.shape
    error = float32_error_bound(dimension)
    rows_per_block = max(16, _PRODUCTS_PER_BLOCK // len(tests))
    found: list[Scanned] = []
    # A thread a core, each with its own blocks, keeps every step as parallel as the product.
    threads = os.cpu_count() or 1
    with (
        threadpoolctl.threadpool_limits(1, user_api="blas"),
        concurrent.futures.ThreadPoolExecutor(threads) as workers,
    ):
        floors = _floors(workers, tests, vectors, min(k, rows), error)
        columns = np.ascontiguousarray(tests.T)
        scan = Scan(tests, columns, floors, error, rows_per_block)
        if elsewhere is None:
            blocks = _slices(vectors, rows_per_block)
            scanned = in_turn(workers, scan.of_block, blocks, ahead=2 * threads)
        else:
            # Of whole blocks, so that the very same products are computed there as here.
            blocks_per_slice = max(1, _SLICE_BYTES // (4 * dimension * rows_per_block))
            scanned = elsewhere(scan, _slices(vectors, rows_per_block * blocks_per_slice))
        for done in scanned:
            found.append(done)
            on_rows(len(done.nearest))
    whole = _joined(found)
    candidates = Candidates(whole.tests, whole.rows, whole.scores, floors, error)
    nearest = NearestTests(whole.nearest, whole.similarities)
    return certify(tests, vectors, None, candidates), nearest


def _floors(
    workers: concurrent.futures.Executor, tests: Singles, vectors: VectorRows, k: int, error: float
) -> Singles:
    """For each test a score that about k rows exceed, judged by a sample; -inf to take all."""
    rows = vectors.shape[0]
    sample = min(rows, _SAMPLE_ROWS)
    # A few more than k on average, for a short list costs a search later.
    rank = int(np.ceil(1.1 * k * sample / rows)) + 1
    if rank >= sample:
        return np.full(len(tests), -np.inf, dtype=np.float32)
    chosen = np.sort(np.random.default_rng(0).choice(rows, sample, replace=False))
    rows_of_sample = vectors.take(chosen).T

    def floors_of(some: Singles) -> Singles:
        place = sample - rank
        return np.partition(some @ rows_of_sample, place, axis=1)[:, place]

    pieces = np.array_split(tests, -(-len(tests) // 64))
    floors = np.concatenate(list(workers.map(floors_of, pieces)))
    # Rows that tie with the one at the threshold may score a little more than it did in the
    # sample; left out together, they cannot flood the lists.
    return floors + np.float32(2 * error)


def _slices(vectors: VectorRows, rows_per_slice: int) -> Iterator[PoolSlice]:
    first_row = 0
    for part in vectors.slices():
        yield from _cut(PoolSlice(first_row, part), rows_per_slice)
        first_row += len(part)


def _cut(rows: PoolSlice, length: int) -> Iterator[PoolSlice]:
    for start in range(0, len(rows.vectors), length):
        yield PoolSlice(rows.first_row + start, rows.vectors[start : start + length])


def _joined(pieces: Sequence[Scanned]) -> Scanned:
    return Scanned(
        pieces[0].first_row,
        nearest=np.concatenate([piece.nearest for piece in pieces]),
        similarities=np.concatenate([piece.similarities for piece in pieces]),
        rows=np.concatenate([piece.rows for piece in pieces]),
        tests=np.concatenate([piece.tests for piece in pieces]),
        scores=np.concatenate([piece.scores for piece in pieces]),
    )


def _nearest(block: Singles, scores: Singles, tests: Singles, error: float) -> tuple[Ints, Floats]:
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


def _few_doubts(doubted: Mask) -> tuple[Ints, Ints, Ints]:
    """The rows with few tests in doubt, their pairs as flat places among those rows, how many."""
    pairs = np.flatnonzero(doubted) if np.count_nonzero(doubted) <= 2 * len(doubted) else None
    if pairs is not None:
        doubts = np.bincount(pairs // doubted.shape[1], minlength=len(doubted))
        if doubts.max() <= _MOST_DOUBTS:
            return np.arange(len(doubted)), pairs, doubts
    doubts = np.count_nonzero(doubted, axis=1)
    few = np.flatnonzero(doubts <= _MOST_DOUBTS)
    return few, np.flatnonzero(doubted[few]), doubts[few]
