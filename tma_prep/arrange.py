"""`tma-prep arrange`: embeddings to a ranking, orders and shards."""

import contextlib
import math
from dataclasses import asdict, dataclass

import numpy as np

from tma_prep.embeddings import Sides, open_sides, open_tokenizer
from tma_prep.errors import VerdictError
from tma_prep.leakage import (
    LEAKAGE_FILE,
    Leakage,
    kept_leakage,
    leakage_line,
    look_for_leaks,
    without_leaks,
)
from tma_prep.options import ArrangeOptions
from tma_prep.orders import (
    OrderComparison,
    OrderPlan,
    Orders,
    check_options,
    check_sizes,
    plan_order,
)
from tma_prep.progress import Progress, Silent, Stopwatch
from tma_prep.rankings import Plan, Ranker, RayScan, keep_neighbors, load_or_rank
from tma_prep.shards import keep_shards
from tma_prep.tables import Ints
from tma_prep.workspace import Workspace
from tma_prep_schemas import Facts, LeakCounts, TargetRole

_SLOWER = 2.5
"""A ranking by rounds, in products of all similarities (see benchmarks/README.md)."""


@dataclass(frozen=True)
class OrderResult:
    """One order: where its shards are, and whether it was there already.

    Attributes:
        change: How far it is from the order that it replaces since its inputs were updated.
    """

    name: str
    order: str
    rows: int
    shards: int
    folder: str | None
    kept: bool
    change: OrderComparison | None


@dataclass(frozen=True)
class LeakageResult:
    """Training rows that hold a test row: how many by the strongest kind, and where pairs stand."""

    counts: LeakCounts
    rows: int
    text: str
    file: str
    excluded: bool


@dataclass(frozen=True)
class ArrangeResult:
    """What `arrange` did.

    Attributes:
        train_rows: Those that were ranked.
        test_rows: Those that they were ranked for.
        unseen_test_rows: Those that `target_fraction` held out for a check.
        leakage: What of the pool holds a test row, None where it was not looked for.
        searched: False where the ranking was there already.
    """

    workspace: str
    train_rows: int
    test_rows: int
    unseen_test_rows: int
    ranking: str
    facts: Facts
    target_role: TargetRole
    leakage: LeakageResult | None
    searched: bool
    orders: list[OrderResult]
    seconds: dict[str, float]


@dataclass(frozen=True)
class ArrangePlan:
    """What `arrange` would do, with `--plan`.

    Attributes:
        floor_seconds: The product of all similarities at the speed just measured.
        rank_seconds: About how long the ranking takes on this CPU; shards come on top.
    """

    workspace: str
    ranking: str
    orders: list[str]
    rows: int
    tests: int
    list_length: int
    rows_per_block: int
    memory_bytes: int
    memory_budget: int
    operations: int
    floor_seconds: float
    rank_seconds: float


def plan_arrange(options: ArrangeOptions) -> ArrangePlan:
    """Say what `arrange` would do, without doing it.

    Raises:
        TmaPrepError: In one line: what is wrong, and the remedy.
    """
    check_options(options)
    workspace = Workspace(options.work)
    with workspace.locked():
        sides = open_sides(workspace)
        check_sizes(options, sides)
        plan = Ranker(sides, options, Silent()).engine.plan
    floor_seconds = _floor_seconds(plan, sides.train.shape[1])
    return ArrangePlan(
        workspace=str(options.work),
        ranking=options.ranking,
        orders=list(wanted_orders(options)),
        memory_budget=options.memory_bytes,
        floor_seconds=floor_seconds,
        rank_seconds=_SLOWER * floor_seconds,
        **asdict(plan),
    )


def arrange(options: ArrangeOptions, progress: Progress | None = None) -> ArrangeResult:
    """Rank once, then write every order asked for; what is finished already is kept.

    Raises:
        VerdictError: Training rows hold a test row, and `leakage` is `fail`.
        TmaPrepError: In one line: what is wrong, and the remedy.
    """
    check_options(options)
    workspace = Workspace(options.work)
    with workspace.locked():
        return arrange_held(workspace, options, progress or Silent())


def leaking_rows(workspace: Workspace, options: ArrangeOptions, progress: Progress) -> Ints:
    """`tma_row` of what `--leakage exclude` leaves out, ascending; the workspace is locked."""
    sides = open_sides(workspace)
    ranker = Ranker(sides, options, progress)
    return _leakage(workspace, sides, ranker, options, progress, Stopwatch()).rows


def arrange_held(
    workspace: Workspace, options: ArrangeOptions, progress: Progress
) -> ArrangeResult:
    """The same as `arrange` in a workspace that this process has locked already."""
    clock = Stopwatch()
    with contextlib.ExitStack() as stack:
        with clock("open"):
            sides = open_sides(workspace)
            elsewhere = None
            if options.engine == "ray":
                elsewhere = stack.enter_context(RayScan())
            ranker = Ranker(sides, options, progress, elsewhere)
            check_sizes(options, sides)
            if options.tokenizer is not None:
                open_tokenizer(options.tokenizer)
            plans = [
                plan_order(workspace, name, order, ranker, options)
                for name, order in wanted_orders(options).items()
            ]
        if not workspace.ranking(ranker.name).folder.is_dir():
            progress.note(_told(ranker.engine.plan, sides.train.shape[1], options.memory_bytes))
        leakage = None
        if options.leakage != "off":
            leakage = _leakage(workspace, sides, ranker, options, progress, clock)
        with clock("rank"):
            if len(ranker.test_places) == sides.test.shape[0]:
                keep_neighbors(workspace, sides, ranker, overwrite=options.overwrite)
            if leakage is not None and options.leakage == "exclude":
                sides = without_leaks(workspace, sides, leakage)
                check_sizes(options, sides)
                ranker = Ranker(sides, options, progress, elsewhere)
            pool = load_or_rank(workspace, sides, ranker, overwrite=options.overwrite)
        told = None
        if leakage is not None:
            told = LeakageResult(
                counts=leakage.manifest.counts,
                rows=leakage.manifest.counts.rows,
                text=leakage_line(leakage.manifest),
                file=str(workspace.leakage.folder / LEAKAGE_FILE),
                excluded=options.leakage == "exclude",
            )
        counts = None if told is None else told.counts
        work = Orders(sides, ranker, pool, counts, options, progress)
        orders = [_order(work, plan, options, clock) for plan in plans]
    return ArrangeResult(
        workspace=str(options.work),
        train_rows=sides.train.shape[0],
        test_rows=len(ranker.test_places),
        unseen_test_rows=len(ranker.targets.unseen),
        ranking=options.ranking,
        facts=pool.manifest.facts,
        target_role=options.target_role,
        leakage=told,
        searched=pool.made,
        orders=orders,
        seconds=clock.seconds,
    )


def _order(work: Orders, plan: OrderPlan, options: ArrangeOptions, clock: Stopwatch) -> OrderResult:
    """One order and its shards, made where they are not there."""
    with clock("order"):
        order = work.order(plan)
    shards_made = False
    if options.shards:
        with clock("shards"):
            shards_made = keep_shards(work, plan, order.table)
    rows = order.table.num_rows
    return OrderResult(
        name=plan.name,
        order=plan.order,
        rows=rows,
        shards=math.ceil(rows / options.rows_per_shard) if options.shards else 0,
        folder=str(plan.shards.place) if options.shards else None,
        kept=not (order.made or shards_made),
        change=order.change,
    )


def _leakage(
    workspace: Workspace,
    sides: Sides,
    ranker: Ranker,
    options: ArrangeOptions,
    progress: Progress,
    clock: Stopwatch,
) -> Leakage:
    """Which training rows hold a test row, from disk where it is known.

    Raises:
        VerdictError: Some do, and `--leakage fail` was given.
    """
    with clock("leakage"):
        leakage = kept_leakage(workspace, sides, options)
    if leakage is None:
        with clock("rank"):
            ranker.whole_engine.first_search()
        with clock("leakage"):
            leakage = look_for_leaks(workspace, sides, ranker.whole_engine, options, progress)
    if options.leakage == "fail" and len(leakage.rows):
        file = workspace.leakage.folder / LEAKAGE_FILE
        raise VerdictError(f"--leakage fail: {leakage_line(leakage.manifest)}; see {file}")
    return leakage


def _told(plan: Plan, dimension: int, memory_bytes: int) -> str:
    """The plan in a line, before the work."""
    return (
        f"{plan.rows:,} rows against {plan.tests:,} distinct tests: lists of {plan.list_length:,}, "
        f"blocks of {plan.rows_per_block:,} rows, about {plan.memory_bytes / 1e6:,.0f} MB of "
        f"{memory_bytes / 1e6:,.0f} MB, about {_SLOWER * _floor_seconds(plan, dimension):,.1f} s"
    )


def wanted_orders(options: ArrangeOptions) -> dict[str, str]:
    """Name of the result → order, for every order asked for."""
    if options.name is None:
        return {order: order for order in options.orders}
    if len(options.orders) == 1:
        return {options.name: options.orders[0]}
    return {f"{options.name}-{order}": order for order in options.orders}


def _floor_seconds(plan: Plan, dimension: int) -> float:
    """How long the product of all similarities takes, by a small piece of it."""
    rows = min(plan.rows, 2048)
    piece = np.ones((rows, dimension), dtype=np.float32)
    tests = np.ones((dimension, min(plan.tests, 1024)), dtype=np.float32)
    clock = Stopwatch()
    piece @ tests
    with clock("product"):
        piece @ tests
    return plan.operations / (2 * rows * dimension * tests.shape[1]) * clock.seconds["product"]
