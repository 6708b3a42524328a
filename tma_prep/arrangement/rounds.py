"""Test-centric Multi-turn Arrangement: Algorithm 1 of arXiv 2406.11721.

In round i every test names its nearest training row among those that remain; round i is the set
of named rows, and they are removed. Repeat until no row remains.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from tma_prep.arrays import ranges


class Lists(Protocol):
    """Rows nearest to each test, nearest first; see `neighbors.NeighborLists`."""

    @property
    def offsets(self) -> NDArray[np.int64]:
        """Where each list begins, and the end of the last."""

    @property
    def rows(self) -> NDArray[np.int64]:
        """All lists one after the other."""


Search = Callable[[NDArray[np.int64], NDArray[np.bool_]], Lists]
"""Given tests and a mask of the rows that remain: a list for each of those tests that begins with
exactly its nearest remaining rows, at least one."""


@dataclass(frozen=True)
class Rounds:
    """The partition of the training rows.

    Attributes:
        round_of_row: int32, shape (train rows,), from 1.
        count: How many rounds there are.
        searches: How many times lists were asked for.
    """

    round_of_row: NDArray[np.int32]
    count: int
    searches: int


def tma_rounds(
    train_rows: int,
    tests: int,
    search: Search,
    *,
    first: Lists | None = None,
    on_placed: Callable[[int], None] = lambda _: None,
) -> Rounds:
    """Run Algorithm 1 along certified lists, asking for new ones where a list runs out.

    Args:
        train_rows: How many rows there are.
        tests: How many tests there are; equal ones may be left out, since they name the same row.
        search: Makes lists among the rows that remain.
        first: Lists of all tests among all rows, where they are known already.
        on_placed: Told how many more rows have a round.
    """
    walk = _Walk(train_rows, tests, search, first)
    round_of_row = np.zeros(train_rows, dtype=np.int32)
    placed = count = 0
    while placed < train_rows:
        count += 1
        winners = np.unique(walk.nearest_remaining())
        round_of_row[winners] = count
        walk.remaining[winners] = False
        placed += len(winners)
        on_placed(len(winners))
    return Rounds(round_of_row, count, walk.searches)


class _Walk:
    """A cursor into each test's list, which only moves forward."""

    def __init__(self, train_rows: int, tests: int, search: Search, first: Lists | None) -> None:
        self.remaining = np.ones(train_rows, dtype=np.bool_)
        self.searches = 0
        self._search = search
        self._rows = np.empty(0, dtype=np.int64)
        self._cursor = np.zeros(tests, dtype=np.int64)
        self._begin = np.zeros(tests, dtype=np.int64)
        self._end = np.zeros(tests, dtype=np.int64)
        if first is not None:
            self._adopt(np.arange(tests), first)

    def nearest_remaining(self) -> NDArray[np.int64]:
        """The row each test names now."""
        moving = np.arange(len(self._cursor))
        while len(moving):
            exhausted = moving[self._cursor[moving] >= self._end[moving]]
            if len(exhausted):
                self._refill()
            taken = ~self.remaining[self._rows[self._cursor[moving]]]
            moving = moving[taken]
            self._cursor[moving] += 1
        return self._rows[self._cursor]

    def _refill(self) -> None:
        """New lists for the tests that have used up most of theirs, those at the end included.

        One pass over the rows that remain serves many tests at little more than the cost of one,
        so those that will run out soon are taken along.
        """
        left = self._end - self._cursor
        wanting = np.flatnonzero(4 * left <= self._end - self._begin)
        self._adopt(wanting, self._search(wanting, self.remaining))
        self.searches += 1

    def _adopt(self, tests: NDArray[np.int64], lists: Lists) -> None:
        """Point the tests at their new lists, and drop what nobody points at."""
        keeping = np.setdiff1d(np.arange(len(self._cursor)), tests)
        lengths = (self._end - self._cursor)[keeping]
        kept = ranges(self._cursor[keeping], lengths)
        starts = np.concatenate([[0], np.cumsum(lengths)[:-1]]) if len(keeping) else lengths
        self._rows = np.concatenate([self._rows[kept], lists.rows])
        self._begin[keeping] = starts - (self._cursor - self._begin)[keeping]
        self._cursor[keeping] = starts
        self._end[keeping] = starts + lengths
        self._begin[tests] = self._cursor[tests] = len(kept) + lists.offsets[:-1]
        self._end[tests] = len(kept) + lists.offsets[1:]
