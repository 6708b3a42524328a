"""The curves table: one row a run, evaluation and test row."""

import numpy as np
import pytest
from numpy.typing import NDArray

from tma_prep.checks.curves import RunCurve, curves_table
from tma_prep.checks.data import Example, ScoredTest
from tma_prep.checks.orders import PlannedRun
from tma_prep.checks.tasks import Evaluations
from tma_prep_schemas import CURVES

# Row 0 has one response token, row 3 has three.
_TESTS = [ScoredTest(0, "sums", Example([5, 6], 1)), ScoredTest(3, None, Example([5, 6, 7, 8], 1))]
_STEP = np.array([0, 2], dtype=np.int32)
_SEEN = np.array([0, 8], dtype=np.int64)
_NAN = float("nan")


def _run(
    order: str, losses: list[list[float]], seen: NDArray[np.float32] | None = None
) -> RunCurve:
    run = PlannedRun("no-leak", order, 7, np.arange(8), None)
    return run, Evaluations(_STEP, _SEEN, _SEEN * 2, np.array(losses), 1), seen


def test_the_table_has_a_row_a_test_row_and_evaluation() -> None:
    """Schema and sequence as documented; nothing seen yet is null."""
    similarity = np.array([[_NAN, _NAN], [0.5, 0.25]], dtype=np.float32)
    half = np.float32(0.5)
    seen = np.stack([similarity, similarity * half, similarity * half * half])
    runs = [_run("rt", [[8.0, 4.0], [2.0, 3.0]], seen), _run("nft", [[8.0, 4.0], [1.0, 3.0]])]
    curves = curves_table(runs, _TESTS)
    assert curves.schema.equals(CURVES)
    assert curves["order"].to_pylist() == ["rt"] * 4 + ["nft"] * 4
    assert curves["seen_max"].to_pylist() == [None, None, 0.5, 0.25] + [None] * 4
    assert curves.slice(2, 2).to_pylist() == [
        {
            "control": "no-leak",
            "order": "rt",
            "seed": 7,
            "step": 2,
            "rows_seen": 8,
            "response_tokens_seen": 16,
            "test_row": test_row,
            "task": task,
            "loss": loss,
            "response_tokens": tokens,
            "seen_max": nearest,
            "seen_mean": nearest / 2,
            "seen_centroid": nearest / 4,
        }
        for test_row, task, loss, tokens, nearest in [
            (0, "sums", 2.0, 1, 0.5),
            (3, None, 3.0, 3, 0.25),
        ]
    ]


def test_losses_of_other_tests_are_refused() -> None:
    """A column for each test, no more."""
    with pytest.raises(ValueError, match="length"):
        curves_table([_run("rt", [[8.0], [2.0]])], _TESTS)
