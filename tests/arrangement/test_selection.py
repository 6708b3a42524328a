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

from tma_prep.arrangement import (
    SELECTIONS,
    Budget,
    Enough,
    FarthestRounds,
    Ranked,
    RoundWindow,
    WithinRound,
    nearest_first,
    order_positions,
    parse_budget,
    parse_rounds,
    select,
)
from tma_prep.errors import OptionError

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


SIX = Ranked(
    rows=np.arange(6),
    similarity=np.array([0.1, 0.9, 0.5, 0.5, 0.7, 0.3]),
    rounds=np.array([3, 1, 2, 2, 1, 4], np.int32),
    distance=None,
    task=None,
    within_round="similarity",
    seed=0,
)


def far_from_six(remaining: NDArray[np.bool_], enough: Enough) -> NDArray[np.int32]:
    """Two rows a round from the last row on, all of them whatever is enough."""
    entries = np.flatnonzero(remaining)[::-1]
    found = np.zeros(6, np.int32)
    found[entries] = np.arange(len(entries)) // 2 + 1
    return found


def kept_of_six(name: str, budget: str | None = None, rounds: str | None = None) -> Ranked:
    """A selection as it is written on the command line; each row has 10 tokens."""
    return select(
        name,
        SIX,
        budget=None if budget is None else parse_budget(budget),
        tokens_of_row=np.full(6, 10),
        window=None if rounds is None else parse_rounds(rounds),
        farthest_rounds=far_from_six,
    )


@pytest.mark.parametrize(
    ("name", "budget", "rounds", "rows", "of_round"),
    [
        ("nearest", None, None, [0, 1, 2, 3, 4, 5], [3, 1, 2, 2, 1, 4]),
        # Rows 2 and 3 are as similar: the lower one stays.
        ("nearest", "3", None, [1, 2, 4], [1, 2, 1]),
        ("nearest", "1", None, [1], [1]),
        ("nearest", "49tok", None, [1, 2, 3, 4], [1, 2, 2, 1]),
        ("nearest", None, "1:3", [0, 2, 3], [3, 2, 2]),
        ("nearest", None, "-2:", [0, 5], [3, 4]),
        ("nearest", "2", "1:", [2, 3], [2, 2]),
        # Of row 4 and row 5, which are a round, the more similar stays.
        ("farthest", "1", None, [4], [-1]),
        ("farthest", "3", None, [2, 4, 5], [-2, -1, -1]),
        ("farthest", None, None, [0, 1, 2, 3, 4, 5], [-3, -3, -2, -2, -1, -1]),
        ("farthest", None, ":2", [2, 3, 4, 5], [-2, -2, -1, -1]),
        ("farthest", "1", "-1:", [1], [-3]),
        ("farthest", "30tok", None, [2, 4, 5], [-2, -1, -1]),
        # Rows 1, 4 and 2 by nearest; then 5 and 3 are the first farthest picks of what is left.
        ("both-ends", "4", None, [1, 3, 4, 5], [1, -1, 1, -1]),
        ("both-ends", "5", None, [1, 2, 3, 4, 5], [1, 2, -1, 1, -1]),
        ("both-ends", "1", None, [1], [1]),
        ("both-ends", "6", None, [0, 1, 2, 3, 4, 5], [-2, 1, 2, -1, 1, -1]),
        # Two rows in the nearer 25 tokens, then three in the 30 left.
        ("both-ends", "50tok", None, [1, 2, 3, 4, 5], [1, -2, -1, 1, -1]),
    ],
)
def test_selections_by_hand(
    name: str, budget: str | None, rounds: str | None, rows: list[int], of_round: list[int]
) -> None:
    """Cuts inside a round, windows, tokens, and rounds of either end."""
    kept = kept_of_six(name, budget, rounds)
    assert kept.rounds is not None
    assert (kept.rows.tolist(), kept.rounds.tolist()) == (rows, of_round)


def test_orders_of_both_ends() -> None:
    """Nearest rounds forward, then farthest-pick rounds backward; and the reverse of that."""
    kept = kept_of_six("both-ends", "6")
    sequence = kept.rows[order_positions("nft", kept)].tolist()
    assert sequence == [1, 4, 2, 0, 3, 5]
    assert kept.rows[order_positions("fft", kept)].tolist() == sequence[::-1]


def test_distances_by_hand() -> None:
    """The largest first; of equal ones the more similar, then the lower row."""
    pool = Ranked(
        np.arange(5),
        np.array([0.5, 0.6, 0.5, 0.5, 0.1]),
        None,
        np.array([2.0, 2.0, 2.0, 1.0, -1.0]),
        None,
        "similarity",
        0,
    )
    expected = {"farthest": [[1], [0, 1], [0, 1, 2]], "nearest": [[4], [3, 4], [1, 3, 4]]}
    expected["both-ends"] = [[4], [1, 4], [1, 3, 4]]
    for name, kept in expected.items():
        for rows in kept:
            assert select(name, pool, budget=Budget(len(rows), "rows")).rows.tolist() == rows
    assert len(select("farthest", pool)) == 5


def test_a_draw_depends_on_its_seed() -> None:
    """Another seed, other rows; rounds stay those of the ranking."""
    pools = [
        Ranked(
            np.arange(40), np.zeros(40), np.arange(1, 41, dtype=np.int32), None, None, "index", s
        )
        for s in (0, 0, 1)
    ]
    kept = [select("random", pool, budget=Budget(20, "rows")) for pool in pools]
    assert kept[0].rows.tolist() == kept[1].rows.tolist() != kept[2].rows.tolist()
    assert kept[0].rounds is not None
    assert (kept[0].rounds == kept[0].rows + 1).all()
    windowed = select("random", pools[0], budget=Budget(3, "rows"), window=RoundWindow(2, 5))
    assert windowed.rows.tolist() == [2, 3, 4]


def test_farthest_rounds_are_asked_for_no_more_than_needed() -> None:
    """Told round by round, they can stop at the budget or at the end of the window."""
    asked: list[int] = []

    def one_a_round(remaining: NDArray[np.bool_], enough: Enough) -> NDArray[np.int32]:
        found = np.zeros(6, np.int32)
        for number, entry in enumerate(np.flatnonzero(remaining).tolist(), 1):
            found[entry] = number
            if enough(np.array([entry])):
                break
        asked.append(int(found.max()))
        return found

    tokens = np.array([5, 5, 0, 5, 5, 5])
    for budget, rounds, needed in (
        ("2", None, 2),
        (None, ":3", 3),
        ("2", "1:", 3),
        ("2", "1:6", 3),
        # Row 2 has no tokens, so it takes row 3 to see that there is no more room.
        ("10tok", None, 4),
        ("1", "-2:", 6),
        (None, None, 6),
    ):
        select(
            "farthest",
            SIX,
            budget=None if budget is None else parse_budget(budget),
            tokens_of_row=tokens,
            window=None if rounds is None else parse_rounds(rounds),
            farthest_rounds=one_a_round,
        )
        assert asked.pop() == needed


@pytest.mark.parametrize(
    ("name", "budget", "rounds", "message"),
    [
        ("nearest", "7", None, "--budget 7 rows is more than the pool holds; ask for 6 or fewer"),
        ("random", "61tok", None, "--budget 61 tokens is more than the pool holds; ask for 60"),
        ("nearest", "4", "1:3", "--budget 4 rows is more than rounds 1:3 hold; ask for 3 or fewer"),
        ("farthest", "4", ":1", "--budget 4 rows is more than rounds :1 hold; ask for 2 or fewer"),
        (
            "nearest",
            "9tok",
            None,
            "--budget 9 tokens is less than the first pick has; ask for more",
        ),
        ("nearest", None, "4:9", "--rounds 4:9 keeps none of the 4 rounds; name some of them"),
        ("farthest", None, "3:2", "--rounds 3:2 keeps none of the 3 rounds; name some of them"),
        ("both-ends", None, None, "both-ends halves a budget, and there is none; give --budget"),
        ("random", None, None, "random draws a budget, and there is none; give --budget"),
        ("both-ends", "2", "1:3", "--rounds 1:3 with --select both-ends: .*; use --select nearest"),
        ("best", None, None, "--select best is not known; it is one of nearest, farthest, both-"),
    ],
)
def test_what_has_no_meaning_is_refused(
    name: str, budget: str | None, rounds: str | None, message: str
) -> None:
    """With the rule, the value and the remedy."""
    with pytest.raises(OptionError, match=message):
        kept_of_six(name, budget, rounds)


def test_windows_need_rounds() -> None:
    """Other rankings have none."""
    with pytest.raises(OptionError, match="--rounds 2: keeps rounds, and this ranking has none"):
        select("nearest", ranked_by([[1, 2]], distances=True), window=RoundWindow(2, None))


def test_what_only_a_caller_can_forget() -> None:
    """Not a matter of options."""
    with pytest.raises(ValueError, match="tokens_of_row"):
        select("nearest", SIX, budget=Budget(1, "tokens"))
    with pytest.raises(ValueError, match="farthest_rounds"):
        select("farthest", SIX, budget=Budget(1, "rows"))


@pytest.mark.parametrize(
    ("text", "amount", "unit"),
    [
        ("30000", 30_000, "rows"),
        ("30k", 30_000, "rows"),
        ("2M", 2_000_000, "rows"),
        ("1.5k", 1_500, "rows"),
        ("2Mtok", 2_000_000, "tokens"),
        ("500ktok", 500_000, "tokens"),
        ("7tok", 7, "tokens"),
    ],
)
def test_budgets_as_written(text: str, amount: int, unit: str) -> None:
    """Rows, or tokens."""
    read = parse_budget(text)
    assert (read.amount, read.unit, str(read)) == (amount, unit, f"{amount} {unit}")


@pytest.mark.parametrize(
    "text", ["", "k", "1.5", "2Mt", "ten", "1_000", "2 M", "1e3", "5tokk", "٣"]
)
def test_nonsense_is_no_budget(text: str) -> None:
    """With what was written, and how to write it."""
    with pytest.raises(OptionError, match=f"--budget takes rows, as in 30000.*; got '{text}'"):
        parse_budget(text)


@pytest.mark.parametrize("text", ["0", "-5", "0Mtok"])
def test_a_budget_keeps_something(text: str) -> None:
    """Nothing and less than nothing are no budgets."""
    with pytest.raises(OptionError, match="--budget must be 1 or more; got -?[05] "):
        parse_budget(text)


@pytest.mark.parametrize(
    ("text", "start", "stop"),
    [("2:5", 2, 5), (":3", None, 3), ("-2:", -2, None), (":", None, None)],
)
def test_windows_as_written(text: str, start: int | None, stop: int | None) -> None:
    """And written again the same."""
    assert parse_rounds(text) == RoundWindow(start, stop)
    assert str(parse_rounds(text)) == text


@pytest.mark.parametrize("text", ["", "5", "1:2:3", "a:b", "1-3", " 1:2", "--2:"])
def test_nonsense_is_no_window(text: str) -> None:
    """With what was written, and how to write it."""
    with pytest.raises(OptionError, match=f"--rounds takes a window as in 2:5.*; got '{text}'"):
        parse_rounds(text)
