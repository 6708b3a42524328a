"""What the curves say: each order in a few numbers, differences with intervals, and verdicts.

Everything here is a function of the curves table, so that it can be computed again from
`curves.parquet` alone.
"""

import functools
import itertools
from collections.abc import Mapping, Sequence

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from tma_prep.checks.headline import headline
from tma_prep.checks.losses import (
    CONTROLS,
    MEASURES,
    CheckLosses,
    RunLosses,
    first_reach,
    measured,
    read_losses,
)
from tma_prep_schemas import (
    Base,
    CheckSummary,
    Control,
    Difference,
    Evaluated,
    Fall,
    Leakage,
    Measure,
    Milestone,
    OrderSummary,
    TargetRole,
    Verdict,
)

RANDOM_ORDER = "rt"

Values = Mapping[Measure, NDArray[np.float64]]
"""Of one run: every measure of every test."""


def check_summary(
    curves: pa.Table,
    *,
    evaluated: Evaluated = "all",
    model: str,
    parameters: int,
    batch_size: int,
    unscored_test_rows: Sequence[int],
    base: Base | None,
    leakage: Leakage | None,
    falls: Sequence[Fall],
    random_order: str | None = RANDOM_ORDER,
    target_role: TargetRole = "test",
) -> CheckSummary:
    """What `summary.json` says.

    Args:
        curves: What `curves_table` returned; at least one order of control `none`.
        evaluated: Which test rows the curves are of.
        model: What was trained, as the user named it.
        parameters: Trainable weights of the model.
        batch_size: Rows a step.
        unscored_test_rows: Test rows without a response token; they are not in the curves.
        base: The training that came before, None where there was none.
        leakage: Which rows of the pool leak, None where it was not looked for.
        falls: What `sharpest_falls` returned.
        random_order: Which order is the random one, None where there is none.
        target_role: What the target rows are to the user.
    """
    losses = read_losses(curves)
    found = differences(losses)
    main = [run for order in losses.orders("none") for run in losses.runs["none", order]]
    return CheckSummary(
        headline=headline(
            found, losses.orders("none"), seeds=len(losses.seeds), evaluated=evaluated
        ),
        evaluated=evaluated,
        target_role=target_role,
        model=model,
        parameters=parameters,
        seeds=losses.seeds,
        tasks=losses.clusters,
        test_rows=len(losses.test_row) + len(unscored_test_rows),
        unscored_test_rows=list(unscored_test_rows),
        train_rows=max(int(run.rows_seen[-1]) for run in main),
        steps=max(int(run.step[-1]) for run in main),
        batch_size=batch_size,
        base=base,
        leakage=leakage,
        orders=_order_summaries(losses, random_order),
        differences=found,
        milestones=_milestones(losses),
        falls=list(falls),
    )


def _mean_curve(runs: Sequence[RunLosses]) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Steps that every seed was evaluated at, and losses [evaluations, seeds, tests] there."""
    step = functools.reduce(np.intersect1d, [run.step for run in runs])
    losses = [run.losses[np.searchsorted(run.step, step)] for run in runs]
    return step, np.stack(losses, axis=1)


def _measured(losses: CheckLosses, control: Control) -> dict[str, dict[int, Values]]:
    """Measures by order and seed; areas over tokens end where the shortest run of them does."""
    runs = {order: losses.runs[control, order] for order in losses.orders(control)}
    limit = min((int(run.tokens_seen[-1]) for each in runs.values() for run in each), default=0)
    return {order: {run.seed: measured(run, limit) for run in each} for order, each in runs.items()}


def differences(losses: CheckLosses) -> list[Difference]:
    """Every pair of orders with as many steps, under every control and measure."""
    values = {control: _measured(losses, control) for control in CONTROLS}
    envelopes = {measure: _envelope(values["null"], measure) for measure in MEASURES}
    found = []
    for control in CONTROLS:
        for a, b in itertools.combinations(losses.orders(control), 2):
            of_a, of_b = values[control][a], values[control][b]
            last = {int(run.step[-1]) for name in (a, b) for run in losses.runs[control, name]}
            seeds = sorted(of_a.keys() & of_b.keys())
            if len(last) > 1 or not seeds:
                continue
            for measure in MEASURES:
                paired = np.array([of_a[seed][measure] - of_b[seed][measure] for seed in seeds])
                ends = losses.bootstrap(len(seeds)).intervals(paired)
                low, high = float(ends[0]), float(ends[1])
                mean, least = float(paired.mean()), envelopes[measure] or 0.0
                verdict: Verdict = "no effect found"
                # A single test of a single seed leaves nothing to draw from.
                if paired.size > 1 and high < 0 and mean < -least:
                    verdict = "lower"
                if paired.size > 1 and low > 0 and mean > least:
                    verdict = "higher"
                found.append(
                    Difference(
                        a=a,
                        b=b,
                        measure=measure,
                        control=control,
                        mean=mean,
                        low=low,
                        high=high,
                        verdict=verdict,
                        envelope=envelopes[measure],
                        smallest_effect=max(least, (high - low) / 2),
                    )
                )
    return found


def _envelope(values: Mapping[str, Mapping[int, Values]], measure: Measure) -> float | None:
    """The largest mean difference that random orders show among themselves.

    Random orders are drawn anew for each seed, so that which of one seed is set against which of
    another means nothing: the largest over all such pairings is the mean over seeds of the widest
    difference within a seed. Two orders drawn alike are then told apart in at most 6 % of checks
    of three seeds and three random orders (500 made-up ones for each of three kinds of noise), in
    up to 15 % with two random orders and 2 % with four; by the interval alone, in up to 31 %.
    """
    by_seed: dict[int, list[float]] = {}
    for of_order in values.values():
        for seed, of_run in of_order.items():
            by_seed.setdefault(seed, []).append(float(of_run[measure].mean()))
    ranges = [max(means) - min(means) for means in by_seed.values() if len(means) > 1]
    return float(np.mean(ranges)) if ranges else None


def _order_summaries(losses: CheckLosses, random_order: str | None) -> list[OrderSummary]:
    """Each order's curve in a few numbers, by control, orders as first named."""
    found = []
    for control in CONTROLS:
        values = _measured(losses, control)
        level: float | None = None
        if random_order in values:
            level = _mean_of(values[random_order], "final_loss")
        for order in losses.orders(control):
            runs = losses.runs[control, order]
            step, curve = _mean_curve(runs)
            loss = curve.mean(axis=(1, 2))
            low, high = losses.bootstrap(len(runs)).intervals(curve)
            by_token = curve.mean(axis=1) @ losses.response_tokens
            found.append(
                OrderSummary(
                    control=control,
                    order=order,
                    start_loss=float(loss[0]),
                    final_loss=_mean_of(values[order], "final_loss"),
                    best_loss=float(loss.min()),
                    early_loss=_mean_of(values[order], "early_loss"),
                    auc_steps=_mean_of(values[order], "auc_steps"),
                    auc_tokens=_mean_of(values[order], "auc_tokens"),
                    steps_to_reach_random=None
                    if level is None
                    else first_reach(step.astype(np.float64), loss, level),
                    rows_seen=max(int(run.rows_seen[-1]) for run in runs),
                    response_tokens_seen=round(
                        float(np.mean([run.tokens_seen[-1] for run in runs]))
                    ),
                    steps=step.tolist(),
                    loss=loss.tolist(),
                    loss_low=low.tolist(),
                    loss_high=high.tolist(),
                    token_weighted_loss=(by_token / losses.response_tokens.sum()).tolist(),
                )
            )
    return found


def _mean_of(values: Mapping[int, Values], measure: Measure) -> float:
    return float(np.mean([of_run[measure] for of_run in values.values()]))


def _milestones(losses: CheckLosses) -> list[Milestone]:
    """When half and nine tenths of the fall had come, for all tests and for each named task."""
    tasks: list[str | None] = [None, *losses.named_tasks]
    found = []
    for (control, order), runs in losses.runs.items():
        steps, curve = _mean_curve(runs)
        step = steps.astype(np.float64)
        for task in tasks:
            loss = curve[:, :, losses.of_task(task)].mean(axis=(1, 2))
            fall = float(loss[0] - loss.min())
            reached = [
                first_reach(step, loss, float(loss[0]) - share * fall) if fall > 0 else None
                for share in (0.5, 0.9)
            ]
            found.append(
                Milestone(
                    control=control,
                    order=order,
                    task=task,
                    fall_total=fall,
                    step_50=reached[0],
                    step_90=reached[1],
                )
            )
    return found
