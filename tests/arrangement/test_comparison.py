"""How far one order is from another, against counting every pair."""

import itertools

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tma_prep.arrangement.comparison import compare_orders


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
        assert found.kendall_tau is None
        return
    agree = sum(1 if second.index(a) < second.index(b) else -1 for a, b in pairs)
    assert found.kendall_tau == pytest.approx(agree / len(pairs))
    again = sorted(both, key=second.index)
    count = -(-len(both) // 4)
    assert found.overlap["25%"] == len(set(both[:count]) & set(again[:count])) / count


def test_the_same_and_the_reverse() -> None:
    """1 and -1."""
    ids = pl.Series([f"{row}" for row in range(100)])
    assert compare_orders(ids, ids).kendall_tau == pytest.approx(1)
    reverse = compare_orders(ids, ids.reverse())
    assert reverse.kendall_tau == pytest.approx(-1)
    assert reverse.overlap == {"1%": 0, "5%": 0, "10%": 0, "25%": 0}
