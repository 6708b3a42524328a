"""Why a training row stands where it stands."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tma_prep.explain.ranked_items import RankedItems
from tma_prep.explain.reasons import why
from tma_prep.explain.told import Competitor, Excerpt, Nomination, SeenTest, texts_of
from tma_prep.leakage import Leak, Leakage
from tma_prep.orders import Arranged
from tma_prep.rankings import exact_neighbors, exact_similarities, naming_tests, similarities_of

COMPETITORS = 5
"""Told of each test that named the row."""

NEAREST_TESTS = 3
"""Told of every row, whether they named it or not."""


@dataclass(frozen=True)
class RowExplanation:
    """Why a training row stands where it stands.

    Attributes:
        order: Name of the order.
        id: The row's own, where it has one.
        unit: Task or k-means cell, where those were ranked.
        position: None where the order leaves it out.
        round: -k for the k-th farthest-pick round; None where there are none.
        similarity: To the nearest test; None for a row that was not ranked.
        distance: By the ranking, smaller is nearer; None under `tma`.
        why: In sentences.
        remaining: Rows, or units, that remained when its round began.
        named_by: The tests that named it in its round, lowest first.
        nearest_tests: Nearest first, whether they named it or not.
        leakage_known: Whether it was looked for.
        leaks: What it holds of the tests, the strongest first.
        notes: What could not be told, and why.
    """

    workspace: str
    order: str
    order_rows: int
    tma_row: int
    tma_id: str
    id: str | None
    task: str | None
    text: Excerpt
    unit: str | None
    position: int | None
    round: int | None
    similarity: float | None
    distance: float | None
    why: list[str]
    remaining: int | None
    named_by: list[Nomination]
    nearest_tests: list[SeenTest]
    leakage_known: bool
    leaks: list[Leak]
    notes: list[str]


def explain_row(items: RankedItems, leaks: Leakage | None, place: int) -> RowExplanation:
    """Explain the row at this place of the training store."""
    arranged = items.arranged
    ranked, train = arranged.ranked, arranged.sides.train
    was_ranked, position = bool(ranked.was_ranked[place]), int(arranged.positions[place])
    number = None if arranged.rounds is None or not was_ranked else int(arranged.rounds[place])
    named_by: list[tuple[int, float, list[Competitor]]] = []
    distinct = remaining = None
    if number is not None:
        mask = items.remaining(number)
        remaining = int(np.count_nonzero(mask))
        named_by = _named_by(items, place, number, mask)
        used = np.searchsorted(arranged.test_places, [test for test, _, _ in named_by])
        distinct = len(np.unique(items.tests.group_of_test[used]))
    nearest = _nearest(items, place)
    tests = {test for test, _, _ in named_by} | {test for test, _ in nearest}
    texts = texts_of(arranged.sides.test, tests)
    text = texts_of(train, [place])[place]
    problems = sorted({found.problem for found in texts.values() if found.problem is not None})
    if text.problem is not None:
        problems.append(text.problem)
    instance = arranged.train_instances.slice(place, 1).to_pylist()[0]
    row = int(train.rows[place])
    return RowExplanation(
        workspace=str(arranged.workspace.root),
        order=arranged.name,
        order_rows=len(arranged.rows),
        tma_row=row,
        tma_id=train.ids[place].as_py(),
        id=instance["id"],
        task=instance["task"],
        text=text,
        unit=items.units.names[items.of_place(place)] if items.units and was_ranked else None,
        position=None if position < 0 else position,
        round=number,
        similarity=float(ranked.similarity[place]) if was_ranked else None,
        distance=None
        if ranked.distance is None or not was_ranked
        else float(ranked.distance[place]),
        why=why(items, place, distinct, remaining),
        remaining=remaining,
        named_by=[
            Nomination(_seen(arranged, test, similarity, texts), after)
            for test, similarity, after in named_by
        ],
        nearest_tests=[_seen(arranged, test, similarity, texts) for test, similarity in nearest],
        leakage_known=leaks is not None,
        leaks=[] if leaks is None else leaks.of("tma_row", row),
        notes=list(dict.fromkeys(problems)),
    )


def _named_by(
    items: RankedItems, place: int, number: int, remaining: NDArray[np.bool_]
) -> list[tuple[int, float, list[Competitor]]]:
    """Places of the tests that named it, their similarity to it, and who came next for them."""
    item, groups = items.of_place(place), items.tests
    # The farthest row of a test is the nearest of its opposite.
    sign = 1.0 if number > 0 else -1.0
    tests = np.float32(sign) * groups.vectors
    naming = naming_tests(item, tests, items.vectors, remaining)
    similarity = sign * similarities_of(item, tests[naming], items.vectors)
    others = remaining.copy()
    others[item] = False
    if others.any():
        lists = exact_neighbors(tests[naming], items.vectors, others, COMPETITORS)
    else:
        lists = [np.empty(0, dtype=np.int64) for _ in naming]
    found = {}
    for group, near, rows in zip(naming.tolist(), similarity.tolist(), lists, strict=True):
        queries = np.full(len(rows), group)
        scores = exact_similarities(groups.vectors, items.vectors, queries, rows)
        pairs = zip(rows.tolist(), scores.tolist(), strict=True)
        found[group] = near, [_competitor(items, row, score) for row, score in pairs]
    of_group = groups.group_of_test
    return [
        (int(items.arranged.test_places[test]), *found[int(of_group[test])])
        for test in np.flatnonzero(np.isin(of_group, naming))
    ]


def _competitor(items: RankedItems, item: int, similarity: float) -> Competitor:
    position = int(items.first_positions[item])
    row = int(items.arranged.sides.train.rows[item]) if items.units is None else None
    return Competitor(
        name=f"row {row}" if items.units is None else items.units.names[item],
        tma_row=row,
        similarity=similarity,
        round=int(items.picked[item]) or int(items.rounds[item]),
        position=None if position < 0 else position,
    )


def _nearest(items: RankedItems, place: int) -> list[tuple[int, float]]:
    """Places of the nearest tests, equal ones once, and their similarities to the row."""
    groups = items.tests
    similarity = similarities_of(place, groups.vectors, items.arranged.sides.train)
    nearest = np.argsort(-similarity, kind="stable")[:NEAREST_TESTS]
    places = items.arranged.test_places[groups.first[nearest]]
    return list(zip(places.tolist(), similarity[nearest].tolist(), strict=True))


def _seen(arranged: Arranged, place: int, similarity: float, texts: dict[int, Excerpt]) -> SeenTest:
    row = int(arranged.sides.test.rows[place])
    instance = arranged.test_instances.slice(place, 1).to_pylist()[0]
    name = str(row) if instance["id"] is None else instance["id"]
    return SeenTest(row, name, instance["task"], similarity, texts[place])
