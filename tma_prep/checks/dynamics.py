"""What in the data did it: how near the rows consumed came, and what stood before sharp falls."""

import heapq
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from tma_prep.checks.curves import SeenTests
from tma_prep.checks.losses import CheckLosses, RunLosses, read_losses
from tma_prep_schemas import Fall, FallRow

FALLS_A_TASK = 3
ROWS_A_FALL = 5

_ROWS_AT_ONCE = 4096

Vectors = Callable[[NDArray[np.int64]], NDArray[np.float32]]
"""From `tma_row` numbers to unit vectors, float32 [rows, d]."""


class SeenSimilarity:
    """How near what a run has consumed so far is to each test.

    The mean similarity of the consumed rows to a test is the test's product with their mean, and
    the similarity of their centroid is that over the mean's length: a running sum serves both.
    """

    def __init__(self, tests: NDArray[np.float32]) -> None:
        """Begin with nothing consumed.

        Args:
            tests: Unit vectors, [tests, d].
        """
        self._tests = tests
        self._count = 0
        self._sum = np.zeros(tests.shape[1], dtype=np.float64)
        self._maximum = np.full(len(tests), np.nan, dtype=np.float32)

    def consume(self, rows: NDArray[np.float32]) -> None:
        """Take further rows in; some thousand are multiplied at once.

        Args:
            rows: Unit vectors, [rows, d]; none is nothing.
        """
        for first in range(0, len(rows), _ROWS_AT_ONCE):
            chunk = rows[first : first + _ROWS_AT_ONCE]
            self._sum += chunk.sum(axis=0, dtype=np.float64)
            self._count += len(chunk)
            nearest = (chunk @ self._tests.T).max(axis=0)
            self._maximum = np.fmax(self._maximum, nearest)

    def now(self) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]:
        """Maximum, mean and centroid similarity of each test; NaN where nothing was consumed."""
        nothing = np.full(len(self._tests), np.nan, dtype=np.float32)
        if not self._count:
            return nothing, nothing, nothing
        towards = self._tests.astype(np.float64) @ self._sum
        length = float(np.linalg.norm(self._sum))
        # Rows that cancel out have no direction.
        centroid = (towards / length).astype(np.float32) if length > 0 else nothing
        return self._maximum.copy(), (towards / self._count).astype(np.float32), centroid


def seen_tests(
    rows: NDArray[np.int64],
    rows_seen: NDArray[np.integer],
    vectors: Vectors,
    tests: NDArray[np.float32],
) -> SeenTests:
    """Similarity of what a run had consumed, at each of its evaluations.

    Args:
        rows: `tma_row` of the rows it was trained on, in sequence.
        rows_seen: How many of them stood before each evaluation, ascending.
        vectors: Of training rows; asked for as many as one stretch between evaluations holds.
        tests: Unit vectors, [tests, d].
    """
    seen = SeenSimilarity(tests)
    found = []
    before = 0
    for count in rows_seen.tolist():
        if count > before:
            seen.consume(vectors(rows[before:count]))
        found.append(seen.now())
        before = count
    maximum, mean, centroid = (np.stack(each) for each in zip(*found, strict=True))
    return SeenTests(maximum, mean, centroid)


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
        steepest = heapq.nlargest(
            FALLS_A_TASK, _falls(losses, members), key=lambda fall: fall.a_step
        )
        found += [_told(fall, task, members, losses, consumed) for fall in steepest]
    return found


@dataclass(frozen=True)
class _Fall:
    order: str
    run: RunLosses
    after: int
    """Place of the evaluation that the fall ends at."""
    fall: float

    @property
    def a_step(self) -> float:
        return self.fall / int(self.run.step[self.after] - self.run.step[self.after - 1])


def _falls(losses: CheckLosses, members: NDArray[np.bool_]) -> Iterator[_Fall]:
    """Every fall of the mean loss of some tests, run by run."""
    for order in losses.orders("none"):
        for run in losses.runs["none", order]:
            mean = run.losses[:, members].mean(axis=1)
            for after in range(1, len(mean)):
                fall = float(mean[after - 1] - mean[after])
                if fall > 0:
                    yield _Fall(order, run, after, fall)


def _told(
    fall: _Fall,
    task: str | None,
    members: NDArray[np.bool_],
    losses: CheckLosses,
    consumed: Consumed | None,
) -> Fall:
    run, after = fall.run, fall.after
    rows: list[FallRow] = []
    if consumed is not None:
        read = consumed.rows[fall.order, run.seed]
        read = read[int(run.rows_seen[after - 1]) : int(run.rows_seen[after])]
        rows = _nearest_rows(read, consumed, losses.test_row, members)
    return Fall(
        control="none",
        order=fall.order,
        seed=run.seed,
        task=task,
        from_step=int(run.step[after - 1]),
        to_step=int(run.step[after]),
        fall=fall.fall,
        rows=rows,
    )


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
