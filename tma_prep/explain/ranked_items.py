"""What tests named in each round of an order: rows, or units of rows, with their vectors."""

import functools
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tma_prep.embeddings import EmbeddingStore, StoreSubset, on_grid, tasks_of
from tma_prep.orders import Arranged
from tma_prep.rankings import (
    ArrayVectors,
    DistinctTests,
    Engine,
    VectorRows,
    distinct_tests,
    unit_means,
)


@dataclass(frozen=True)
class Units:
    """Tasks or k-means cells.

    Attributes:
        names: One a unit.
        of_row: int64, the unit of each stored row; -1 for a row that was not ranked.
        vectors: Means of unit length.
    """

    names: list[str]
    of_row: NDArray[np.int64]
    vectors: VectorRows


class RankedItems:
    """What was ranked for one order; everything is worked out when it is first needed."""

    def __init__(self, arranged: Arranged) -> None:
        """Take the order."""
        self.arranged = arranged
        self._granularity = str(arranged.manifest.config["granularity"])

    @property
    def word(self) -> str:
        """What one of them is called."""
        kinds = {"instance": "row", "task": "task"}
        return kinds.get(self._granularity, "k-means cell")

    @functools.cached_property
    def tests(self) -> DistinctTests:
        """The tests that the ranking used, equal ones once."""
        return distinct_tests(self.arranged.sides.test.take(self.arranged.test_places))

    @functools.cached_property
    def units(self) -> Units | None:
        """The units; None where rows were ranked."""
        if self._granularity == "instance":
            return None
        ranked = self.arranged.ranked
        mask, store = ranked.was_ranked, self.arranged.sides.train
        kept: EmbeddingStore = store if mask.all() else StoreSubset(store, mask)
        assert ranked.units is not None
        unit_of_kept = ranked.units[mask]
        if self._granularity == "task":
            names = tasks_of(kept, "--granularity task").names
        else:
            names = [f"cell {cell}" for cell in range(int(unit_of_kept.max()) + 1)]
        of_row = np.full(len(mask), -1, dtype=np.int64)
        of_row[mask] = unit_of_kept
        means = unit_means(kept, unit_of_kept, names)
        return Units(names, of_row, ArrayVectors(on_grid(means)))

    @property
    def vectors(self) -> VectorRows:
        """Of each."""
        return self.arranged.sides.train if self.units is None else self.units.vectors

    def of_place(self, place: int) -> int:
        """The one that a stored row is, or is in."""
        return place if self.units is None else int(self.units.of_row[place])

    def values(self, of_row: NDArray[np.generic], fill: float) -> NDArray[np.generic]:
        """From one value a stored row to one an item: the least of its rows'."""
        if self.units is None:
            return of_row
        ranked = self.arranged.ranked.was_ranked
        least = np.full(len(self.units.names), fill, dtype=of_row.dtype)
        np.minimum.at(least, self.units.of_row[ranked], of_row[ranked])
        return least

    @functools.cached_property
    def first_positions(self) -> NDArray[np.int64]:
        """Position in the order, of a unit the first of its rows'; -1 where there is none."""
        positions = self.arranged.positions
        last = len(positions)
        found = self.values(np.where(positions < 0, last, positions), last).astype(np.int64)
        return np.where(found == last, -1, found)

    @functools.cached_property
    def rounds(self) -> NDArray[np.int32]:
        """Round of the ranking, from 1; 0 for a row that was not ranked."""
        assert self.arranged.ranked.rounds is not None
        return self.values(self.arranged.ranked.rounds, np.iinfo(np.int32).max).astype(np.int32)

    @functools.cached_property
    def picked(self) -> NDArray[np.int32]:
        """-k for what was picked in the k-th farthest-pick round, else 0."""
        rounds = self.arranged.rounds
        assert rounds is not None
        config = self.arranged.manifest.config
        if config["select"] == "farthest" and config["rounds"] is not None:
            # Rounds before the window are not in the order.
            rounds = -self._farthest_rounds()
        return self.values(np.minimum(rounds, 0), 0).astype(np.int32)

    def remaining(self, number: int) -> NDArray[np.bool_]:
        """What remained when a round began.

        Args:
            number: Of the round; -k for the k-th farthest-pick round.
        """
        if number > 0:
            return self.rounds >= number
        takes_part = self.arranged.ranked.was_ranked.copy()
        rounds = self.arranged.order_rounds
        assert rounds is not None
        takes_part[self.arranged.rows[rounds > 0]] = False
        had_rows = self.values(~takes_part, 1) == 0
        picked_before = (self.picked < 0) & (self.picked > number)
        remaining: NDArray[np.bool_] = had_rows & ~picked_before
        return remaining

    def _farthest_rounds(self) -> NDArray[np.int32]:
        """Farthest-pick rounds of the whole pool, one a stored row."""
        engine = Engine(self.vectors, self.tests.vectors, device="cpu")
        mask = np.ones(engine.train.shape[0], dtype=np.bool_)
        if self.units is None:
            return engine.farthest_rounds(self.arranged.ranked.was_ranked)
        return engine.farthest_rounds(mask)[self.units.of_row]
