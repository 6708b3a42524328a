"""Selections of six rows worked out by hand, budgets and windows as written, and refusals."""

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from tma_prep.errors import OptionError
from tma_prep.orders.selection import (
    Budget,
    Enough,
    RoundWindow,
    parse_budget,
    parse_rounds,
    select,
)
from tma_prep.orders.sequences import Ranked, order_positions

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
    far = replace(SIX, rounds=None, distance=np.arange(6.0))
    with pytest.raises(OptionError, match="--rounds 2: keeps rounds, and this ranking has none"):
        select("nearest", far, window=RoundWindow(2, None))


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
