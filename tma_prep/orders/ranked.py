"""Rows with their place in a ranking, and the sequence that this place gives them."""

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

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
