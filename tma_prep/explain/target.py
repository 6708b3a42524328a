"""A test's neighbours in order, and where each ended up."""

from dataclasses import dataclass

import numpy as np
import pyarrow.compute as pc
from numpy.typing import NDArray

from tma_prep.artifact import ARRANGE_AGAIN
from tma_prep.explain.ranked_items import RankedItems
from tma_prep.explain.reasons import ended_up
from tma_prep.explain.told import Excerpt, Neighbour, texts_of
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


def explain_test(items: RankedItems, leaks: Leakage | None, place: int) -> TargetExplanation:
    """Explain the test at this place of the test store."""
    arranged, test, train = items.arranged, items.arranged.sides.test, items.arranged.sides.train
    row = int(test.rows[place])
    by_test = arranged.ranked.manifest.facts.coverage_by_test
    coverage = by_test.get(str(row))
    was_used = coverage is not None
    vector = test.take(np.array([place]))
    equal = test.rows[(test.array() == vector).all(axis=1)].tolist()
    rows, similarity = _nearest(arranged, place, vector)
    neighbours = _neighbours(items, rows, similarity, was_used=was_used)
    instance = arranged.test_instances.slice(place, 1).to_pylist()[0]
    text = texts_of(test, [place])[place]
    shown = rows[:SHOWN_TEXTS].tolist()
    texts = texts_of(train, shown)
    problems = [each.problem for each in [text, *texts.values()] if each.problem is not None]
    return TargetExplanation(
        workspace=str(arranged.workspace.root),
        order=arranged.name,
        order_rows=len(arranged.rows),
        test_row=row,
        id=str(row) if instance["id"] is None else instance["id"],
        task=instance["task"],
        text=text,
        was_used=was_used,
        coverage=coverage,
        covered_less=None
        if coverage is None
        else sum(other < coverage for other in by_test.values()),
        tests_used=len(by_test),
        equal_tests=[other for other in equal if other != row],
        why=ended_up(neighbours, len(arranged.rows), was_used),
        neighbours=neighbours,
        texts={int(train.rows[near]): texts[near] for near in shown},
        leakage_known=leaks is not None,
        leaks=[] if leaks is None else leaks.of("test_row", row),
        notes=list(dict.fromkeys(problems)),
    )


def _nearest(
    arranged: Arranged, place: int, vector: NDArray[np.float32]
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Places of the nearest rows and their exact similarities.

    From `neighbors/`; where that is not of these embeddings, by a search.
    """
    train, neighbors = arranged.sides.train, arranged.workspace.neighbors
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
    items: RankedItems,
    rows: NDArray[np.int64],
    similarity: NDArray[np.float64],
    *,
    was_used: bool,
) -> list[Neighbour]:
    arranged, units = items.arranged, items.units
    rounds = arranged.rounds
    named: list[bool | None] = [None] * len(rows)
    if arranged.ranked.rounds is not None and units is None and was_used:
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


def named_along_list(rounds: NDArray[np.int32]) -> NDArray[np.bool_]:
    """Which rows of a test's list, nearest first, the test itself named.

    In round r a test names the first row of its list whose round is r or later, so that it named
    exactly those whose round is later than that of every row before them: rounds 1, 2, 3 and so on.

    Args:
        rounds: Round of each row of the list, from 1.
    """
    before = np.maximum.accumulate(np.concatenate([[0], rounds]))[:-1]
    named: NDArray[np.bool_] = rounds > before
    return named
