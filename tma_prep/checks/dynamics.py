"""What in the data did it: how near the rows consumed came, and what stood before sharp falls."""

import heapq
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from tma_prep.checks.losses import CheckLosses, read_losses
from tma_prep_schemas import Fall, FallRow

FALLS_A_TASK = 3
ROWS_A_FALL = 5

_ROWS_AT_ONCE = 4096

Vectors = Callable[[NDArray[np.int64]], NDArray[np.float32]]
"""From `tma_row` numbers to unit vectors, float32 [rows, d]."""


def seen_tests(
    rows: NDArray[np.int64],
    rows_seen: NDArray[np.integer],
    vectors: Vectors,
    tests: NDArray[np.float32],
) -> NDArray[np.float32]:
    """Similarity to each test of what a run had consumed, at each of its evaluations.

    The mean similarity of the consumed rows to a test is the test's product with their mean, and
    the similarity of their centroid is that over the mean's length: a running sum serves both.

    Args:
        rows: `tma_row` of the rows it was trained on, in sequence.
        rows_seen: How many of them stood before each evaluation, ascending.
        vectors: Of training rows; asked for as many as one stretch between evaluations holds.
        tests: Unit vectors, [tests, d].

    Returns:
        float32 [3, evaluations, tests], cosine similarities: of the nearest row, the mean over the
        rows, and of their centroid; NaN where nothing was consumed yet.
    """
    found = np.full((3, len(rows_seen), len(tests)), np.nan, dtype=np.float32)
    maximum = np.full(len(tests), np.nan, dtype=np.float32)
    total = np.zeros(tests.shape[1], dtype=np.float64)
    before = 0
    for place, count in enumerate(rows_seen.tolist()):
        read = vectors(rows[before:count]) if count > before else tests[:0]
        for first in range(0, len(read), _ROWS_AT_ONCE):
            chunk = read[first : first + _ROWS_AT_ONCE]
            total += chunk.sum(axis=0, dtype=np.float64)
            maximum = np.fmax(maximum, (chunk @ tests.T).max(axis=0))
        before = count
        if count:
            towards = tests.astype(np.float64) @ total
            length = float(np.linalg.norm(total))
            found[0, place], found[1, place] = maximum, towards / count
            if length > 0:  # Rows that cancel out have no direction.
                found[2, place] = towards / length
    return found


@dataclass(frozen=True)
class Consumed:
    """What the runs were trained on, as vectors.

    Attributes:
        rows: `tma_row` in sequence, by order and seed of control `none`.
        vectors: Of training rows.
        tests: Unit vectors of the tests, [tests, d], by ascending test row as in the curves.
    """

    rows: Mapping[tuple[str, int], NDArray[np.int64]]
    vectors: Vectors
    tests: NDArray[np.float32]


def sharpest_falls(curves: pa.Table, consumed: Consumed | None) -> list[Fall]:
    """The three steepest falls of each task's mean loss, over all runs of control `none`.

    A fall is what the loss lost between two evaluations that follow each other; the steepest lost
    most a step. Falls of equals: the order named first, the lower seed, the earlier step.

    Args:
        curves: Schema `CURVES`, rows in any sequence.
        consumed: For the rows read during each fall; None where rows have no vectors.
    """
    losses = read_losses(curves)
    tasks: list[str | None] = list(losses.named_tasks)
    if None in losses.task:
        tasks.append(None)
    found = []
    for task in tasks:
        members = np.array([of_test == task for of_test in losses.task])
        falls = _falls(losses, task, members)
        for fall, read in heapq.nlargest(FALLS_A_TASK, falls, key=lambda each: _a_step(each[0])):
            rows = []
            if consumed is not None:
                consumed_rows = consumed.rows[fall.order, fall.seed][read]
                rows = _nearest_rows(consumed_rows, consumed, losses.test_row, members)
            found.append(fall.model_copy(update={"rows": rows}))
    return found


def _a_step(fall: Fall) -> float:
    return fall.fall / (fall.to_step - fall.from_step)


def _falls(
    losses: CheckLosses, task: str | None, members: NDArray[np.bool_]
) -> Iterator[tuple[Fall, slice]]:
    """Every fall of the mean loss of some tests, run by run, and which rows were read in it."""
    for order in losses.orders("none"):
        for run in losses.runs["none", order]:
            mean = run.losses[:, members].mean(axis=1)
            for after in np.flatnonzero(mean[1:] < mean[:-1]) + 1:
                fall = Fall(
                    control="none",
                    order=order,
                    seed=run.seed,
                    task=task,
                    from_step=int(run.step[after - 1]),
                    to_step=int(run.step[after]),
                    fall=float(mean[after - 1] - mean[after]),
                    rows=[],
                )
                yield fall, slice(run.rows_seen[after - 1], run.rows_seen[after])


def _nearest_rows(
    rows: NDArray[np.int64],
    consumed: Consumed,
    test_row: NDArray[np.int64],
    members: NDArray[np.bool_],
) -> list[FallRow]:
    """The rows nearest to any of these tests, each with its nearest; of equals the first read."""
    if not len(rows):
        return []
    similarity = consumed.vectors(rows) @ consumed.tests[members].T
    nearest = similarity.argmax(axis=1)
    best = similarity[np.arange(len(rows)), nearest]
    return [
        FallRow(
            tma_row=int(rows[place]),
            similarity=float(best[place]),
            test_row=int(test_row[members][nearest[place]]),
        )
        for place in np.argsort(-best, kind="stable")[:ROWS_A_FALL]
    ]
