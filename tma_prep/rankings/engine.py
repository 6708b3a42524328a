"""From vectors to a ranking, by any of the definitions; what `tma-prep arrange` calls.

For people with arrays of their own: `rank(train_vectors, test_vectors, ranking="wsd")`.
"""

import contextlib
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypedDict

import numpy as np
from numpy.typing import NDArray

from tma_prep.device import default_budget
from tma_prep.embeddings import GRID, unit_vectors
from tma_prep.errors import OptionError, check_known
from tma_prep.progress import Progress, Silent
from tma_prep.rankings.certified import (
    NeighborLists,
    certified_neighbors,
    nearest_ranks,
)
from tma_prep.rankings.nearest import NearestTests, nearest_tests
from tma_prep.rankings.product import SliceMap, both_ways
from tma_prep.rankings.rounds import LIST_LENGTH, SHORTEST_LIST, Nearness, tma_rounds
from tma_prep.rankings.searcher import Searcher, open_searcher
from tma_prep.rankings.transport import Transport, transport_costs
from tma_prep.rankings.vectors import (
    ArrayVectors,
    DistinctTests,
    VectorRows,
    distinct_tests,
    remaining_blocks,
)
from tma_prep.tables import Floats, Ints, Mask, Singles

_LOW_BITS = 20


@dataclass(frozen=True)
class Ranking:
    """How near every training row is; arrays have one entry a row, in row order.

    Attributes:
        ranking: Its name.
        rounds: int32, from 1, for `tma`; None for the others.
        distance: float64, smaller is nearer, for all but `tma`.
        similarity: float64, exact cosine similarity to the nearest test.
        nearest_test: int64, that test; equally near ones: the lower.
        searches: How often the pool was searched again because a list ran out.
        transport: How optimal transport ended, for `ot`.
    """

    ranking: str
    similarity: Floats
    nearest_test: Ints
    rounds: NDArray[np.int32] | None = None
    distance: Floats | None = None
    searches: int = 0
    transport: Transport | None = None


@dataclass(frozen=True)
class Plan:
    """What a ranking will take, before any of it is done.

    Attributes:
        tests: Test rows that differ.
        list_length: Neighbours kept for each test in the first search.
        rows_per_block: Rows packed together in a search among what remains.
        memory_bytes: About the most memory beside the mapped store.
        operations: Floating-point operations of the product of all similarities.
    """

    rows: int
    tests: int
    list_length: int
    rows_per_block: int
    memory_bytes: int
    operations: int


class Engine:
    """Nearness of one pool and one set of tests; searches are made when first needed."""

    def __init__(
        self,
        train: VectorRows,
        tests: Singles,
        *,
        device: str = "auto",
        memory_bytes: int | None = None,
        progress: Progress | None = None,
        searcher: Searcher | None = None,
        elsewhere: SliceMap | None = None,
    ) -> None:
        """Choose blocks and list lengths from the memory.

        Args:
            train: Stored unit vectors (see `embeddings/unit.py`).
            tests: The same for the tests, shape (m, d).
            device: `auto`, `cpu`, `cuda` (every GPU) or `cuda:N`.
            memory_bytes: Budget beside the mapped store; a quarter of the machine's if None.
            progress: Told of the stages.
            searcher: In place of the one for the device.
            elsewhere: Where the whole pool is scanned, if not here.

        Raises:
            DependencyError: FAISS is not installed.
            OptionError: Widths differ, a side is empty, or there is no such device.
        """
        if train.shape[1] != tests.shape[1]:
            raise OptionError(
                f"train vectors have {train.shape[1]} components and tests {tests.shape[1]}; "
                "embed both with one model"
            )
        for side, count in (("train", train.shape[0]), ("test", len(tests))):
            if not count:
                raise OptionError(f"there is no {side} vector; give one or more")
        self.train = train
        self.groups: DistinctTests = distinct_tests(tests)
        self.searcher: Searcher = searcher or open_searcher(device)
        self.progress = progress or Silent()
        self.memory_bytes = memory_bytes or default_budget()
        self.plan = _plan(train.shape, len(self.groups.vectors), self.memory_bytes)
        self._elsewhere = elsewhere
        self._first: tuple[NeighborLists, NearestTests] | None = None

    def first_search(self) -> tuple[NeighborLists, NearestTests]:
        """Each distinct test's nearest rows, and each row's nearest distinct test."""
        if self._first is None:
            with self._stage("Searching neighbours") as advance:
                self._first = self._search_both(self.groups.vectors, advance)
        return self._first

    def nearest_tests(self) -> tuple[Floats, Ints]:
        """Similarity of each row to its nearest test, and that test; equally near: the lower."""
        nearest = self.first_search()[1]
        return nearest.similarities, self.groups.first[nearest.tests]

    def neighbors(self, ranks: int) -> tuple[Ints, Floats]:
        """Nearest rows of each distinct test and their similarities, shapes (groups, ranks)."""
        lists, _ = self.first_search()
        return nearest_ranks(lists, self.groups.vectors, self.train, ranks)

    def nearest(self) -> Floats:
        """Distance of each row to its nearest test."""
        return -self.first_search()[1].similarities

    def farthest(self) -> Floats:
        """Distance of each row to its farthest test."""
        # The farthest test of a row is the nearest of their opposites.
        with self._stage("Searching farthest tests") as advance:
            return self._search_both(-self.groups.vectors, advance)[1].similarities

    def mean(self) -> Floats:
        """Mean distance of each row to all tests."""
        return -self._test_sum_products() / len(self.groups.group_of_test)

    def centroid(self) -> Floats:
        """Distance of each row to the mean test vector."""
        total = self._test_sum()
        length = math.sqrt(sum(int(part) ** 2 for part in total)) * GRID
        if not length:
            raise OptionError(
                "the test vectors cancel out, so their mean has no direction; use another --ranking"
            )
        return -self._test_sum_products() / length

    def _test_sum(self) -> Ints:
        """Sum of all test vectors in units of the grid, exactly."""
        grid = np.round(self.groups.vectors.astype(np.float64) / GRID).astype(np.int64)
        return np.bincount(self.groups.group_of_test) @ grid

    def _test_sum_products(self) -> Floats:
        """Inner product of each row with the sum of all tests, rounded once.

        The sum has too many bits for one exact product, so it is cut in two that are exact each:
        |row| · |part| stays below 2**53 units of GRID**2 (for up to 2**21 tests).
        """
        high, low = np.divmod(self._test_sum(), 1 << _LOW_BITS)
        parts = np.stack([high, low], axis=1).astype(np.float64) * GRID
        blocks = remaining_blocks(self.train, None, 8192)
        both = np.concatenate([block.astype(np.float64) @ parts for _, block in blocks])
        total: Floats = both[:, 0] * (1 << _LOW_BITS) + both[:, 1]
        return total

    def nearest_rounds(self) -> tuple[NDArray[np.int32], int]:
        """Round of every row by Algorithm 1, from 1, and how often the pool was searched again."""
        lists, _ = self.first_search()
        with self._stage("Assigning rounds") as advance:
            found = tma_rounds(self._nearness(self.groups.vectors), first=lists, on_placed=advance)
        return found.round_of_row, found.searches

    def farthest_rounds(
        self, remaining: Mask, enough: Callable[[Ints], bool] = lambda _: False
    ) -> NDArray[np.int32]:
        """Farthest-pick rounds: every test names its farthest remaining row, round after round.

        Args:
            remaining: Mask of the rows that take part.
            enough: Told the rows of each round; True stops after it.

        Returns:
            int32, from 1; 0 for a row that has no round.
        """
        # The farthest row of a test is the nearest of its opposite; ties go to the lower row too.
        opposite = self._nearness(-self.groups.vectors)
        with self._stage("Assigning farthest rounds") as advance:
            return tma_rounds(
                opposite, remaining=remaining, enough=enough, on_placed=advance
            ).round_of_row

    def _nearness(self, tests: Singles) -> Nearness:
        plan = self.plan
        return Nearness(self.searcher, self.train, tests, plan.list_length, plan.rows_per_block)

    def _search_both(
        self, tests: Singles, on_rows: Callable[[int], None]
    ) -> tuple[NeighborLists, NearestTests]:
        k, block = self.plan.list_length, self.plan.rows_per_block
        if self._elsewhere is not None or not self.searcher.on_gpu:
            return both_ways(tests, self.train, k=k, on_rows=on_rows, elsewhere=self._elsewhere)
        lists = certified_neighbors(
            self.searcher, tests, self.train, None, k=k, rows_per_block=block
        )
        return lists, nearest_tests(self.searcher, tests, self.train, rows_per_block=block)

    def _stage(self, label: str) -> contextlib.AbstractContextManager[Callable[[int], None]]:
        return self.progress.stage(label, self.train.shape[0], "rows")


def _plan(shape: tuple[int, int], tests: int, memory_bytes: int) -> Plan:
    rows, dimension = shape
    # A candidate takes some 80 bytes while it is sorted; blocks of the store take what is left.
    most_entries = max(1, memory_bytes // 2 // 80 // tests)
    list_length = max(SHORTEST_LIST, min(LIST_LENGTH * rows // tests, most_entries))
    list_length = min(rows, list_length)
    rows_per_block = max(256, min(65_536, memory_bytes // 8 // (4 * dimension)))
    needed = 80 * list_length * tests + 4 * dimension * rows_per_block + 26 * rows
    return Plan(rows, tests, list_length, rows_per_block, needed, 2 * rows * tests * dimension)


def rank(
    train: NDArray[np.floating],
    tests: NDArray[np.floating],
    ranking: str = "tma",
    *,
    device: str = "auto",
    memory_bytes: int | None = None,
    progress: Progress | None = None,
) -> Ranking:
    """Rank every training row by how near it is to the tests.

    Args:
        train: Vectors of any length, shape (n, d); they are scaled to unit length.
        tests: The same for the tests, shape (m, d).
        ranking: One of `RANKINGS`.
        device: Where FAISS searches: `auto`, `cpu`, `cuda` (every GPU) or `cuda:N`.
        memory_bytes: Budget; a quarter of the machine's memory if None.
        progress: Told of the stages.

    Raises:
        OptionError: There is no such ranking, or the widths differ.
        ValueError: A row is not finite or all zeros; the text begins with its number.
    """
    pool, wanted = ArrayVectors(unit_vectors(train)), unit_vectors(tests)
    engine = Engine(pool, wanted, device=device, memory_bytes=memory_bytes, progress=progress)
    return rank_with(ranking, engine)


def rank_with(ranking: str, engine: Engine) -> Ranking:
    """The same with an engine, whose searches serve every ranking.

    Raises:
        OptionError: There is no such ranking.
    """
    check_known("--ranking", ranking, RANKINGS)
    found = RANKINGS[ranking](engine)
    similarity, nearest_test = engine.nearest_tests()
    return Ranking(ranking=ranking, similarity=similarity, nearest_test=nearest_test, **found)


class _Found(TypedDict, total=False):
    rounds: NDArray[np.int32]
    distance: Floats
    searches: int
    transport: Transport


def _by_rounds(engine: Engine) -> _Found:
    rounds, searches = engine.nearest_rounds()
    return {"rounds": rounds, "searches": searches}


def _by_transport(engine: Engine) -> _Found:
    tests = engine.groups.vectors[engine.groups.group_of_test]
    with engine.progress.stage("Optimal transport", 0, "passes") as advance:
        transport = transport_costs(
            engine.train,
            tests,
            memory_bytes=engine.memory_bytes,
            on_iteration=lambda _, __: advance(1),
        )
    return {"distance": transport.costs, "transport": transport}


def _weighted(engine: Engine) -> _Found:
    """Weighted similarity distance (arXiv 2406.11721): min_i + w · avg_i.

    w is the mean over all rows of min_i by the mean over all rows of avg_i, which puts the two on
    one scale; 0 where all avg_i cancel.
    """
    nearest, mean = engine.nearest(), engine.mean()
    # fsum rounds once, so the weight does not depend on how a machine adds.
    total = math.fsum(mean.tolist())
    weight = math.fsum(nearest.tolist()) / total if total else 0.0
    return {"distance": nearest + weight * mean}


RANKINGS: dict[str, Callable[[Engine], _Found]] = {
    "tma": _by_rounds,
    "wsd": _weighted,
    "min": lambda engine: {"distance": engine.nearest()},
    "avg": lambda engine: {"distance": engine.mean()},
    "max": lambda engine: {"distance": engine.farthest()},
    "centroid": lambda engine: {"distance": engine.centroid()},
    "ot": _by_transport,
}
"""Every ranking by name: Algorithm 1, the distances (−cos, so smaller is nearer), optimal
transport. A new one is one function and one line here."""
