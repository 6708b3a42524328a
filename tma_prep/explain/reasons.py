"""Why a row stands at its position, and where a test's neighbours stand, in sentences."""

from collections.abc import Sequence

import numpy as np

from tma_prep.explain.ranked_items import RankedItems
from tma_prep.explain.told import Neighbour
from tma_prep.orders import Arranged, limits_of, rows_before_shuffle

_TENTH = 10
"""Nearest rows that are counted, as for the coverage; and parts of the order."""

_WITHIN_ROUND = {
    "similarity": "by similarity to the nearest test, then by row number",
    "index": "by row number",
    "shuffle": "in a drawn sequence",
}

_DISTANCES = {
    "wsd": "weighted similarity distance",
    "min": "distance to the nearest test",
    "avg": "mean distance to the tests",
    "max": "distance to the farthest test",
    "centroid": "distance to the mean of the tests",
    "ot": "transport cost",
}


def why(items: RankedItems, place: int, named_by: int | None, remaining: int | None) -> list[str]:
    """The sentences: how near a row is, whether it stays, what the order makes of that.

    Args:
        items: What was ranked for the order.
        place: Of the row, in the training store.
        named_by: How many distinct tests named it, or its unit; None where there are no rounds.
        remaining: Rows, or units, that remained when its round began.
    """
    arranged = items.arranged
    if not arranged.ranked.was_ranked[place]:
        return ["It was not ranked: it was taken out of the pool before (--leakage exclude)."]
    limits = limits_of(arranged.manifest.config)
    sentences = _by_ranking(items, place, named_by, remaining)
    if arranged.positions[place] < 0:
        left_out = f"It is left out of this order: {limits or 'nothing'} keeps other rows."
        return [*sentences, left_out]
    if limits:
        sentences.append(f"It is kept by {limits}.")
    return [*sentences, _by_order(arranged, place)]


def _by_ranking(
    items: RankedItems, place: int, named_by: int | None, remaining: int | None
) -> list[str]:
    ranked, units, word = items.arranged.ranked, items.units, items.word
    subject = "It"
    sentences = []
    if units is not None:
        unit = int(units.of_row[place])
        rows = int(np.count_nonzero(units.of_row == unit))
        sentences.append(
            f"Its {word} is {units.names[unit]!r}, {_counted(rows, 'row')} that share one place in "
            "the ranking."
        )
        subject = f"The {word}"
    if ranked.distance is not None:
        distance = ranked.distance[place]
        values = items.values(ranked.distance, np.inf)
        if units is None:
            values = values[ranked.was_ranked]
        ranking = str(items.arranged.manifest.config["ranking"])
        kind = _DISTANCES.get(ranking, ranking)
        sentences.append(
            f"{subject} has the {kind} {distance:.6f}: of {len(values):,} {word}s "
            f"{np.count_nonzero(values < distance):,} are nearer, and "
            f"{np.count_nonzero(values == distance) - 1:,} as near."
        )
    elif items.arranged.rounds is not None:
        number = int(items.arranged.rounds[place])
        named, farther = f"named in round {number} of {ranked.manifest.facts.rounds}", "nearer"
        if number < 0:
            named, farther = f"picked in farthest-pick round {-number}", "farther away"
        sentences.append(
            f"{subject} was {named}: {named_by:,} of "
            f"{_counted(len(items.tests.vectors), 'distinct test')} had none {farther} among the "
            f"{_counted(remaining or 0, word)} left then."
        )
    return sentences


def _by_order(arranged: Arranged, place: int) -> str:
    config, order = arranged.manifest.config, arranged.manifest.order
    position, rows = int(arranged.positions[place]), len(arranged.rows)
    at = f"position {position:,} of {rows:,}"
    if config["shuffle_after"] is not None:
        shuffled_from = rows_before_shuffle(float(str(config["shuffle_after"])), rows)
        if position >= shuffled_from:
            return (
                f"From position {shuffled_from:,} on the order is shuffled (--shuffle-after, seed "
                f"{config['seed']}): {at} was drawn."
            )
    if order == "rt":
        return f"rt shuffles the rows (seed {config['seed']}): {at} says nothing of nearness."
    if order in ("round-robin", "cluster"):
        tasks = arranged.tasks
        assert tasks is not None, "these orders need tasks"
        task = int(tasks.of_row[place])
        before = tasks.of_row[arranged.rows[: position + 1]]
        number = f"{at} is row {np.count_nonzero(before == task)} of task {tasks.names[task]!r}"
        if order == "round-robin":
            return f"round-robin takes one row of each task in turn: {number}, nearest first."
        return f"cluster keeps each task together, nearest task first: {number}."
    way = "nearest first" if order == "nft" else "farthest first"
    within = _WITHIN_ROUND[str(config["within_round"])]
    if order == "fft":
        within += ", all reversed"
    rounds = arranged.order_rounds
    if rounds is None:
        return f"{order} puts rows {way}; those as near are sorted {within}: that is {at}."
    same = rounds == rounds[position]
    return (
        f"{order} puts rounds {way}: {at} is row {np.count_nonzero(same[: position + 1]):,} of "
        f"{np.count_nonzero(same):,} in its round, which are sorted {within}."
    )


def _counted(count: int, word: str) -> str:
    return f"{count:,} {word}{'' if count == 1 else 's'}"


def ended_up(neighbours: Sequence[Neighbour], order_rows: int, was_used: bool) -> list[str]:
    """Where a test's neighbours stand, in sentences.

    Args:
        neighbours: Nearest first; at least one.
        order_rows: Rows of the order.
        was_used: Whether the test took part in the ranking.
    """
    sentences = [] if was_used else ["It took no part in the ranking."]
    nearest = neighbours[0]
    where = (
        "is left out" if nearest.position is None else f"stands at position {nearest.position:,}"
    )
    sentences.append(f"Its nearest row, {nearest.tma_row}, {where}.")
    first = neighbours[:_TENTH]
    kept = [row.position for row in first if row.position is not None]
    early = sum(position * _TENTH < order_rows for position in kept)
    count = "ten" if len(first) == _TENTH else str(len(first))
    sentences.append(
        f"Of its {count} nearest rows {early} stand in the first tenth of the order"
        + (f", and {len(first) - len(kept)} are left out." if len(kept) < len(first) else ".")
    )
    named = [row.round for row in first if row.named]
    if named:
        sentences.append(
            f"It named {len(named)} of them itself, in rounds 1 to {len(named)}; others named the "
            "rest before it came to them."
        )
    return sentences
