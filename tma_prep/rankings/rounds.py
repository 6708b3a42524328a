"""Test-centric Multi-turn Arrangement: Algorithm 1 of arXiv 2406.11721.

In round i every test names its nearest training row among those that remain; round i is the set
of named rows, and they are removed. Repeat until no row remains.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tma_prep.rankings.certified import NeighborLists, certified_neighbors, exact_similarities
from tma_prep.rankings.searcher import Searcher
from tma_prep.rankings.vectors import VectorRows
from tma_prep.tables import Floats, Ints, Mask, Singles, ranges

LIST_LENGTH = 10
"""Entries of a list for each row that a test would take if all took equally many. Measured on
clustered vectors: with fewer, lists run out early and the pool is searched again."""

SHORTEST_LIST = 64

FEW_PAIRS = 1 << 19
"""Rows that remain times tests: from here on all tests are given whole lists at once."""


@dataclass(frozen=True)
class Nearness:
    """What the rounds ask of tests and rows, answered by certified searches among what remains.

    Attributes:
        tests: Shape (m, d).
        most_entries: Entries of a list at most, where more than few pairs remain.
        rows_per_block: Rows searched at once.
    """

    searcher: Searcher
    train: VectorRows
    tests: Singles
    most_entries: int
    rows_per_block: int

    def lists(self, tests: Ints, remaining: Mask) -> NeighborLists:
        """For each of these tests a list that begins with its nearest remaining rows, at least one.

        Lists are as long as what remains asks for.
        """
        left = int(np.count_nonzero(remaining))
        wanted = LIST_LENGTH * left // len(self.tests)
        if left * len(self.tests) <= FEW_PAIRS:
            wanted = left
        most = max(self.most_entries, FEW_PAIRS // len(self.tests))
        return certified_neighbors(
            self.searcher,
            self.tests[tests],
            self.train,
            remaining,
            k=max(SHORTEST_LIST, min(wanted, most)),
            rows_per_block=self.rows_per_block,
        )

    def similarities(self, tests: Ints, rows: Ints) -> Floats:
        """The exact similarity of each pair of a test and a row."""
        return exact_similarities(self.tests, self.train, tests, rows)


@dataclass(frozen=True)
class Rounds:
    """The partition of the training rows.

    Attributes:
        round_of_row: int32, shape (train rows,), from 1; 0 for a row that has none.
        searches: How many times lists were asked for.
    """

    round_of_row: NDArray[np.int32]
    count: int
    searches: int


def tma_rounds(
    nearness: Nearness,
    *,
    first: NeighborLists | None = None,
    remaining: Mask | None = None,
    enough: Callable[[Ints], bool] = lambda _: False,
    on_placed: Callable[[int], None] = lambda _: None,
) -> Rounds:
    """Run Algorithm 1 along certified lists, asking for new ones where a list runs out.

    Args:
        nearness: Of all rows, and of tests that differ: equal ones name the same row.
        first: Lists of all tests among all rows, where they are known already.
        remaining: Mask of the rows that take part, None for all.
        enough: Told the rows of each round, ascending; True stops after it.
        on_placed: Told how many more rows have a round.
    """
    train_rows = nearness.train.shape[0]
    left = np.ones(train_rows, np.bool_) if remaining is None else remaining.copy()
    taking_part = int(np.count_nonzero(left))
    walk = _Walk(left, nearness, first)
    round_of_row = np.zeros(train_rows, dtype=np.int32)
    placed = count = 0
    while placed < taking_part:
        count += 1
        winners = np.unique(walk.nearest_remaining())
        round_of_row[winners] = count
        walk.remaining[winners] = False
        placed += len(winners)
        on_placed(len(winners))
        if enough(winners):
            break
    return Rounds(round_of_row, count, walk.searches)


class _Walk:
    """A cursor into each test's list, which only moves forward."""

    def __init__(self, remaining: Mask, nearness: Nearness, first: NeighborLists | None) -> None:
        tests = len(nearness.tests)
        self.remaining = remaining
        self.searches = 0
        self._nearness = nearness
        self._rows = np.empty(0, dtype=np.int64)
        self._run_ends = np.empty(0, dtype=np.int64)
        self._cursor = np.zeros(tests, dtype=np.int64)
        self._begin = np.zeros(tests, dtype=np.int64)
        self._end = np.zeros(tests, dtype=np.int64)
        self._stop = np.zeros(tests, dtype=np.int64)
        self._least = np.zeros(tests)
        if first is not None:
            self._adopt(np.arange(tests), first)

    def nearest_remaining(self) -> Ints:
        """The row each test names now."""
        moving = np.arange(len(self._cursor))
        while len(moving):
            while len(moving):
                if (self._cursor[moving] >= self._end[moving]).any():
                    self._refill()
                taken = ~self.remaining[self._rows[self._cursor[moving]]]
                moving = moving[taken]
                self._cursor[moving] += 1
            unsettled = np.flatnonzero(self._run_ends[self._cursor] > self._cursor + 1)
            self._settle(unsettled)
            moving = unsettled[self._cursor[unsettled] >= self._end[unsettled]]
        return self._rows[self._cursor]

    def _settle(self, tests: Ints) -> None:
        """Put the rest of the runs that these tests stand in into exact order."""
        if not len(tests):
            return
        begins = self._cursor[tests]
        lengths = self._run_ends[begins] - begins
        places = ranges(begins, lengths)
        owners = np.repeat(tests, lengths)
        rows = self._rows[places]
        similarity = np.full(len(rows), -np.inf)
        # What is taken already goes to the end of its run, unscored.
        there = np.flatnonzero(self.remaining[rows])
        similarity[there] = self._nearness.similarities(owners[there], rows[there])
        order = np.lexsort((rows, -similarity, owners))
        self._rows[places] = rows[order]
        # Where the list is trusted to the middle of the run, the similarities tell to where.
        cut = self._end[tests] < begins + lengths
        trusted = np.bincount(owners, similarity > self._least[owners], len(self._end))[tests]
        self._end[tests[cut]] = (begins + trusted.astype(np.int64))[cut]
        self._run_ends[places] = places + 1

    def _refill(self) -> None:
        """New lists for the tests that have used up most of theirs, those at the end included.

        One pass over the rows that remain serves many tests at little more than the cost of one,
        so those that will run out soon are taken along.
        """
        left = self._end - self._cursor
        wanting = np.flatnonzero(4 * left <= self._end - self._begin)
        if np.count_nonzero(self.remaining) * len(left) <= FEW_PAIRS:
            # What remains is little enough for whole lists, which never run out.
            wanting = np.arange(len(left))
        self._adopt(wanting, self._nearness.lists(wanting, self.remaining))
        self.searches += 1

    def _adopt(self, tests: Ints, lists: NeighborLists) -> None:
        """Point the tests at their new lists, and drop what nobody points at."""
        keeping = np.setdiff1d(np.arange(len(self._cursor)), tests)
        lengths = (self._stop - self._cursor)[keeping]
        kept = ranges(self._cursor[keeping], lengths)
        starts = np.cumsum(lengths) - lengths
        moved = np.repeat(starts - self._cursor[keeping], lengths)
        self._rows = np.concatenate([self._rows[kept], lists.rows])
        self._run_ends = np.concatenate([self._run_ends[kept] + moved, lists.run_ends + len(kept)])
        self._begin[keeping] = starts - (self._cursor - self._begin)[keeping]
        self._end[keeping] += starts - self._cursor[keeping]
        self._cursor[keeping] = starts
        self._stop[keeping] = starts + lengths
        self._begin[tests] = self._cursor[tests] = len(kept) + lists.offsets[:-1]
        self._end[tests] = len(kept) + lists.trusted
        self._stop[tests] = len(kept) + lists.offsets[1:]
        self._least[tests] = lists.least
