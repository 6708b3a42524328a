"""Why a row stands at its position, in sentences."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tma_prep.explain.told import Neighbour
from tma_prep.orders import limits_of
from tma_prep_schemas.manifests import Option

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


@dataclass(frozen=True)
class RowFacts:
    """What is known of a row and its order.

    Attributes:
        ranking: As `--ranking` names it.
        ranked: What was ranked: `row`, `task` or `k-means cell`.
        unit: Which of them the row is in, None where rows were ranked.
        unit_rows: Rows of that unit.
        was_ranked: Whether it took part.
        position: In the order, None where it was left out.
        order_rows: Rows of the order.
        round: Its round; -k for the k-th farthest-pick round; None where there are none.
        rounds: How many rounds the ranking has.
        tests: Distinct tests that the ranking used.
        named_by: How many of them named it; None where there are no rounds.
        remaining: Rows, or units, that remained when the round began.
        place_in_round: From 1, among the rows of its round in the order.
        round_rows: Rows of its round in the order.
        distance: Smaller is nearer.
        nearer: How many rows, or units, have a smaller distance.
        as_near: How many others have the very same.
        ranked_count: How many rows, or units, were ranked.
        order: `nft`, `rt` and so on.
        task: Name of its task.
        place_in_task: From 1, among the rows of its task in the order.
        config: The options of the order, as its manifest records them.
        shuffled_from: Position from which `--shuffle-after` shuffles, None for nowhere.
    """

    ranking: str
    ranked: str
    unit: str | None
    unit_rows: int | None
    was_ranked: bool
    position: int | None
    order_rows: int
    round: int | None
    rounds: int | None
    tests: int
    named_by: int | None
    remaining: int | None
    place_in_round: int | None
    round_rows: int | None
    distance: float | None
    nearer: int | None
    as_near: int | None
    ranked_count: int
    order: str
    task: str | None
    place_in_task: int | None
    config: Mapping[str, Option]
    shuffled_from: int | None


def why(row: RowFacts) -> list[str]:
    """The sentences: how near it is, whether it stays, what the order makes of that."""
    if not row.was_ranked:
        return ["It was not ranked: it was taken out of the pool before (--leakage exclude)."]
    return [*_by_ranking(row), *_by_selection(row), *_by_order(row)]


def _by_ranking(row: RowFacts) -> list[str]:
    subject = "It"
    sentences = []
    if row.unit is not None:
        sentences.append(
            f"Its {row.ranked} is {row.unit!r}, {_counted(row.unit_rows or 0, 'row')} that share "
            "one place in the ranking."
        )
        subject = f"The {row.ranked}"
    if row.distance is not None:
        kind = _DISTANCES.get(row.ranking, row.ranking)
        sentences.append(
            f"{subject} has the {kind} {row.distance:.6f}: of {row.ranked_count:,} {row.ranked}s "
            f"{row.nearer or 0:,} are nearer, and {row.as_near or 0:,} as near."
        )
    elif row.round is not None and row.round < 0:
        sentences.append(
            f"{subject} was picked in farthest-pick round {-row.round}: "
            f"{_tests(row)} had none farther away{_remaining(row)}."
        )
    elif row.round is not None:
        sentences.append(
            f"{subject} was named in round {row.round} of {row.rounds}: "
            f"{_tests(row)} had none nearer{_remaining(row)}."
        )
    return sentences


def _tests(row: RowFacts) -> str:
    if row.named_by is None:
        return "some test"
    return f"{row.named_by:,} of {_counted(row.tests, 'distinct test')}"


def _remaining(row: RowFacts) -> str:
    if row.remaining is None:
        return ""
    return f" among the {row.remaining:,} {row.ranked}{'' if row.remaining == 1 else 's'} left then"


def _by_selection(row: RowFacts) -> list[str]:
    limits = limits_of(row.config)
    if row.position is None:
        return [f"It is left out of this order: {limits or 'nothing'} keeps other rows."]
    return [f"It is kept by {limits}."] if limits else []


def _by_order(row: RowFacts) -> list[str]:
    if row.position is None:
        return []
    at = f"position {row.position:,} of {row.order_rows:,}"
    if row.shuffled_from is not None and row.position >= row.shuffled_from:
        return [
            f"From position {row.shuffled_from:,} on the order is shuffled (--shuffle-after, seed "
            f"{row.config['seed']}): {at} was drawn."
        ]
    if row.order == "rt":
        return [f"rt shuffles the rows (seed {row.config['seed']}): {at} says nothing of nearness."]
    task = f"{row.task!r}" if row.task is not None else "without a name"
    if row.order == "round-robin":
        return [
            f"round-robin takes one row of each task in turn: {at} is row {row.place_in_task} of "
            f"task {task}, nearest first."
        ]
    if row.order == "cluster":
        return [
            f"cluster keeps each task together, nearest task first: {at} is row "
            f"{row.place_in_task} of task {task}."
        ]
    way = "nearest first" if row.order == "nft" else "farthest first"
    within = _WITHIN_ROUND[str(row.config["within_round"])]
    if row.order == "fft":
        within += ", all reversed"
    if row.place_in_round is not None:
        return [
            f"{row.order} puts rounds {way}: {at} is row {row.place_in_round:,} of "
            f"{row.round_rows:,} in its round, which are sorted {within}."
        ]
    return [f"{row.order} puts rows {way}; those as near are sorted {within}: that is {at}."]


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
