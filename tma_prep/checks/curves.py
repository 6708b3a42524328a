"""Test losses of many runs as one table."""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from tma_prep.checks.data import ScoredTest
from tma_prep.checks.orders import PlannedRun
from tma_prep.checks.tasks import Evaluations
from tma_prep_schemas import CURVES

RunCurve = tuple[PlannedRun, Evaluations, NDArray[np.float32] | None]
"""A run, its evaluations from step 0 on, and what `seen_tests` returned of it; None for nulls."""


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
    curve: RunCurve,
    test_row: NDArray[np.integer],
    task: pa.Array,
    response_tokens: NDArray[np.integer],
) -> pa.Table:
    run, found, similarity = curve
    evaluations, tests = found.losses.shape
    rows = evaluations * tests

    def a_test(values: NDArray[np.integer]) -> NDArray[np.integer]:
        return np.repeat(values, tests)

    seen = [pa.nulls(rows, pa.float32())] * 3
    if similarity is not None:
        seen = [pa.array(values.ravel(), from_pandas=True) for values in similarity]  # NaN to null
    columns = {
        "control": pa.repeat(run.control, rows),
        "order": pa.repeat(run.order, rows),
        "seed": np.repeat(run.seed, rows),
        "step": a_test(found.step),
        "rows_seen": a_test(found.rows_seen),
        "response_tokens_seen": a_test(found.response_tokens_seen),
        "test_row": np.tile(test_row, evaluations),
        "task": pa.concat_arrays([task] * evaluations),
        "loss": found.losses.ravel(),
        "response_tokens": np.tile(response_tokens, evaluations),
        "seen_max": seen[0],
        "seen_mean": seen[1],
        "seen_centroid": seen[2],
    }
    return pa.table(
        [pa.array(columns[field.name]).cast(field.type) for field in CURVES], schema=CURVES
    )
