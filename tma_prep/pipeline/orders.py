"""From a ranking to orders, shards and their schedules."""

import contextlib
import functools
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import cast

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from tma_prep.arrangement import Ranked, parse_budget, stages
from tma_prep.arrangement.comparison import OrderComparison, compare_orders
from tma_prep.artifacts import (
    ARRANGE_AGAIN,
    MANIFEST,
    Workspace,
    beside,
    file_entry,
    find_finished,
    is_outdated,
    read_manifest,
    staged_folder,
    sync,
    write_manifest,
    write_text,
)
from tma_prep.config import ArrangeOptions, LeakageMode
from tma_prep.errors import ArtifactError, OptionError
from tma_prep.instances import InstancePool, TextPart, stored_schema
from tma_prep.parquet import read_table
from tma_prep.pipeline.inputs import inputs_checked_meanwhile
from tma_prep.pipeline.libraries import library_versions, tool_version
from tma_prep.pipeline.ranking import LIBRARIES, RankedPool, Ranker
from tma_prep.pipeline.selected import SelectedRows
from tma_prep.pipeline.sides import Sides
from tma_prep.pipeline.tokens import counted_by, tokenizer_sha256
from tma_prep.progress import Progress
from tma_prep.remote import AnyPath, RemotePath, any_path, sent_folder
from tma_prep.shards import write_shards
from tma_prep.shards.seal import UNSEALED, sealed
from tma_prep_schemas import (
    ORDER,
    ROUND,
    ROW,
    ROW_ID,
    FileEntry,
    LeakCounts,
    Manifest,
    OrderManifest,
    Schedule,
    ScheduleStage,
    ShardsManifest,
)
from tma_prep_schemas.manifests import Option


@dataclass(frozen=True)
class OrderPlan:
    """One order: what is wanted under its name, and what is not there yet."""

    name: str
    order: str
    config: dict[str, Option]
    shards_config: dict[str, Option]
    order_missing: bool
    shards_missing: bool


def plan_order(
    workspace: Workspace,
    sides: Sides,
    name: str,
    order: str,
    ranker: Ranker,
    options: ArrangeOptions,
) -> OrderPlan:
    """See which of the order and its shards is finished.

    Raises:
        ArtifactError: One is there that was made differently or is damaged.
    """
    counted = options.budget is not None and parse_budget(options.budget).unit == "tokens"
    tokenizer = sha256 = None
    if options.tokenizer is not None:
        tokenizer, sha256 = str(options.tokenizer), tokenizer_sha256(options.tokenizer)
    config: dict[str, Option] = {
        **ranker.config,
        "order": order,
        "seed": options.seed,
        "within_round": options.within_round,
        "select": options.select,
        "budget": options.budget,
        "budget_tokenizer": tokenizer if counted else None,
        "budget_tokenizer_sha256": sha256 if counted else None,
        "rounds": options.rounds,
        "per_task": options.per_task,
        "per_task_select": options.per_task_select,
        "then": options.then,
        "after": options.after,
        "leakage": options.leakage,
        "leak_ngrams": None if options.leakage == "off" else options.leak_ngrams,
        "leak_similarity": None if options.leakage == "off" else options.leak_similarity,
        "target_role": options.target_role,
    }
    shards_config = config | {
        "rows_per_shard": options.rows_per_shard,
        "stages": options.stages,
        "tokenizer": tokenizer,
        "tokenizer_sha256": sha256,
    }
    same = functools.partial(_tells_enough, options.leakage)
    order_found = find_finished(
        workspace.order_manifest(name),
        OrderManifest,
        config,
        sides.inputs,
        overwrite=options.overwrite,
        same=same,
        before=sides.before,
    )
    if order_found is not None and order_found.files[0].file != workspace.order(name).name:
        raise ArtifactError(
            f"{workspace.order_manifest(name)}: names another file; make it again with --overwrite"
        )
    shards_found = options.shards and find_finished(
        shards_folder(workspace, name, options) / MANIFEST,
        ShardsManifest,
        shards_config,
        sides.inputs,
        overwrite=options.overwrite,
        same=same,
        before=sides.before,
    )
    return OrderPlan(
        name,
        order,
        config,
        shards_config,
        order_missing=order_found is None,
        shards_missing=shards_found is None,
    )


def _tells_enough(wanted: LeakageMode, option: str, existing: Manifest) -> bool:
    """Whether an order from which nothing was left out tells as much of leaks as is wanted now."""
    before = existing.config.get("leakage")
    if not option.startswith("leak") or "exclude" in (wanted, before):
        return False
    return wanted == "off" or (option == "leakage" and before in ("warn", "fail"))


def arrange_options(config: Mapping[str, Option]) -> dict[str, Option]:
    """What the manifest of an order or of shards says of the options of arrange, by their fields.

    Where shards are, and what their orders are called, it does not say.
    """
    tokenizer = config.get("budget_tokenizer") or config.get("tokenizer")
    fields = ArrangeOptions.model_fields
    known = {name: value for name, value in config.items() if name in fields and value is not None}
    return known | {"tokenizer": tokenizer}


def shards_folder(workspace: Workspace, name: str, options: ArrangeOptions) -> AnyPath:
    """Where the shards of an order go: into the workspace, or beneath `--shards-to`."""
    if options.shards_to is None:
        return workspace.shards(name)
    target = any_path(options.shards_to)
    if isinstance(target, RemotePath) and target.protocol in ("http", "https"):
        raise OptionError(f"--shards-to {target}: a web server takes no files; use s3://bucket/…")
    return target / name


class Orders:
    """The steps from a ranking to orders and shards; each thing is made when first needed."""

    def __init__(
        self,
        workspace: Workspace,
        sides: Sides,
        ranker: Ranker,
        pool: RankedPool,
        leaks: LeakCounts | None,
        options: ArrangeOptions,
        progress: Progress,
    ) -> None:
        """Take what the orders are made from; `changes` tells what became of replaced orders."""
        self._workspace = workspace
        self._sides = sides
        self._selected = SelectedRows(sides, ranker, pool, options, progress)
        self._pool = pool
        self._targets = ranker.targets.recorded(sides.test)
        self._leaks = leaks
        self._options = options
        self._progress = progress
        self.changes: dict[str, OrderComparison | None] = {}

    def order(self, plan: OrderPlan) -> pa.Table:
        """The order as a table by position, written where it is not there yet."""
        path = self._workspace.order(plan.name)
        if not plan.order_missing:
            return read_table(path, ORDER, remedy=ARRANGE_AGAIN)
        table = self._order_table(self._selected.kept, self._selected.sequence(plan.order))
        change = self._change(plan, table)
        path.parent.mkdir(exist_ok=True)
        # The manifest goes first, so that an order under way never looks whole.
        self._workspace.order_manifest(plan.name).unlink(missing_ok=True)
        partial = path.with_name(f".{path.name}.partial")
        pq.write_table(table, partial, compression="zstd")
        sync(partial)
        partial.replace(path)
        manifest = OrderManifest(
            tool_version=tool_version(),
            libraries=library_versions(*LIBRARIES),
            config=plan.config,
            inputs=self._sides.inputs,
            rows=table.num_rows,
            files=[file_entry(path, table.num_rows)],
            order=plan.order,
            targets=self._targets,
            leakage=self._leaks,
        )
        write_manifest(self._workspace.order_manifest(plan.name), manifest)
        self.changes[plan.name] = change
        return table

    def _change(self, plan: OrderPlan, table: pa.Table) -> OrderComparison | None:
        """How far the order is from the one that it replaces after an update of its inputs."""
        found = read_manifest(self._workspace.order_manifest(plan.name), OrderManifest)
        if found is None or not is_outdated(
            found, plan.config, self._sides.inputs, self._sides.before
        ):
            return None
        before = read_table(self._workspace.order(plan.name), ORDER, ROW_ID, remedy=ARRANGE_AGAIN)
        return compare_orders(*(pl.Series("id", side[ROW_ID]) for side in (before, table)))

    def _order_table(self, selected: Ranked, sequence: NDArray[np.int64]) -> pa.Table:
        train, places = self._sides.train, selected.rows[sequence]
        rounds = None if selected.rounds is None else selected.rounds[sequence]
        test_rows, of_row = np.unique(self._pool.tests[places], return_inverse=True)
        names = self._target_names.take(np.searchsorted(self._sides.test.rows, test_rows))
        return pa.table(
            [
                np.arange(len(places)),
                train.rows[places],
                train.ids.take(pa.array(places)),
                pa.nulls(len(places), pa.int32()) if rounds is None else rounds,
                selected.similarity[sequence].astype(np.float32),
                names.take(pa.array(of_row)),
            ],
            schema=ORDER,
        )

    @functools.cached_property
    def _target_names(self) -> pa.ChunkedArray:
        """What `tma_target` calls each test row: its own `id`, or its row number."""
        test = self._sides.test
        names = test.instances("id").column("id").to_pylist()
        return pa.array(
            [
                str(row) if name is None else name
                for name, row in zip(names, test.rows, strict=True)
            ],
            pa.string(),
        )

    def shards(self, plan: OrderPlan, order: pa.Table) -> None:
        """Write the shards and the schedule of an order."""
        train = self._sides.train
        source = train.manifest.source
        schema = stored_schema(source)
        # Every row is read once and written once.
        label = f"Writing shards of {plan.name}"
        target = shards_folder(self._workspace, plan.name, self._options)
        with contextlib.ExitStack() as stack:
            if isinstance(target, RemotePath):
                staging = beside(self._workspace.shards(plan.name), "sending")
                folder = stack.enter_context(sent_folder(staging, target, MANIFEST))
            else:
                folder = stack.enter_context(staged_folder(target))
            with (
                inputs_checked_meanwhile(source),
                self._progress.stage(label, 2 * order.num_rows, "rows") as advance,
            ):
                written = write_shards(
                    folder,
                    order,
                    InstancePool.from_source(source).tables(schema, train.rows),
                    schema,
                    rows_per_shard=self._options.rows_per_shard,
                    memory_bytes=self._options.memory_bytes,
                    on_rows=advance,
                )
            manifest = ShardsManifest(
                tool_version=tool_version(),
                libraries=library_versions(*LIBRARIES),
                config=plan.shards_config,
                inputs=self._sides.inputs,
                rows=order.num_rows,
                files=written.files,
                schedule=self._schedule(folder, plan, order),
                order=plan.order,
                targets=self._targets,
                leakage=self._leaks,
                format=source.format,
                text=cast("TextPart", train.manifest.config["text"]),
                rows_sha256=written.rows_sha256,
                manifest_sha256=UNSEALED,
            )
            write_manifest(folder / MANIFEST, sealed(manifest))

    def _schedule(self, folder: Path, plan: OrderPlan, order: pa.Table) -> FileEntry:
        train, tasks = self._sides.train, self._selected.tasks
        places = np.searchsorted(train.rows, order.column(ROW).to_numpy())
        rounds = order.column(ROUND)
        found = stages(
            self._selected.tokens[places],
            self._pool.similarity[places],
            rounds=None if rounds.null_count else rounds.to_numpy(),
            task=None if tasks is None else tasks.of_row[places],
            task_names=[] if tasks is None else tasks.names,
            count=self._options.stages,
        )
        schedule = Schedule(
            order=plan.order,
            tokens_counted_by=counted_by(train, self._options.tokenizer),
            stages=[ScheduleStage(**asdict(stage)) for stage in found],
        )
        path = folder / "schedule.json"
        write_text(path, schedule.model_dump_json(indent=2) + "\n")
        return file_entry(path, order.num_rows)
