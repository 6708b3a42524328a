"""How far one order is from another, against counting every pair."""

import itertools
import time

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tma_prep.orders.comparison import compare_orders, kendall_tau, match_rows, task_moves


def numbered(ids: list[str]) -> list[tuple[str, int]]:
    """Each id with its number among its equals."""
    return [(name, ids[:place].count(name)) for place, name in enumerate(ids)]


@settings(deadline=None)
@given(
    before=st.lists(st.sampled_from("abcdefg"), max_size=12),
    after=st.lists(st.sampled_from("abcdefg"), max_size=12),
)
def test_it_equals_counting(before: list[str], after: list[str]) -> None:
    """Rows in both, rows in one, concordant pairs less discordant ones."""
    found = compare_orders(pl.Series(before, dtype=pl.String), pl.Series(after, dtype=pl.String))
    first, second = numbered(before), numbered(after)
    both = [row for row in first if row in second]
    assert found.rows_in_both == len(both)
    assert found.rows_only_before == len(before) - len(both)
    assert found.rows_only_after == len(after) - len(both)
    pairs = list(itertools.combinations(both, 2))
    if not pairs:
        assert found.kendall_tau is None and found.spearman is None
        return
    agree = sum(1 if second.index(a) < second.index(b) else -1 for a, b in pairs)
    assert found.kendall_tau == pytest.approx(agree / len(pairs))
    again = sorted(both, key=second.index)
    # Spearman (1904): of n rows without ties, 1 - 6 Σd² / (n³ - n).
    squares = sum((place - again.index(row)) ** 2 for place, row in enumerate(both))
    n = len(both)
    assert found.spearman == pytest.approx(1 - 6 * squares / (n**3 - n))
    count = -(-len(both) // 4)
    assert found.overlap["25%"] == len(set(both[:count]) & set(again[:count])) / count


def test_the_same_and_the_reverse() -> None:
    """1 and -1."""
    ids = pl.Series([f"{row}" for row in range(100)])
    assert compare_orders(ids, ids).kendall_tau == pytest.approx(1)
    reverse = compare_orders(ids, ids.reverse())
    assert reverse.kendall_tau == pytest.approx(-1)
    assert reverse.overlap == {"1%": 0, "5%": 0, "10%": 0, "25%": 0}


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(1, 4), st.integers(1, 4)), max_size=15))
def test_tau_of_rounds_equals_counting(rounds: list[tuple[int, int]]) -> None:
    """Tau-b (Kendall 1945), with ties on either side."""
    first, second = (np.array([pair[side] for pair in rounds], dtype=np.int32) for side in (0, 1))
    pairs = list(itertools.combinations(rounds, 2))
    agree = sum(np.sign(a[0] - b[0]) * np.sign(a[1] - b[1]) for a, b in pairs)
    apart = [sum(a[side] != b[side] for a, b in pairs) for side in (0, 1)]
    found = kendall_tau(first, second)
    if not all(apart):
        assert found is None
    else:
        assert found == pytest.approx(agree / np.sqrt(apart[0] * apart[1]))


def test_tasks_that_moved() -> None:
    """Mean places by hand; what stands in one order alone moves nobody."""
    before, after = ["a1", "a2", "b1", "x", "b2"], ["y", "b1", "b2", "a1", "z", "a2"]
    both = match_rows(pl.Series(before), pl.Series(after))
    assert both.before.tolist() == [0, 1, 2, 4] and both.after.tolist() == [3, 5, 1, 2]
    found = task_moves(both, np.array([2, 2, 0, 0]), ["b", "none of them", "a"])
    assert [(move.task, move.rows) for move in found] == [("b", 2), ("a", 2)]
    b, a = found
    assert (a.before, a.after, a.change) == (0.5 / 4, 2.5 / 4, 0.5)
    assert (b.before, b.after, b.change) == (2.5 / 4, 0.5 / 4, -0.5)


def test_many_rows_take_seconds() -> None:
    """O(n log n): counting pairs would take hours."""
    draw = np.random.default_rng(0)
    first, second = (pl.Series(draw.permutation(300_000)) for _ in range(2))
    start = time.perf_counter()
    found = compare_orders(first, second)
    assert time.perf_counter() - start < 10
    assert found.kendall_tau == pytest.approx(0, abs=0.01)
    assert found.overlap["25%"] == pytest.approx(0.25, abs=0.01)
