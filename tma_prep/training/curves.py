"""Test losses as a table, and a few numbers computed from that table alone."""

from collections.abc import Sequence

import numpy as np
import polars as pl
import pyarrow as pa

from tma_prep.training.data import ScoredTest
from tma_prep.training.loop import Evaluation, TrainSettings
from tma_prep_schemas import CURVES, CheckSummary
from tma_prep_schemas.manifests import OrderSummary


def curves_table(evaluations: Sequence[Evaluation], tests: Sequence[ScoredTest]) -> pa.Table:
    """One row a test row and evaluation, in the order given; schema `CURVES`.

    Args:
        evaluations: Of one or more orders, one order after the other.
        tests: What `train_order` was given.
    """
    count, rounds = len(tests), len(evaluations)

    def over_tests(name: str) -> pa.Array:
        values = [getattr(evaluation, name) for evaluation in evaluations]
        return pa.array(np.repeat(np.array(values), count), CURVES.field(name).type)

    return pa.table(
        {
            "order": over_tests("order"),
            "seed": over_tests("seed"),
            "step": over_tests("step"),
            "rows_seen": over_tests("rows_seen"),
            "response_tokens_seen": over_tests("response_tokens_seen"),
            "test_row": [test.test_row for test in tests] * rounds,
            "task": [test.task for test in tests] * rounds,
            "loss": np.concatenate([evaluation.losses for evaluation in evaluations]),
            "response_tokens": [test.example.response_tokens for test in tests] * rounds,
        },
        schema=CURVES,
    )


def order_summaries(curves: pa.Table) -> list[OrderSummary]:
    """Each order's curve in a few numbers, orders as they first appear.

    Args:
        curves: Schema `CURVES`, steps of an order ascending.
    """
    loss, tokens = pl.col("loss"), pl.col("response_tokens")
    means = (
        pl.DataFrame(curves)
        .group_by("order", "step", maintain_order=True)
        .agg(
            pl.col("rows_seen", "response_tokens_seen").first(),
            loss.mean(),
            token_weighted_loss=(loss * tokens).sum() / tokens.sum(),
        )
    )
    return [
        _summary_of(str(name), curve)
        for (name,), curve in means.group_by("order", maintain_order=True)
    ]


def _summary_of(order: str, curve: pl.DataFrame) -> OrderSummary:
    steps = curve["step"].to_numpy()
    loss = curve["loss"].to_numpy()
    return OrderSummary(
        order=order,
        start_loss=float(loss[0]),
        final_loss=float(loss[-1]),
        best_loss=float(loss.min()),
        auc_steps=float(np.trapezoid(loss, steps) / (steps[-1] - steps[0])),
        rows_seen=int(curve["rows_seen"][-1]),
        response_tokens_seen=int(curve["response_tokens_seen"][-1]),
        steps=curve["step"].to_list(),
        loss=curve["loss"].to_list(),
        token_weighted_loss=curve["token_weighted_loss"].to_list(),
    )


def check_summary(
    curves: pa.Table,
    settings: TrainSettings,
    *,
    parameters: int,
    unscored_test_rows: Sequence[int],
) -> CheckSummary:
    """What `summary.json` says.

    Args:
        curves: What `curves_table` returned.
        settings: What every order was trained with.
        parameters: Trainable weights of the model.
        unscored_test_rows: Test rows without a response token; they are not in the curves.
    """
    orders = order_summaries(curves)
    return CheckSummary(
        test_rows=len(curves["test_row"].unique()) + len(unscored_test_rows),
        train_rows=max(order.rows_seen for order in orders),
        steps=settings.steps,
        batch_size=settings.batch_size,
        parameters=parameters,
        unscored_test_rows=list(unscored_test_rows),
        orders=orders,
    )
