"""So many rows of every task, by every rule of the registry."""

from collections import Counter
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tma_prep.errors import OptionError
from tma_prep.orders.per_task import PER_TASK, keep_per_task, parse_per_task
from tma_prep.orders.sequences import Ranked, WithinRound, nearest_first

WITHIN: tuple[WithinRound, ...] = ("similarity", "index", "shuffle")


def ranked(
    rounds: Sequence[int],
    task: Sequence[int] | None,
    within: WithinRound = "index",
    seed: int = 0,
) -> Ranked:
    """A ranking written down by hand, of every second row of the pool."""
    rows = np.arange(len(rounds)) * 2
    numbers = None if task is None else np.array(task)
    similarity = np.arange(len(rounds)) % 3 / 4
    return Ranked(rows, similarity, np.array(rounds, np.int32), None, numbers, within, seed)


@st.composite
def rankings(draw: st.DrawFn) -> Ranked:
    """Few rounds and tasks."""
    rows = draw(st.integers(1, 60))
    return ranked(
        draw(st.lists(st.integers(1, 4), min_size=rows, max_size=rows)),
        draw(st.lists(st.sampled_from([0, 2, 9]), min_size=rows, max_size=rows)),
        draw(st.sampled_from(WITHIN)),
        draw(st.integers(0, 50)),
    )


def plain(own: list[int], count: int, rule: str) -> list[int]:
    """What a rule keeps of a task's entries, nearest first; not for the draw."""
    if len(own) <= count:
        return own
    if rule == "nearest":
        return own[:count]
    if rule == "polar":
        far = count // 2
        return own[: count - far] + (own[-far:] if far else [])
    if count == 1:
        return own[:1]
    return [own[(number * (len(own) - 1)) // (count - 1)] for number in range(count)]


@settings(deadline=None)
@given(made=rankings(), count=st.integers(1, 12), rule=st.sampled_from(sorted(PER_TASK)))
def test_every_task_keeps_its_share(made: Ranked, count: int, rule: str) -> None:
    """Exactly so many, or all it has; the same again; and what the rule says."""
    assert made.task is not None
    before = made.rows.copy(), made.task.copy()
    kept = keep_per_task(made, count, rule)
    assert kept.task is not None
    has = Counter(made.task.tolist())
    assert Counter(kept.task.tolist()) == {task: min(count, rows) for task, rows in has.items()}
    assert kept.rows.tolist() == keep_per_task(made, count, rule).rows.tolist()
    assert np.array_equal(before, (made.rows, made.task))
    if rule != "random":
        nearest = nearest_first(made).tolist()
        expected = [
            entry
            for task in has
            for entry in plain([e for e in nearest if made.task[e] == task], count, rule)
        ]
        assert kept.rows.tolist() == sorted(made.rows[expected].tolist())


@pytest.mark.parametrize(
    ("rule", "count", "expected"),
    [
        ("nearest", 3, [0, 1, 2]),
        ("polar", 1, [0]),
        ("polar", 3, [0, 1, 9]),
        ("polar", 4, [0, 1, 8, 9]),
        ("uniform", 1, [0]),
        ("uniform", 2, [0, 9]),
        ("uniform", 4, [0, 3, 6, 9]),
        ("uniform", 5, [0, 2, 4, 6, 9]),
        ("uniform", 9, [0, 1, 2, 3, 4, 5, 6, 7, 9]),
    ],
)
def test_rules_by_hand(rule: str, count: int, expected: list[int]) -> None:
    """Ten rows of one task, the last of the pool the nearest; one row of another, always kept."""
    made = ranked([*range(10, 0, -1), 5], [3] * 10 + [1])
    kept = keep_per_task(made, count, rule)
    assert kept.rows.tolist() == [*sorted(2 * (9 - place) for place in expected), 20]
    assert kept.rounds is not None
    assert kept.rounds.tolist() == [*sorted((place + 1 for place in expected), reverse=True), 5]


def test_a_draw_depends_on_its_seed() -> None:
    """Another seed, other rows."""
    drawn = [
        keep_per_task(ranked([1] * 40, [0] * 40, seed=seed), 20, "random").rows.tolist()
        for seed in (0, 0, 1)
    ]
    assert drawn[0] == drawn[1] != drawn[2]


def test_what_has_no_meaning_is_refused() -> None:
    """With the rule, the value and the remedy."""
    with pytest.raises(OptionError, match="--per-task 5 keeps rows of every task.*name none; give"):
        keep_per_task(ranked([1], None), 5, "nearest")
    with pytest.raises(OptionError, match="--per-task is a number of rows; got 0, ask for 1"):
        keep_per_task(ranked([1], [0]), 0, "nearest")
    with pytest.raises(OptionError, match="best is not known; it is one of nearest, random, polar"):
        parse_per_task("1:best")
