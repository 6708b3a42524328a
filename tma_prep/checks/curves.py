"""Test losses of many runs as one table."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from tma_prep.checks.data import ScoredTest
from tma_prep_schemas import CURVES, Control


@dataclass(frozen=True)
class RunCurve:
    """The evaluations of one run, ascending by step.

    Attributes:
        control: `none`, `null` or `no-leak`.
        order: Name of the order.
        seed: Of the run.
        step: Updates made before, int [evaluations].
        rows_seen: Training rows read before.
        response_tokens_seen: Tokens trained on before.
        losses: float64 [evaluations, tests]; mean over the response tokens of a test, nats.
        seen: What `seen_tests` returned; None where rows have no vectors.
    """

    control: Control
    order: str
    seed: int
    step: NDArray[np.integer]
    rows_seen: NDArray[np.integer]
    response_tokens_seen: NDArray[np.integer]
    losses: NDArray[np.float64]
    seen: NDArray[np.float32] | None = None


def curves_table(runs: Sequence[RunCurve], tests: Sequence[ScoredTest]) -> pa.Table:
    """One row a run, evaluation and test row, in the order given; schema `CURVES`.

    Args:
        runs: One or more.
        tests: What `train_order` was given; one a column of the losses.
    """
    test_row = np.array([test.test_row for test in tests])
    task = pa.array([test.task for test in tests], pa.string())
    response_tokens = np.array([test.example.response_tokens for test in tests])
    return pa.concat_tables([_of_run(run, test_row, task, response_tokens) for run in runs])


def _of_run(
    run: RunCurve,
    test_row: NDArray[np.integer],
    task: pa.Array,
    response_tokens: NDArray[np.integer],
) -> pa.Table:
    evaluations, tests = run.losses.shape
    rows = evaluations * tests

    def a_test(values: NDArray[np.integer]) -> NDArray[np.integer]:
        return np.repeat(values, tests)

    seen = [pa.nulls(rows, pa.float32())] * 3
    if run.seen is not None:
        seen = [pa.array(values.ravel(), from_pandas=True) for values in run.seen]  # NaN to null
    columns = {
        "control": pa.repeat(run.control, rows),
        "order": pa.repeat(run.order, rows),
        "seed": np.repeat(run.seed, rows),
        "step": a_test(run.step),
        "rows_seen": a_test(run.rows_seen),
        "response_tokens_seen": a_test(run.response_tokens_seen),
        "test_row": np.tile(test_row, evaluations),
        "task": pa.concat_arrays([task] * evaluations),
        "loss": run.losses.ravel(),
        "response_tokens": np.tile(response_tokens, evaluations),
        "seen_max": seen[0],
        "seen_mean": seen[1],
        "seen_centroid": seen[2],
    }
    return pa.table(
        [pa.array(columns[field.name]).cast(field.type) for field in CURVES], schema=CURVES
    )
