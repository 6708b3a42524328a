"""Which rows of every task stay.

A new rule is one function and one line in `PER_TASK`.
"""

from collections.abc import Callable

import numpy as np

from tma_prep.errors import OptionError, check_known
from tma_prep.orders.sequences import Ranked, nearest_first
from tma_prep.tables import Ints

Rule = Callable[[int, int, np.random.Generator], Ints]
"""Given the rows of a task and the fewer rows to keep: which, as places in the task's rows nearest
first, from 0."""


def _nearest(rows: int, count: int, draw: np.random.Generator) -> Ints:
    return np.arange(count)


def _random(rows: int, count: int, draw: np.random.Generator) -> Ints:
    return draw.permutation(rows)[:count]


def _polar(rows: int, count: int, draw: np.random.Generator) -> Ints:
    """The nearest half, the odd row with it, and the farthest half."""
    return np.concatenate([np.arange(count - count // 2), np.arange(rows - count // 2, rows)])


def _uniform(rows: int, count: int, draw: np.random.Generator) -> Ints:
    """Evenly spaced from the first to the last; a single one is the first."""
    # A step is one row or more, so that rounding down never gives a row twice.
    return np.arange(count) * (rows - 1) // max(count - 1, 1)


PER_TASK: dict[str, Rule] = {
    "nearest": _nearest,
    "random": _random,
    "polar": _polar,
    "uniform": _uniform,
}


def parse_per_task(text: str) -> tuple[int, str]:
    """Rows to keep of every task, and the rule, of a text such as `100:polar`.

    Raises:
        OptionError: There is no rule of that name.
    """
    count, _, rule = text.partition(":")
    check_known("the rule of --per-task", rule, PER_TASK)
    return int(count), rule


def keep_per_task(ranked: Ranked, count: int, rule: str) -> Ranked:
    """Keep so many rows of every task by a rule of `PER_TASK`; a task with no more keeps all.

    Raises:
        OptionError: Rows name no tasks, or the count is below 1.
    """
    if count < 1:
        raise OptionError(f"--per-task is a number of rows; got {count}, ask for 1 or more")
    if ranked.task is None:
        raise OptionError(
            f"--per-task {count} keeps rows of every task, and the rows name none; "
            "give each row a task, or use --budget"
        )
    nearest = nearest_first(ranked)
    by_task = nearest[np.argsort(ranked.task[nearest], kind="stable")]
    lengths = np.unique(ranked.task, return_counts=True)[1]
    draw = np.random.default_rng([ranked.seed, 4])
    keeping = np.ones(len(ranked), dtype=np.bool_)
    for end, rows in zip(np.cumsum(lengths).tolist(), lengths.tolist(), strict=True):
        if rows > count:
            own = by_task[end - rows : end]
            keeping[own] = False
            keeping[own[PER_TASK[rule](rows, count, draw)]] = True
    return ranked.take(np.flatnonzero(keeping))
