"""What an order looks like from its first position to its last."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tma_prep.report import Rounds, Stretch


@dataclass(frozen=True)
class Along:
    """An order by position; every array has one entry a row.

    Attributes:
        similarity: float64, to the nearest test.
        rounds: int32; None where there are none.
        task: int64, number of the task; None where rows name none.
        tasks: How many tasks there are.
        leak: int64, number of the kind, -1 for a row that holds no test; None where nobody looked.
        leaks: How many kinds there are.
    """

    similarity: NDArray[np.float64]
    rounds: NDArray[np.int32] | None
    task: NDArray[np.int64] | None
    tasks: int
    leak: NDArray[np.int64] | None
    leaks: int


def stretches(along: Along, count: int) -> list[Stretch]:
    """Cut an order into parts that differ by one row at most; fewer where there are fewer rows."""
    rows = len(along.similarity)
    ends = np.linspace(0, rows, min(count, rows) + 1).astype(np.int64).tolist()
    return [_stretch(along, first, end) for first, end in zip(ends, ends[1:], strict=False)]


def _stretch(along: Along, first: int, end: int) -> Stretch:
    here = slice(first, end)
    similarity = np.sort(along.similarity[here])
    tenth = len(similarity) // 10
    rounds = None if along.rounds is None else along.rounds[here]
    leak = None if along.leak is None else along.leak[here]
    return Stretch(
        first=first,
        last=end - 1,
        mean_similarity=float(similarity.mean()),
        low_similarity=float(similarity[tenth]),
        high_similarity=float(similarity[-1 - tenth]),
        lowest_round=None if rounds is None else int(rounds.min()),
        highest_round=None if rounds is None else int(rounds.max()),
        tasks=[]
        if along.task is None
        else np.bincount(along.task[here], minlength=along.tasks).tolist(),
        leaks=[] if leak is None else np.bincount(leak[leak >= 0], minlength=along.leaks).tolist(),
    )


def rounds_of(along: Along, count: int) -> list[Rounds]:
    """The rounds of an order, one by one, or joined to `count` groups where there are more."""
    if along.rounds is None:
        return []
    # Read as unsigned, -k comes after every round, and -k before -(k - 1).
    values, of_row = np.unique(along.rounds.astype(np.uint32), return_inverse=True)
    numbers = values.astype(np.int32)
    sizes = np.bincount(of_row)
    sums = np.bincount(of_row, weights=along.similarity)
    ends = np.linspace(0, len(values), min(count, len(values)) + 1).astype(np.int64).tolist()
    return [
        Rounds(
            first=int(numbers[first]),
            last=int(numbers[end - 1]),
            rounds=end - first,
            rows=int(sizes[first:end].sum()),
            mean_similarity=float(sums[first:end].sum() / sizes[first:end].sum()),
        )
        for first, end in zip(ends, ends[1:], strict=False)
    ]


FIRST_LISTED = 1000
_PIECES, _ROWS_OF_PIECE = 20, 50


def listed_positions(rows: int) -> tuple[NDArray[np.int64], str]:
    """Which positions of an order a table shows, ascending, and that in words.

    Consecutive ones, so that few parts of the shards are read.
    """
    if rows <= FIRST_LISTED + _PIECES * _ROWS_OF_PIECE:
        return np.arange(rows), "every row of the order"
    begins = np.linspace(FIRST_LISTED, rows - _ROWS_OF_PIECE, _PIECES).astype(np.int64)
    pieces = (begins[:, None] + np.arange(_ROWS_OF_PIECE)).ravel()
    words = (
        f"the first {FIRST_LISTED:,} rows of the order, and {_PIECES} pieces of {_ROWS_OF_PIECE} "
        "rows spread evenly over the rest"
    )
    return np.unique(np.concatenate([np.arange(FIRST_LISTED), pieces])), words
