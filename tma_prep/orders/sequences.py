"""Rows with their place in a ranking, and the sequences they may be trained in.

A new order is one function and one line in `ORDERS`.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from tma_prep.errors import OptionError, check_known
from tma_prep.tables import Floats, Ints

WithinRound = Literal["similarity", "index", "shuffle"]


@dataclass(frozen=True)
class Ranked:
    """The rows that stay, one entry each; an entry is known by its place in these arrays.

    Attributes:
        rows: int64, shape (rows,): places in the pool, ascending.
        similarity: float64, shape (rows,): cosine to the nearest test.
        rounds: int32, shape (rows,): k from 1 for the k-th round of Algorithm 1, -k for the k-th
            farthest-pick round; None for a ranking without rounds.
        distance: float64, shape (rows,), smaller is nearer; None for a ranking by rounds.
        task: int64, shape (rows,): number of each row's task, None where rows name none.
        within_round: Sequence of the rows inside a round, or at equal distance.

    Raises:
        ValueError: Both or neither of rounds and distance, or lengths or rows that cannot be.
    """

    rows: Ints
    similarity: Floats
    rounds: NDArray[np.int32] | None
    distance: Floats | None
    task: Ints | None
    within_round: WithinRound
    seed: int

    def __post_init__(self) -> None:
        """Refuse what no ranking can be."""
        if (self.rounds is None) == (self.distance is None):
            raise ValueError("a ranking has rounds or distances, exactly one of the two")
        for name in ("similarity", "rounds", "distance", "task"):
            values = getattr(self, name)
            if values is not None and len(values) != len(self.rows):
                raise ValueError(f"{len(self.rows)} rows, but {name} has {len(values)} entries")
        if not (self.rows[1:] > self.rows[:-1]).all():
            raise ValueError("rows must ascend, each once")

    def __len__(self) -> int:
        """How many rows there are."""
        return len(self.rows)

    def take(self, entries: Ints) -> "Ranked":
        """These entries alone; they ascend, each once."""
        return replace(
            self,
            rows=self.rows[entries],
            similarity=self.similarity[entries],
            rounds=None if self.rounds is None else self.rounds[entries],
            distance=None if self.distance is None else self.distance[entries],
            task=None if self.task is None else self.task[entries],
        )


def nearest_first(ranked: Ranked) -> Ints:
    """NFT: rounds forward, then farthest-pick rounds backward; or the smallest distance first.

    Inside a round, or at equal distance, the rule `within_round` decides.

    Returns:
        Entries of `ranked` in this sequence, int64, shape (rows,).
    """
    if ranked.distance is not None:
        near: NDArray[np.float64 | np.uint32] = ranked.distance
    else:
        assert ranked.rounds is not None
        # Read as unsigned, -k comes after every round, and -k before -(k - 1).
        near = ranked.rounds.astype(np.uint32)
    # Both sorts are stable and rows ascend, so that what is still equal goes to the lower row.
    if ranked.within_round == "index":
        return np.argsort(near, kind="stable")
    if ranked.within_round == "shuffle":
        return np.lexsort((_drawn(ranked), near))
    return np.lexsort((-ranked.similarity, near))


def _drawn(ranked: Ranked) -> Floats:
    """A random number for each row.

    It hangs on seed and row alone: a selection leaves the sequence of its rows as it was, so that
    nearest first under a budget is the beginning of nearest first without one.
    """
    pool_rows = int(ranked.rows[-1]) + 1 if len(ranked) else 0
    return np.random.default_rng([ranked.seed, 1]).random(pool_rows)[ranked.rows]


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
