"""Every selection keeps exactly what its definition says, and refuses what has no meaning."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from itertools import chain
from typing import Literal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from tma_prep.errors import OptionError
from tma_prep.orders.selection import (
    SELECTIONS,
    Budget,
    Enough,
    FarthestRounds,
    RoundWindow,
    select,
)
from tma_prep.orders.sequences import Ranked, WithinRound, nearest_first

WITHIN: tuple[WithinRound, ...] = ("similarity", "index", "shuffle")
Matrix = list[list[int]]


def named(matrix: Matrix, remaining: Iterable[int], best: Callable[..., int]) -> dict[int, int]:
    """Round of every remaining row, each test naming its `best` (min or max) in each round."""
    left, rounds = sorted(remaining), dict[int, int]()
    number = 0
    while left:
        number += 1
        # The first of equals: the lower row.
        for row in {best(left, key=lambda row: sims[row]) for sims in matrix}:  # noqa: B023
            rounds[row] = number
        left = [row for row in left if row not in rounds]
    return rounds


def farthest_of(matrix: Matrix, *, stopping: bool = True) -> FarthestRounds:
    """Farthest-pick rounds over a matrix, which stop when told, or never."""

    def farthest_rounds(remaining: NDArray[np.bool_], enough: Enough) -> NDArray[np.int32]:
        assert remaining.any()
        rounds = named(matrix, np.flatnonzero(remaining).tolist(), min)
        found = np.zeros(len(remaining), np.int32)
        for number in range(1, max(rounds.values()) + 1):
            rows = np.array([row for row in sorted(rounds) if rounds[row] == number])
            found[rows] = number
            if enough(rows) and stopping:
                break
        return found

    return farthest_rounds


def ranked_by(
    matrix: Matrix, within: WithinRound = "similarity", seed: int = 0, *, distances: bool = False
) -> Ranked:
    """The pool of a matrix (tests, rows) by rounds, or by least distance."""
    rows = len(matrix[0])
    nearest = np.array(matrix, np.float64).max(axis=0)
    rounds = named(matrix, range(rows), max)
    return Ranked(
        np.arange(rows),
        nearest / 8,
        None if distances else np.array([rounds[row] for row in range(rows)], np.int32),
        # Coarser than the similarity, so that the rule has something to decide.
        -(nearest // 3) if distances else None,
        np.arange(rows) % 3,
        within,
        seed,
    )


matrices = st.integers(1, 20).flatmap(
    lambda rows: st.lists(
        st.lists(st.integers(-8, 8), min_size=rows, max_size=rows), min_size=1, max_size=4
    )
)


def by_rule(pool: Ranked, rows: Iterable[int]) -> list[int]:
    """Rows of one round, or of one distance, in sequence; what was drawn for each is taken."""
    if pool.within_round == "index":
        return sorted(rows)
    if pool.within_round == "similarity":
        return sorted(rows, key=lambda row: (-pool.similarity[row], row))
    one_round = replace(pool, rounds=np.ones(len(pool), np.int32), distance=None)
    return sorted(rows, key=nearest_first(one_round).tolist().index)


def plain_picks(pool: Ranked, matrix: Matrix, left: list[int], end: str) -> list[list[int]]:
    """Picks of the rows that are left, round by round, or distance by distance."""
    if pool.distance is not None:
        sign = 1 if end == "nearest" else -1
        place = {row: sign * float(pool.distance[row]) for row in left}
    elif pool.rounds is not None and end == "nearest":
        place = {row: float(pool.rounds[row]) for row in left}
    else:
        place = {row: float(number) for row, number in named(matrix, left, min).items()}
    steps = sorted(set(place.values()))
    return [by_rule(pool, [row for row in left if place[row] == step]) for step in steps]


def plain_prefix(picks: Iterable[list[int]], cost: Sequence[int], most: int) -> list[int]:
    """One pick after the other, as long as they can be paid."""
    kept: list[int] = []
    for row in chain.from_iterable(picks):
        if sum(cost[other] for other in kept) + cost[row] > most:
            break
        kept.append(row)
    return kept


def plain_selection(
    name: str, pool: Ranked, matrix: Matrix, cost: Sequence[int], most: int
) -> tuple[list[int], list[int]]:
    """What a selection picks by nearest, or draws, and what by farthest."""
    rows = list(range(len(pool)))
    if name == "random":
        return plain_prefix([drawn(pool)], cost, most), []
    if name == "nearest":
        return plain_prefix(plain_picks(pool, matrix, rows, name), cost, most), []
    near: list[int] = []
    if name == "both-ends":
        near = plain_prefix(plain_picks(pool, matrix, rows, "nearest"), cost, -(-most // 2))
    left = [row for row in rows if row not in near]
    rest = most - sum(cost[row] for row in near)
    return near, plain_prefix(plain_picks(pool, matrix, left, "farthest"), cost, rest)


def drawn(pool: Ranked) -> list[int]:
    """The sequence that `random` draws, seen from its budgets: each adds one row."""
    sequence: list[int] = []
    for rows in range(1, len(pool) + 1):
        kept = select("random", pool, budget=Budget(rows, "rows")).rows.tolist()
        (new,) = set(kept) - set(sequence)
        sequence.append(new)
        assert len(kept) == rows
    return sequence


@settings(deadline=None)
@given(
    matrix=matrices,
    within=st.sampled_from(WITHIN),
    distances=st.booleans(),
    stopping=st.booleans(),
    name=st.sampled_from(sorted(SELECTIONS)),
    unit=st.sampled_from(["rows", "tokens"]),
    data=st.data(),
)
def test_selections_equal_brute_force(
    matrix: Matrix,
    within: WithinRound,
    distances: bool,
    stopping: bool,
    name: str,
    unit: Literal["rows", "tokens"],
    data: st.DataObject,
) -> None:
    """Rows and rounds; a budget of rows to the row; the same again; inputs as they were."""
    pool = ranked_by(matrix, within, data.draw(st.integers(0, 9)), distances=distances)
    rows = len(pool)
    cost = data.draw(st.lists(st.integers(0, 5), min_size=rows, max_size=rows).filter(any))
    tokens = np.array(cost)
    if unit == "rows":
        cost = [1] * rows
    budget = Budget(data.draw(st.integers(1, sum(cost))), unit)
    near, far = plain_selection(name, pool, matrix, cost, budget.amount)
    before = repr(pool), repr(tokens)

    def once() -> Ranked:
        return select(
            name,
            pool,
            budget=budget,
            tokens_of_row=tokens,
            farthest_rounds=farthest_of(matrix, stopping=stopping),
        )

    if not near and not far:
        with pytest.raises(OptionError, match="is less than the first pick has"):
            once()
        return
    kept, again = once(), once()
    assert (repr(pool), repr(tokens)) == before
    assert kept.rows.tolist() == again.rows.tolist() == sorted(near + far)
    assert unit == "tokens" or len(kept) == budget.amount
    assert sum(cost[row] for row in kept.rows) <= budget.amount
    assert np.array_equal(kept.similarity, pool.similarity[kept.rows])
    if pool.rounds is None:
        assert kept.rounds is None
        return
    assert kept.rounds is not None and kept.rounds.dtype == np.int32
    away = named(matrix, [row for row in range(rows) if row not in near], min)
    for row, number in zip(kept.rows.tolist(), kept.rounds.tolist(), strict=True):
        assert number == (-away[row] if row in far else pool.rounds[row])


@settings(deadline=None)
@given(
    matrix=matrices,
    start=st.none() | st.integers(-6, 6),
    stop=st.none() | st.integers(-6, 6),
    name=st.sampled_from(["nearest", "farthest"]),
    stopping=st.booleans(),
    data=st.data(),
)
def test_windows_equal_python_slices(
    matrix: Matrix,
    start: int | None,
    stop: int | None,
    name: str,
    stopping: bool,
    data: st.DataObject,
) -> None:
    """Of the rounds of the picks, and then the budget."""
    pool = ranked_by(matrix)
    chosen = plain_picks(pool, matrix, list(range(len(pool))), name)[start:stop]
    rows = list(chain.from_iterable(chosen))
    budget = data.draw(st.none() | st.integers(1, max(len(rows), 1)))

    def once() -> Ranked:
        return select(
            name,
            pool,
            budget=None if budget is None else Budget(budget, "rows"),
            window=RoundWindow(start, stop),
            farthest_rounds=farthest_of(matrix, stopping=stopping),
        )

    if not chosen:
        with pytest.raises(OptionError, match="keeps none of the"):
            once()
    else:
        assert once().rows.tolist() == sorted(rows[:budget])
