"""Stages cover an order, keep rounds whole and come near to equal tokens."""

import itertools
from collections.abc import Sequence

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from tma_prep.orders.schedule import stages
from tma_prep_schemas import ScheduleStage


def made(
    tokens: Sequence[int],
    rounds: Sequence[int] | None,
    count: int,
    task: Sequence[int] | None = None,
    names: Sequence[str] = (),
) -> list[ScheduleStage]:
    """Stages of lists; similarities fall by a sixteenth a row."""
    return stages(
        np.array(tokens, np.int64),
        1 - np.arange(len(tokens)) / 16,
        rounds=None if rounds is None else np.array(rounds, np.int32),
        task=None if task is None else np.array(task, np.int64),
        task_names=names,
        count=count,
    )


def plain_borders(rounds: list[int] | None, rows: int) -> list[int]:
    """Positions before which a round is not torn, but for those the order tears already."""
    if rounds is None:
        return list(range(1, rows))
    borders = []
    for position in range(1, rows):
        number = rounds[position]
        first = rounds.index(number)
        last = rows - 1 - rounds[::-1].index(number)
        together = last - first + 1 == rounds.count(number)
        if rounds[position - 1] != number or not together:
            borders.append(position)
    return borders


def plain_cuts(tokens: list[int], borders: list[int], count: int) -> list[int]:
    """One stage after the other, each closed nearest to its share of what is left."""
    cuts: list[int] = []
    count = min(count, len(borders) + 1)
    for left in range(count, 1, -1):
        start = cuts[-1] if cuts else 0
        open_borders = [border for border in borders if border > start]
        allowed = open_borders[: len(open_borders) - (left - 2)]
        rest = sum(tokens[start:])
        # min takes the first of equals: the earlier place.
        cuts.append(min(allowed, key=lambda b: abs(left * sum(tokens[start:b]) - rest)))  # noqa: B023
    return cuts


@settings(deadline=None)
@given(
    rows=st.lists(
        st.tuples(st.integers(0, 6), st.sampled_from([1, 2, 3, -2, -1])), min_size=1, max_size=25
    ),
    count=st.integers(1, 8),
    kind=st.sampled_from(["together", "scattered", "none"]),
)
def test_stages_equal_brute_force(rows: list[tuple[int, int]], count: int, kind: str) -> None:
    """They follow on each other, none is empty, and there are as many as can be."""
    if kind == "together":
        rows = sorted(rows, key=lambda row: (row[1] < 0, row[1]))
    tokens = [row[0] for row in rows]
    rounds = None if kind == "none" else [row[1] for row in rows]
    found = made(tokens, rounds, count)
    borders = plain_borders(rounds, len(rows))
    starts = [0, *plain_cuts(tokens, borders, count)]
    ends = [*starts[1:], len(rows)]
    assert len(found) == min(count, len(borders) + 1)
    for stage, start, end in zip(found, starts, ends, strict=True):
        assert (stage.first_position, stage.last_position) == (start, end - 1)
        assert stage.rows == end - start > 0
        assert stage.tokens == sum(tokens[start:end])
        assert stage.mean_similarity == sum(1 - p / 16 for p in range(start, end)) / (end - start)
        if rounds is None:
            assert stage.first_round is stage.last_round is None
        else:
            inside = rounds[start:end]
            runs = [found for found, _ in itertools.groupby(inside)]
            ends_of = (inside[0], inside[-1]) if len(runs) == len(set(runs)) else (None, None)
            assert (stage.first_round, stage.last_round) == ends_of
    if kind == "together" and rounds is not None:
        whole = [set(rounds[start:end]) for start, end in zip(starts, ends, strict=True)]
        assert sum(map(len, whole)) == len(set(rounds))


def spans(found: list[ScheduleStage]) -> list[tuple[int, int]]:
    """First and last position of each."""
    return [(stage.first_position, stage.last_position) for stage in found]


def test_rounds_stay_whole_by_hand() -> None:
    """Half of 100 tokens is in round 2; its end, at 60, is nearer than its beginning, at 30."""
    tokens, rounds = [10] * 10, [1, 1, 1, 2, 2, 2, -2, -1, -1, -1]
    found = made(tokens, rounds, 2, task=[1, 1, 0, 0, 0, 0, 2, 2, 1, 1], names=("c", "b", "a"))
    assert [list(stage.model_dump().values()) for stage in found] == [
        [0, 5, 6, 60, 1 - 2.5 / 16, 1, 2, ["b", "c"]],
        [6, 9, 4, 40, 1 - 7.5 / 16, -2, -1, ["a", "b"]],
    ]
    assert spans(made(tokens, None, 2)) == [(0, 4), (5, 9)]


def test_a_large_round_leaves_the_rest_its_shares() -> None:
    """What follows is shared out anew."""
    found = made([100, 1, 1, 1, 1, 1, 1], [1, 2, 3, 4, 5, 6, 7], 3)
    assert spans(found) == [(0, 0), (1, 3), (4, 6)]
    at_the_end = made([1, 1, 1, 100], [1, 2, 3, 4], 3)
    assert spans(at_the_end) == [(0, 1), (2, 2), (3, 3)]


def test_of_two_places_as_near_the_earlier_one() -> None:
    """Three rows in two stages; rows without tokens go to the later one."""
    assert spans(made([1, 1, 1], None, 2)) == [(0, 0), (1, 2)]
    assert spans(made([2, 0, 0, 2], None, 2)) == [(0, 0), (1, 3)]
    assert spans(made([0, 0, 0], None, 2)) == [(0, 0), (1, 2)]


def test_fewer_rounds_than_stages() -> None:
    """Each round is a stage."""
    assert spans(made([5, 5, 5], [1, 1, 2], 7)) == [(0, 1), (2, 2)]
    assert spans(made([5, 5, 5], [1, 1, 1], 7)) == [(0, 2)]
    assert made([], [], 3) == []


def test_shuffled_rest_is_cut_between_rows() -> None:
    """Round 1 stays whole; rounds 2 and 3 are mixed and can be cut."""
    found = made([1] * 8, [1, 1, 1, 2, 3, 2, 3, 2], 4)
    assert spans(found) == [(0, 2), (3, 4), (5, 5), (6, 7)]
