"""What the curves say: each order in a few numbers, differences with intervals, and verdicts.

Everything here is a function of the curves table, so that it can be computed again from
`curves.parquet` alone.
"""

import functools
import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from tma_prep.checks.bootstrap import CrossedBootstrap
from tma_prep.checks.headline import headline
from tma_prep.checks.losses import CONTROLS, CheckLosses, RunLosses, read_losses
from tma_prep.checks.measures import MEASURES, first_reach, measured
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

Bootstraps = Callable[[int], CrossedBootstrap]
"""The draws for a number of seeds."""


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
    bootstraps = _bootstraps(losses)
    found = _differences(losses, bootstraps)
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
        orders=_order_summaries(losses, bootstraps, random_order),
        differences=found,
        milestones=_milestones(losses),
        falls=list(falls),
    )


def differences(curves: pa.Table) -> list[Difference]:
    """Every pair of orders with as many steps, under every control and measure.

    Args:
        curves: Schema `CURVES`, rows in any sequence; orders are paired as first named.
    """
    losses = read_losses(curves)
    return _differences(losses, _bootstraps(losses))


def order_summaries(
    curves: pa.Table, random_order: str | None = RANDOM_ORDER
) -> list[OrderSummary]:
    """Each order's curve in a few numbers, by control, orders as first named.

    Args:
        curves: Schema `CURVES`, rows in any sequence.
        random_order: Whose final loss `steps_to_reach_random` is about.
    """
    losses = read_losses(curves)
    return _order_summaries(losses, _bootstraps(losses), random_order)


def milestones(curves: pa.Table) -> list[Milestone]:
    """When half and nine tenths of the fall had come, for all tests and for each named task.

    Args:
        curves: Schema `CURVES`, rows in any sequence.
    """
    return _milestones(read_losses(curves))


def _bootstraps(losses: CheckLosses) -> Bootstraps:
    """The same draws for every pair and every curve."""
    return functools.cache(lambda seeds: CrossedBootstrap(seeds, losses.cluster, losses.seeds[0]))


@dataclass(frozen=True)
class _MeanCurve:
    """Mean over seeds, at the steps that all of them were evaluated at.

    Attributes:
        step: int64 [evaluations].
        losses: float64 [evaluations, seeds, tests].
    """

    step: NDArray[np.int64]
    losses: NDArray[np.float64]

    @staticmethod
    def of(runs: Sequence[RunLosses]) -> "_MeanCurve":
        step = functools.reduce(np.intersect1d, [run.step for run in runs])
        losses = [run.losses[np.searchsorted(run.step, step)] for run in runs]
        return _MeanCurve(step, np.stack(losses, axis=1))


def _measured(losses: CheckLosses, control: Control) -> dict[str, dict[int, Values]]:
    """Measures by order and seed; areas over tokens end where the shortest run of them does."""
    runs = {order: losses.runs[control, order] for order in losses.orders(control)}
    limit = min((int(run.tokens_seen[-1]) for each in runs.values() for run in each), default=0)
    return {order: {run.seed: measured(run, limit) for run in each} for order, each in runs.items()}


def _differences(losses: CheckLosses, bootstraps: Bootstraps) -> list[Difference]:
    values = {control: _measured(losses, control) for control in CONTROLS}
    envelopes = {measure: _envelope(values["null"], measure) for measure in MEASURES}

    found = []
    for control in CONTROLS:
        for a, b in itertools.combinations(losses.orders(control), 2):
            last = {int(run.step[-1]) for name in (a, b) for run in losses.runs[control, name]}
            seeds = sorted(values[control][a].keys() & values[control][b].keys())
            if len(last) > 1 or not seeds:
                continue
            for measure in MEASURES:
                paired = np.array(
                    [
                        values[control][a][seed][measure] - values[control][b][seed][measure]
                        for seed in seeds
                    ]
                )
                low, high = bootstraps(len(seeds)).intervals(paired)
                # A single test of a single seed leaves nothing to draw from.
                certain = paired.size > 1
                found.append(
                    _difference(
                        (a, b, measure, control),
                        (float(paired.mean()), float(low), float(high)),
                        envelopes[measure],
                        certain=certain,
                    )
                )
    return found


def _difference(
    of: tuple[str, str, Measure, Control],
    numbers: tuple[float, float, float],
    envelope: float | None,
    *,
    certain: bool,
) -> Difference:
    a, b, measure, control = of
    mean, low, high = numbers
    least = envelope or 0.0
    verdict: Verdict = "no effect found"
    if certain and high < 0 and mean < -least:
        verdict = "lower"
    if certain and low > 0 and mean > least:
        verdict = "higher"
    return Difference(
        a=a,
        b=b,
        measure=measure,
        control=control,
        mean=mean,
        low=low,
        high=high,
        verdict=verdict,
        envelope=envelope,
        smallest_effect=max(least, (high - low) / 2),
    )


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


def _order_summaries(
    losses: CheckLosses, bootstraps: Bootstraps, random_order: str | None
) -> list[OrderSummary]:
    found = []
    for control in CONTROLS:
        values = _measured(losses, control)
        level: float | None = None
        if random_order in values:
            level = _mean_of(values[random_order], "final_loss")
        for order in losses.orders(control):
            runs = losses.runs[control, order]
            curve = _MeanCurve.of(runs)
            loss = curve.losses.mean(axis=(1, 2))
            low, high = bootstraps(len(runs)).intervals(curve.losses)
            by_token = curve.losses.mean(axis=1) @ losses.response_tokens
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
                    else first_reach(curve.step.astype(np.float64), loss, level),
                    rows_seen=max(int(run.rows_seen[-1]) for run in runs),
                    response_tokens_seen=round(
                        float(np.mean([run.tokens_seen[-1] for run in runs]))
                    ),
                    steps=curve.step.tolist(),
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
    tasks: list[str | None] = [None, *losses.named_tasks]
    found = []
    for (control, order), runs in losses.runs.items():
        curve = _MeanCurve.of(runs)
        step = curve.step.astype(np.float64)
        for task in tasks:
            loss = curve.losses[:, :, losses.of_task(task)].mean(axis=(1, 2))
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
