"""A test's neighbours in order, and where each ended up."""

from dataclasses import dataclass

import numpy as np
import pyarrow.compute as pc
from numpy.typing import NDArray

from tma_prep.artifact import ARRANGE_AGAIN
from tma_prep.explain.contest import named_along_list
from tma_prep.explain.ranked_items import RankedItems
from tma_prep.explain.reasons import ended_up
from tma_prep.explain.texts import test_texts, train_texts
from tma_prep.explain.told import Excerpt, Neighbour
from tma_prep.leakage import Leak, Leakage
from tma_prep.orders import Arranged
from tma_prep.rankings import exact_neighbors, exact_similarities
from tma_prep.tables import read_table
from tma_prep_schemas import NEIGHBORS, ROW

SHOWN_TEXTS = 3
"""Nearest rows whose text is told."""

_RANKS = 256


@dataclass(frozen=True)
class TargetExplanation:
    """Where a test's neighbours ended up.

    Attributes:
        order: Name of the order.
        id: As `tma_target` calls it.
        was_used: Whether it took part in the ranking.
        coverage: Mean similarity of its ten nearest rows; None for a test that was not used.
        covered_less: How many of the tests used have a lower one.
        tests_used: How many took part.
        equal_tests: Other test rows with the very same vector.
        neighbours: Nearest first.
        why: In sentences.
        texts: Of the nearest rows, by `tma_row`.
        leakage_known: Whether it was looked for.
        leaks: Training rows that hold it, the strongest first.
        notes: What could not be told, and why.
    """

    workspace: str
    order: str
    order_rows: int
    test_row: int
    id: str
    task: str | None
    text: Excerpt
    was_used: bool
    coverage: float | None
    covered_less: int | None
    tests_used: int
    equal_tests: list[int]
    why: list[str]
    neighbours: list[Neighbour]
    texts: dict[int, Excerpt]
    leakage_known: bool
    leaks: list[Leak]
    notes: list[str]


class TargetExplainer:
    """Explains tests of one order, one after the other."""

    def __init__(self, arranged: Arranged, items: RankedItems, leaks: Leakage | None) -> None:
        """Take the order, what was ranked for it, and what is known of leakage."""
        self._arranged = arranged
        self._items = items
        self._leaks = leaks

    def test(self, place: int) -> TargetExplanation:
        """Explain the test at this place of the test store."""
        arranged, test = self._arranged, self._arranged.sides.test
        row = int(test.rows[place])
        by_test = arranged.ranked.manifest.facts.coverage_by_test
        coverage = by_test.get(str(row))
        vector = test.take(np.array([place]))
        equal = [
            int(other) for other in test.rows[(test.array() == vector).all(axis=1)] if other != row
        ]
        rows, similarity = self._nearest(place, vector)
        neighbours = self._neighbours(rows, similarity, was_used=coverage is not None)
        instance = arranged.test_instances.slice(place, 1).to_pylist()[0]
        text = test_texts(arranged, [place])[place]
        texts = train_texts(arranged, rows[:SHOWN_TEXTS].tolist())
        problems = [each.problem for each in [text, *texts.values()] if each.problem is not None]
        numbers = arranged.sides.train.rows
        return TargetExplanation(
            workspace=str(arranged.workspace.root),
            order=arranged.name,
            order_rows=len(arranged.rows),
            test_row=row,
            id=str(row) if instance["id"] is None else instance["id"],
            task=instance["task"],
            text=text,
            was_used=coverage is not None,
            coverage=coverage,
            covered_less=None
            if coverage is None
            else sum(other < coverage for other in by_test.values()),
            tests_used=len(by_test),
            equal_tests=equal,
            why=ended_up(neighbours, len(arranged.rows), coverage is not None),
            neighbours=neighbours,
            texts={int(numbers[near]): texts[near] for near in rows[:SHOWN_TEXTS].tolist()},
            leakage_known=self._leaks is not None,
            leaks=[] if self._leaks is None else self._leaks.of("test_row", row),
            notes=list(dict.fromkeys(problems)),
        )

    def _nearest(
        self, place: int, vector: NDArray[np.float32]
    ) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Places of the nearest rows and their exact similarities.

        From `neighbors/`; where that is not of these embeddings, by a search.
        """
        arranged, train = self._arranged, self._arranged.sides.train
        neighbors = arranged.workspace.neighbors
        manifest = neighbors.read()
        if manifest is not None and neighbors.stale(manifest) is None:
            path = neighbors.folder / neighbors.open().files[0].file
            table = read_table(path, NEIGHBORS, remedy=ARRANGE_AGAIN, rows=manifest.rows)
            table = table.filter(pc.field("test_row") == int(arranged.sides.test.rows[place]))
            rows = np.searchsorted(train.rows, table.column(ROW).to_numpy())
        else:
            rows = exact_neighbors(vector, train, None, min(_RANKS, train.shape[0]))[0]
        queries = np.zeros(len(rows), dtype=np.int64)
        return rows, exact_similarities(vector, train, queries, rows)

    def _neighbours(
        self, rows: NDArray[np.int64], similarity: NDArray[np.float64], *, was_used: bool
    ) -> list[Neighbour]:
        arranged, units = self._arranged, self._items.units
        rounds = arranged.rounds
        named: list[bool | None] = [None] * len(rows)
        if arranged.ranked.rounds is not None and self._items.word == "row" and was_used:
            named = list(named_along_list(arranged.ranked.rounds[rows]).tolist())
        found = []
        for rank, row in enumerate(rows.tolist()):
            position = int(arranged.positions[row])
            unit = -1 if units is None else int(units.of_row[row])
            found.append(
                Neighbour(
                    rank=rank,
                    tma_row=int(arranged.sides.train.rows[row]),
                    similarity=float(similarity[rank]),
                    unit=None if units is None or unit < 0 else units.names[unit],
                    position=None if position < 0 else position,
                    round=None if rounds is None else int(rounds[row]) or None,
                    named=named[rank],
                )
            )
        return found
