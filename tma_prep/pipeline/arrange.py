"""`tma-prep arrange`: embeddings to a ranking, orders and shards."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from tma_prep.arrangement import ORDERS, Ranked, order_positions
from tma_prep.artifacts import (
    MANIFEST,
    Workspace,
    file_entry,
    find_finished,
    staged_folder,
    sync,
    write_manifest,
)
from tma_prep.config import ArrangeOptions
from tma_prep.errors import OptionError
from tma_prep.instances import InstancePool, stored_schema
from tma_prep.memory import default_budget, input_bytes
from tma_prep.pipeline.inputs import check_inputs
from tma_prep.pipeline.libraries import library_versions, tool_version
from tma_prep.pipeline.ranking import LIBRARIES, Ranking, Sides, load_or_rank, open_sides
from tma_prep.progress import Progress, Silent, Stopwatch
from tma_prep.shards import write_shards
from tma_prep_schemas import ORDER, OrderManifest, ShardsManifest, Source
from tma_prep_schemas.manifests import Option


@dataclass(frozen=True)
class OrderResult:
    """One order: where its shards are, and whether it was there already."""

    name: str
    order: str
    rows: int
    shards: int
    folder: str | None
    kept: bool


@dataclass(frozen=True)
class ArrangeResult:
    """What `arrange` did.

    Attributes:
        shared_winners: Nominations of a row that another test named in the same round.
        searched: False where the ranking was there already.
    """

    workspace: str
    train_rows: int
    test_rows: int
    rounds: int
    shared_winners: int
    largest_round: int
    searched: bool
    orders: list[OrderResult]
    seconds: dict[str, float]


def arrange(options: ArrangeOptions, progress: Progress | None = None) -> ArrangeResult:
    """Rank once, then write every order asked for; what is finished already is kept.

    Raises:
        TmaPrepError: In one line: what is wrong, and the remedy.
    """
    progress = progress or Silent()
    clock = Stopwatch()
    names = _names(options)
    workspace = Workspace(options.work)
    with workspace.locked():
        with clock("open"):
            sides = open_sides(workspace)
            plans = [_plan(workspace, sides, name, order, options) for name, order in names.items()]
        with clock("rank"):
            ranking = load_or_rank(
                workspace,
                sides,
                device=options.device,
                overwrite=options.overwrite,
                progress=progress,
            )
        targets = _target_names(sides.test.manifest.source)
        for plan in plans:
            with clock("order"):
                table = _order(workspace, plan, sides, ranking, targets, options)
            if plan.shards_missing:
                with clock("shards"):
                    _shards(workspace, plan, table, sides, options, progress)
    return ArrangeResult(
        workspace=str(options.work),
        train_rows=sides.train.shape[0],
        test_rows=sides.test.shape[0],
        rounds=ranking.manifest.rounds or 0,
        shared_winners=ranking.manifest.shared_winners or 0,
        largest_round=int(np.bincount(ranking.round_of_row).max()),
        searched=ranking.made,
        orders=[_result(workspace, plan, sides, options) for plan in plans],
        seconds=clock.seconds,
    )


def _names(options: ArrangeOptions) -> dict[str, str]:
    """Artifact name → order, for every order asked for."""
    for order in options.orders:
        if order not in ORDERS:
            raise OptionError(f"--order {order} is not known; it is one of {', '.join(ORDERS)}")
    if len(set(options.orders)) < len(options.orders):
        raise OptionError("an --order is named twice; name each once")
    if options.name is None:
        return {order: order for order in options.orders}
    if len(options.orders) == 1:
        return {options.name: options.orders[0]}
    return {f"{options.name}-{order}": order for order in options.orders}


@dataclass(frozen=True)
class _Plan:
    """One order: what is wanted under its name, and what is not there yet."""

    name: str
    order: str
    config: dict[str, Option]
    order_missing: bool
    shards_missing: bool


def _plan(
    workspace: Workspace, sides: Sides, name: str, order: str, options: ArrangeOptions
) -> _Plan:
    config: dict[str, Option] = {
        "ranking": "tma",
        "order": order,
        "seed": options.seed,
        "within_round": options.within_round,
    }
    order_found = find_finished(
        workspace.order_manifest(name),
        OrderManifest,
        config,
        sides.inputs,
        overwrite=options.overwrite,
    )
    shards_found = options.shards and find_finished(
        workspace.shards(name) / MANIFEST,
        ShardsManifest,
        config | {"rows_per_shard": options.rows_per_shard},
        sides.inputs,
        overwrite=options.overwrite,
    )
    return _Plan(
        name,
        order,
        config,
        order_missing=order_found is None,
        shards_missing=shards_found is None,
    )


def _target_names(source: Source) -> dict[int, str]:
    """What `tma_target` calls each test row: its own `id`, or its row number."""
    check_inputs(source)
    pool = InstancePool.from_source(source)
    return {
        row.row: row.name if row.name is not None else str(row.row)
        for batch in pool.batches("skip")
        for row in batch.instances
    }


def _order(
    workspace: Workspace,
    plan: _Plan,
    sides: Sides,
    ranking: Ranking,
    targets: dict[int, str],
    options: ArrangeOptions,
) -> pa.Table:
    """The order as a table by position, written where it is not there yet."""
    path = workspace.order(plan.name)
    if not plan.order_missing:
        return pq.read_table(path, schema=ORDER)
    places = order_positions(
        plan.order,
        Ranked(ranking.round_of_row, ranking.similarities, options.within_round, options.seed),
    )
    table = _order_table(places, sides, ranking, targets)
    path.parent.mkdir(exist_ok=True)
    # The manifest goes first, so that an order under way never looks whole.
    workspace.order_manifest(plan.name).unlink(missing_ok=True)
    partial = path.with_name(f".{path.name}.partial")
    pq.write_table(table, partial, compression="zstd")
    sync(partial)
    partial.replace(path)
    manifest = OrderManifest(
        tool_version=tool_version(),
        libraries=library_versions(*LIBRARIES),
        config=plan.config,
        inputs=sides.inputs,
        rows=table.num_rows,
        files=[file_entry(path, table.num_rows)],
        order=plan.order,
    )
    write_manifest(workspace.order_manifest(plan.name), manifest)
    return table


def _order_table(
    places: NDArray[np.int64], sides: Sides, ranking: Ranking, targets: dict[int, str]
) -> pa.Table:
    test_rows, of_row = np.unique(ranking.tests[places], return_inverse=True)
    names = pa.array([targets[int(row)] for row in test_rows], pa.string())
    return pa.table(
        [
            np.arange(len(places)),
            sides.train.rows[places],
            sides.train.ids.take(pa.array(places)),
            ranking.round_of_row[places],
            ranking.similarities[places].astype(np.float32),
            names.take(pa.array(of_row)),
        ],
        schema=ORDER,
    )


def _shards(
    workspace: Workspace,
    plan: _Plan,
    order: pa.Table,
    sides: Sides,
    options: ArrangeOptions,
    progress: Progress,
) -> None:
    source = sides.train.manifest.source
    check_inputs(source)
    pool = InstancePool.from_source(source)
    schema = stored_schema(source)
    with staged_folder(workspace.shards(plan.name)) as folder:
        with progress.stage(f"Writing shards of {plan.name}", order.num_rows, "rows") as advance:
            files = write_shards(
                folder,
                order,
                pool.tables(schema, sides.train.rows),
                schema,
                rows_per_shard=options.rows_per_shard,
                input_bytes=input_bytes([Path(file.path) for file in source.files]),
                memory_bytes=default_budget(),
                on_written=advance,
            )
        manifest = ShardsManifest(
            tool_version=tool_version(),
            libraries=library_versions(*LIBRARIES),
            config=plan.config | {"rows_per_shard": options.rows_per_shard},
            inputs=sides.inputs,
            rows=order.num_rows,
            files=files,
            order=plan.order,
            format=source.format,
        )
        write_manifest(folder / MANIFEST, manifest)


def _result(
    workspace: Workspace, plan: _Plan, sides: Sides, options: ArrangeOptions
) -> OrderResult:
    rows = sides.train.shape[0]
    folder = workspace.shards(plan.name)
    return OrderResult(
        name=plan.name,
        order=plan.order,
        rows=rows,
        shards=-(-rows // options.rows_per_shard) if options.shards else 0,
        folder=str(folder) if options.shards else None,
        kept=not plan.order_missing and not plan.shards_missing,
    )
