"""A progressive schedule: an order cut into stages of about equal tokens."""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from tma_prep.tables import Floats, Ints
from tma_prep_schemas import ScheduleStage


def stages(
    tokens: Ints,
    similarity: Floats,
    *,
    rounds: NDArray[np.int32] | None,
    task: Ints | None,
    task_names: Sequence[str],
    count: int,
) -> list[ScheduleStage]:
    """Merge the rows of an order into stages of about equal tokens.

    A stage is closed where it comes nearest to its share of the tokens that are left, the earlier
    place of two as near. A round whose rows stand together stays whole; one that the order
    scatters may be cut between any two rows. There are fewer stages than `count` where there are
    fewer places to cut.

    Args:
        tokens: int64, shape (rows,), by position, none negative; so are the other arrays.
        similarity: float64.
        rounds: int32, or None.
        task: int64, numbers into `task_names`; or None.
        task_names: Name of each task.
        count: How many to make, 1 or more.
    """
    if not len(tokens):
        return []
    ends = [*_cuts(tokens, _borders(len(tokens), rounds), count), len(tokens)]
    return [
        _stage(slice(start, end), tokens, similarity, rounds, task, task_names)
        for start, end in pairwise([0, *ends])
    ]


def _borders(rows: int, rounds: NDArray[np.int32] | None) -> Ints:
    """Positions, ascending, before which a stage may be closed."""
    if rounds is None:
        return np.arange(1, rows)
    changing = rounds[1:] != rounds[:-1]
    run_starts = np.concatenate([[0], np.flatnonzero(changing) + 1])
    values, runs = np.unique(rounds[run_starts], return_counts=True)
    scattered = np.isin(rounds[1:], values[runs > 1])
    return np.flatnonzero(changing | scattered) + 1


def _cuts(tokens: Ints, borders: Ints, count: int) -> list[int]:
    """The borders that close all stages but the last."""
    before = np.cumsum(tokens)
    total = int(before[-1])
    before = before[borders - 1]
    count = min(count, len(borders) + 1)
    cuts: list[int] = []
    used = low = 0
    for left in range(count, 1, -1):
        # Every later stage needs a border of its own.
        high = len(borders) - (left - 1)
        places = before[low:high]
        # Times the stages left, so that the comparison is one of whole numbers.
        aim = used * left + (total - used)
        at = low + int(np.searchsorted(places, -(-aim // left)))
        if at > low and aim - left * int(before[at - 1]) <= left * int(before[at]) - aim:
            at -= 1
        # Rows without tokens leave several places equally near.
        at = low + int(np.searchsorted(places, before[at]))
        cuts.append(int(borders[at]))
        used, low = int(before[at]), at + 1
    return cuts


def _stage(
    span: slice,
    tokens: Ints,
    similarity: Floats,
    rounds: NDArray[np.int32] | None,
    task: Ints | None,
    task_names: Sequence[str],
) -> ScheduleStage:
    # Rounds that come again are scattered: the ends say nothing of what lies between.
    in_runs = rounds is not None and _runs(rounds[span]) == len(np.unique(rounds[span]))
    return ScheduleStage(
        first_position=span.start,
        last_position=span.stop - 1,
        rows=span.stop - span.start,
        tokens=int(tokens[span].sum()),
        mean_similarity=float(similarity[span].mean()),
        first_round=int(rounds[span.start]) if rounds is not None and in_runs else None,
        last_round=int(rounds[span.stop - 1]) if rounds is not None and in_runs else None,
        tasks=[]
        if task is None
        else sorted(task_names[number] for number in np.unique(task[span])),
    )


def _runs(rounds: NDArray[np.int32]) -> int:
    """How many stretches of equal rounds follow one another."""
    return 1 + int(np.count_nonzero(rounds[1:] != rounds[:-1]))
