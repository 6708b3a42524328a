"""The curves table and the numbers computed from it, against numbers worked out by hand."""

import numpy as np
import pytest

from tma_prep.training import (
    Evaluation,
    Example,
    ScoredTest,
    TrainSettings,
    check_summary,
    curves_table,
    order_summaries,
)
from tma_prep_schemas import CURVES, CheckSummary

# Row 0 has one response token, row 3 has three.
_TESTS = [ScoredTest(0, "sums", Example([5, 6], 1)), ScoredTest(3, None, Example([5, 6, 7, 8], 1))]


def _evaluation(order: str, step: int, *losses: float) -> Evaluation:
    return Evaluation(order, 7, step, step * 4, step * 10, np.array(losses))


_EVALUATIONS = [
    _evaluation("rt", 0, 8.0, 4.0),
    _evaluation("rt", 2, 2.0, 4.0),
    _evaluation("rt", 6, 4.0, 6.0),
    _evaluation("nft", 0, 8.0, 4.0),
    _evaluation("nft", 2, 1.0, 3.0),
    _evaluation("nft", 6, 1.0, 1.0),
]


def test_the_table_has_a_row_a_test_row_and_evaluation() -> None:
    """Schema and order of rows as documented."""
    curves = curves_table(_EVALUATIONS, _TESTS)
    assert curves.schema.equals(CURVES)
    assert curves.num_rows == 12
    assert curves.slice(2, 2).to_pylist() == [
        {
            "order": "rt",
            "seed": 7,
            "step": 2,
            "rows_seen": 8,
            "response_tokens_seen": 20,
            "test_row": test_row,
            "task": task,
            "loss": loss,
            "response_tokens": tokens,
        }
        for test_row, task, loss, tokens in [(0, "sums", 2.0, 1), (3, None, 4.0, 3)]
    ]


def test_the_summary_by_hand() -> None:
    """Trapezoids over uneven steps, and both means."""
    rt, nft = order_summaries(curves_table(_EVALUATIONS, _TESTS))
    assert (rt.order, nft.order) == ("rt", "nft")
    assert rt.steps == [0, 2, 6]
    assert rt.loss == pytest.approx([6.0, 3.0, 5.0])
    assert rt.token_weighted_loss == pytest.approx([(8 + 12) / 4, (2 + 12) / 4, (4 + 18) / 4])
    assert rt.auc_steps == pytest.approx(((6 + 3) / 2 * 2 + (3 + 5) / 2 * 4) / 6)
    assert (rt.start_loss, rt.final_loss, rt.best_loss) == pytest.approx((6.0, 5.0, 3.0))
    assert (rt.rows_seen, rt.response_tokens_seen) == (24, 60)
    assert nft.auc_steps == pytest.approx(((6 + 2) / 2 * 2 + (2 + 1) / 2 * 4) / 6)


def test_the_check_summary_survives_json() -> None:
    """Unscored rows count as test rows, and the file says which they are."""
    summary = check_summary(
        curves_table(_EVALUATIONS, _TESTS),
        TrainSettings(steps=6, batch_size=4),
        parameters=1_328_256,
        unscored_test_rows=[1, 2],
    )
    assert (summary.test_rows, summary.train_rows, summary.steps) == (4, 24, 6)
    assert summary.unscored_test_rows == [1, 2]
    assert CheckSummary.model_validate_json(summary.model_dump_json()) == summary
