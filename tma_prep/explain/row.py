"""Why a training row stands where it stands."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tma_prep.explain.ranked_items import RankedItems
from tma_prep.explain.reasons import RowFacts, why
from tma_prep.explain.texts import test_texts, train_texts
from tma_prep.explain.told import Competitor, Excerpt, Nomination, SeenTest
from tma_prep.leakage import Leak, Leakage
from tma_prep.orders import Arranged, rows_before_shuffle
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


class RowExplainer:
    """Explains rows of one order, one after the other."""

    def __init__(self, arranged: Arranged, items: RankedItems, leaks: Leakage | None) -> None:
        """Take the order, what was ranked for it, and what is known of leakage."""
        self._arranged = arranged
        self._items = items
        self._leaks = leaks

    def row(self, place: int) -> RowExplanation:
        """Explain the row at this place of the training store."""
        arranged, items = self._arranged, self._items
        ranked, train = arranged.ranked, arranged.sides.train
        was_ranked = bool(ranked.was_ranked[place])
        number = None if arranged.rounds is None or not was_ranked else int(arranged.rounds[place])
        named_by: list[tuple[int, float, list[Competitor]]] = []
        distinct = remaining = None
        notes: list[str] = []
        if number is not None:
            mask = items.remaining(number)
            remaining = int(np.count_nonzero(mask))
            named_by = self._named_by(place, number, mask)
            used = np.searchsorted(arranged.test_places, [test for test, _, _ in named_by])
            distinct = len(np.unique(items.tests.group_of_test[used]))
        nearest = self._nearest(place)
        tests = {test for test, _, _ in named_by} | {test for test, _ in nearest}
        texts = test_texts(arranged, tests)
        notes += sorted({text.problem for text in texts.values() if text.problem is not None})
        facts = self._facts(place, number, distinct, remaining)
        instance = arranged.train_instances.slice(place, 1).to_pylist()[0]
        text = train_texts(arranged, [place])[place]
        notes += [] if text.problem is None else [text.problem]
        return RowExplanation(
            workspace=str(arranged.workspace.root),
            order=arranged.name,
            order_rows=len(arranged.rows),
            tma_row=int(train.rows[place]),
            tma_id=train.ids[place].as_py(),
            id=instance["id"],
            task=instance["task"],
            text=text,
            unit=facts.unit,
            position=facts.position,
            round=number,
            similarity=float(ranked.similarity[place]) if was_ranked else None,
            distance=facts.distance,
            why=why(facts),
            remaining=remaining,
            named_by=[
                Nomination(self._seen(test, similarity, texts[test]), competitors)
                for test, similarity, competitors in named_by
            ],
            nearest_tests=[
                self._seen(test, similarity, texts[test]) for test, similarity in nearest
            ],
            leakage_known=self._leaks is not None,
            leaks=[] if self._leaks is None else self._leaks.of("tma_row", int(train.rows[place])),
            notes=list(dict.fromkeys(notes)),
        )

    def _named_by(
        self, place: int, number: int, remaining: NDArray[np.bool_]
    ) -> list[tuple[int, float, list[Competitor]]]:
        """Places of the tests that named it, their similarity to it, and who came next for them."""
        items = self._items
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
            found[group] = near, [self._competitor(row, score) for row, score in pairs]
        of_group = groups.group_of_test
        return [
            (int(self._arranged.test_places[test]), *found[int(of_group[test])])
            for test in np.flatnonzero(np.isin(of_group, naming))
        ]

    def _competitor(self, item: int, similarity: float) -> Competitor:
        arranged, items = self._arranged, self._items
        position = int(items.first_positions[item])
        picked, number = int(items.picked[item]), int(items.rounds[item])
        row = int(arranged.sides.train.rows[item]) if items.units is None else None
        return Competitor(
            name=f"row {row}" if items.units is None else items.units.names[item],
            tma_row=row,
            similarity=similarity,
            round=picked or number,
            position=None if position < 0 else position,
        )

    def _nearest(self, place: int) -> list[tuple[int, float]]:
        """Places of the nearest tests, equal ones once, and their similarities to the row."""
        groups = self._items.tests
        similarity = similarities_of(place, groups.vectors, self._arranged.sides.train)
        nearest = np.argsort(-similarity, kind="stable")[:NEAREST_TESTS]
        places = self._arranged.test_places[groups.first[nearest]]
        return list(zip(places.tolist(), similarity[nearest].tolist(), strict=True))

    def _seen(self, place: int, similarity: float, text: Excerpt) -> SeenTest:
        row = int(self._arranged.sides.test.rows[place])
        instance = self._arranged.test_instances.slice(place, 1).to_pylist()[0]
        name = str(row) if instance["id"] is None else instance["id"]
        return SeenTest(row, name, instance["task"], similarity, text)

    def _facts(
        self, place: int, number: int | None, named_by: int | None, remaining: int | None
    ) -> RowFacts:
        arranged, items, config = self._arranged, self._items, self._arranged.manifest.config
        ranked, position = arranged.ranked, int(arranged.positions[place])
        units = items.units if ranked.was_ranked[place] else None
        unit = None if units is None else int(units.of_row[place])
        in_round = in_task = None
        if number is not None and position >= 0:
            in_round = np.flatnonzero(arranged.order_rounds == number)
        tasks = arranged.tasks
        if tasks is not None and position >= 0:
            in_task = np.flatnonzero(tasks.of_row[arranged.rows] == tasks.of_row[place])
        distance = nearer = as_near = None
        ranked_count = int(np.count_nonzero(ranked.was_ranked))
        if ranked.distance is not None and ranked.was_ranked[place]:
            distance = float(ranked.distance[place])
            values = ranked.distance[ranked.was_ranked]
            if units is not None:
                values = np.full(len(units.names), np.nan)
                values[units.of_row[ranked.was_ranked]] = ranked.distance[ranked.was_ranked]
                ranked_count = len(values)
            nearer = int(np.count_nonzero(values < distance))
            as_near = int(np.count_nonzero(values == distance)) - 1
        return RowFacts(
            ranking=str(config["ranking"]),
            ranked=items.word,
            unit=None if units is None or unit is None else units.names[unit],
            unit_rows=None if units is None else int(np.count_nonzero(units.of_row == unit)),
            was_ranked=bool(ranked.was_ranked[place]),
            position=position if position >= 0 else None,
            order_rows=len(arranged.rows),
            round=number,
            rounds=ranked.manifest.facts.rounds,
            tests=len(items.tests.vectors),
            named_by=named_by,
            remaining=remaining,
            place_in_round=None
            if in_round is None
            else 1 + int(np.searchsorted(in_round, position)),
            round_rows=None if in_round is None else len(in_round),
            distance=distance,
            nearer=nearer,
            as_near=as_near,
            ranked_count=ranked_count,
            order=arranged.manifest.order,
            task=None if tasks is None else tasks.names[int(tasks.of_row[place])],
            place_in_task=None if in_task is None else 1 + int(np.searchsorted(in_task, position)),
            config=config,
            shuffled_from=None
            if config["shuffle_after"] is None
            else rows_before_shuffle(float(str(config["shuffle_after"])), len(arranged.rows)),
        )
