"""From the rows that stay to the sequence they are trained in.

A new order is one function and one line in `ORDERS`.
"""

import math
from collections.abc import Callable
from fractions import Fraction

import numpy as np

from tma_prep.errors import OptionError, check_known
from tma_prep.orders.ranked import Ranked, nearest_first
from tma_prep.tables import Ints


def farthest_first(ranked: Ranked) -> Ints:
    """FFT: `nearest_first` reversed, row for row."""
    return nearest_first(ranked)[::-1]


def shuffled(ranked: Ranked) -> Ints:
    """RT: the same rows in a random sequence."""
    return np.random.default_rng(ranked.seed).permutation(len(ranked))


def round_robin(ranked: Ranked) -> Ints:
    """One row of each task in turn; a task with no rows left drops out.

    Tasks take turns in the sequence in which they first appear in `nearest_first`, and so do the
    rows of a task.

    Raises:
        OptionError: Rows name no tasks.
    """
    clustered, starts, lengths = _by_task("round-robin", ranked)
    turn = np.arange(len(clustered)) - np.repeat(starts, lengths)
    return clustered[np.argsort(turn, kind="stable")]


def cluster(ranked: Ranked) -> Ints:
    """All rows of a task together; the sequence of tasks and of their rows is `round_robin`'s.

    Raises:
        OptionError: Rows name no tasks.
    """
    return _by_task("cluster", ranked)[0]


def _by_task(order: str, ranked: Ranked) -> tuple[Ints, Ints, Ints]:
    """Entries task by task; where each task starts among them, and how many rows it has."""
    if ranked.task is None:
        raise OptionError(
            f"--order {order} arranges tasks, and the rows name none; "
            "give each row a task, or use another order"
        )
    nearest = nearest_first(ranked)
    _, first, number, lengths = np.unique(
        ranked.task[nearest], return_index=True, return_inverse=True, return_counts=True
    )
    appearing = np.argsort(first)
    rank = np.empty_like(appearing)
    rank[appearing] = np.arange(len(appearing))
    lengths = lengths[appearing]
    return nearest[np.argsort(rank[number], kind="stable")], np.cumsum(lengths) - lengths, lengths


ORDERS: dict[str, Callable[[Ranked], Ints]] = {
    "nft": nearest_first,
    "fft": farthest_first,
    "rt": shuffled,
    "round-robin": round_robin,
    "cluster": cluster,
}


def order_positions(name: str, ranked: Ranked) -> Ints:
    """The entries of `ranked` in the sequence of the named order, int64, shape (rows,).

    Raises:
        OptionError: There is no order of that name, or it needs tasks and rows name none.
    """
    check_known("--order", name, ORDERS)
    return ORDERS[name](ranked)


def then_shuffle(sequence: Ints, after: float, seed: int) -> Ints:
    """A new array: the beginning of a sequence, and the rest shuffled.

    `after` is the share of the rows that keep their place, rounded up to whole rows.

    Raises:
        OptionError: The share is not from 0 to 1.
    """
    kept = rows_before_shuffle(after, len(sequence))
    rest = np.random.default_rng([seed, 3]).permutation(sequence[kept:])
    return np.concatenate([sequence[:kept], rest])


def rows_before_shuffle(after: float, rows: int) -> int:
    """How many rows `then_shuffle` leaves in their place.

    Raises:
        OptionError: The share is not from 0 to 1.
    """
    if not 0 <= after <= 1:
        raise OptionError(f"--shuffle-after is a share of the rows from 0 to 1; got {after}")
    # The share as it is written: 0.07 of 100 rows is 7 rows, though in binary it is a little more.
    return math.ceil(Fraction(str(after)) * rows)
