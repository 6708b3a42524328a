"""From a ranking to orders, shards and their schedules."""

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from tma_prep.artifact import (
    ARRANGE_AGAIN,
    Artifact,
    file_entry,
    library_versions,
    sync,
    tool_version,
)
from tma_prep.embeddings import EmbeddingStore, Sides, tokenizer_sha256
from tma_prep.errors import ArtifactError, OptionError
from tma_prep.files import AnyPath, any_path, is_remote
from tma_prep.options import ArrangeOptions, LeakageMode
from tma_prep.orders.comparison import OrderComparison, compare_orders
from tma_prep.orders.ranked import Ranked
from tma_prep.orders.selected import SelectedRows
from tma_prep.orders.selection import parse_budget
from tma_prep.progress import Progress
from tma_prep.rankings import LIBRARIES, RankedPool, Ranker
from tma_prep.tables import read_table
from tma_prep.workspace import Workspace
from tma_prep_schemas import (
    ORDER,
    ROW_ID,
    LeakCounts,
    Manifest,
    OrderManifest,
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
    found: OrderManifest | None


def plan_order(
    workspace: Workspace,
    sides: Sides,
    name: str,
    order: str,
    ranker: Ranker,
    options: ArrangeOptions,
) -> OrderPlan:
    """See which order is finished, and that its shards may be made.

    Raises:
        ArtifactError: One is there that was made differently or is damaged.
    """
    counted = options.budget is not None and parse_budget(options.budget).unit == "tokens"
    tokenizer = sha256 = None
    if options.tokenizer is not None:
        tokenizer, sha256 = str(options.tokenizer), tokenizer_sha256(options.tokenizer)
    config: dict[str, Option] = {
        **ranker.config,
        **options.recorded_of("order"),
        "order": order,
        "budget_tokenizer": tokenizer if counted else None,
        "budget_tokenizer_sha256": sha256 if counted else None,
    }
    shards_config = config | options.recorded_of("shards")
    shards_config |= {"tokenizer": tokenizer, "tokenizer_sha256": sha256}
    same = functools.partial(tells_enough, options.leakage)
    found = Artifact(workspace.order(name).parent, OrderManifest, ARRANGE_AGAIN).reused(
        config,
        None,
        overwrite=options.overwrite,
        same=same,
    )
    if found is not None and found.files[0].file != workspace.order(name).name:
        raise ArtifactError(
            f"{workspace.order_manifest(name)}: names another file; make it again with --overwrite"
        )
    if options.shards:
        Artifact(shards_folder(workspace, name, options), ShardsManifest, ARRANGE_AGAIN).reused(
            shards_config,
            None,
            overwrite=options.overwrite,
            same=same,
        )
    return OrderPlan(name, order, config, shards_config, found)


def tells_enough(wanted: LeakageMode, option: str, existing: Manifest) -> bool:
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
    if is_remote(target) and target.protocol in ("http", "https"):
        raise OptionError(f"--shards-to {target}: a web server takes no files; use s3://bucket/…")
    return target / name


@dataclass(frozen=True)
class MadeOrder:
    """An order of the workspace.

    Attributes:
        table: Schema `ORDER`.
        sha256: Of its manifest.
        made: False where it was found on disk.
    """

    table: pa.Table
    sha256: str
    made: bool


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
        self.workspace = workspace
        self.sides = sides
        self.selected = SelectedRows(sides, ranker.farthest_rounds, pool, options, progress)
        self.pool = pool
        self.targets = ranker.targets.recorded(sides.test)
        self.leaks = leaks
        self.options = options
        self.progress = progress
        self.changes: dict[str, OrderComparison | None] = {}

    def order(self, plan: OrderPlan) -> MadeOrder:
        """The order, written where it is not there yet, or made from another ranking."""
        path = self.workspace.order(plan.name)
        inputs = {self.pool.name: self.pool.sha256, **self.sides.inputs}
        artifact = Artifact(path.parent, OrderManifest, ARRANGE_AGAIN)
        found = artifact.reused(
            plan.config,
            inputs,
            overwrite=self.options.overwrite,
            same=functools.partial(tells_enough, self.options.leakage),
        )
        if found is not None:
            table = read_table(path, ORDER, remedy=ARRANGE_AGAIN)
            return MadeOrder(table, artifact.sha256, made=False)
        sequence = self.selected.sequence(plan.order)
        table = order_table(self.sides, self.pool.tests, self.selected.kept, sequence)
        change = None if plan.found is None else self._change(path, table)
        path.parent.parent.mkdir(exist_ok=True)
        with artifact.making() as making:
            file = making.folder / path.name
            pq.write_table(table, file, compression="zstd")
            sync(file)
            manifest = OrderManifest(
                tool_version=tool_version(),
                libraries=library_versions(*LIBRARIES),
                config=plan.config,
                inputs=inputs,
                rows=table.num_rows,
                files=[file_entry(file, table.num_rows)],
                order=plan.order,
                targets=self.targets,
                leakage=self.leaks,
            )
            making.finish(manifest)
        self.changes[plan.name] = change
        return MadeOrder(table, artifact.sha256, made=True)

    def _change(self, path: Path, table: pa.Table) -> OrderComparison | None:
        """How far the order is from the one that it replaces; None where that is damaged."""
        try:
            before = read_table(path, ORDER, ROW_ID, remedy=ARRANGE_AGAIN)
        except ArtifactError:
            return None
        return compare_orders(*(pl.Series("id", side[ROW_ID]) for side in (before, table)))


def order_table(
    sides: Sides, tests: NDArray[np.int64], selected: Ranked, sequence: NDArray[np.int64]
) -> pa.Table:
    """An order as a table by position.

    Args:
        sides: Both stores.
        tests: `tma_row` of the nearest test of every stored training row.
        selected: The rows that stay.
        sequence: Entries of `selected`.
    """
    train, places = sides.train, selected.rows[sequence]
    rounds = None if selected.rounds is None else selected.rounds[sequence]
    test_rows, of_row = np.unique(tests[places], return_inverse=True)
    names = _target_names(sides.test).take(np.searchsorted(sides.test.rows, test_rows))
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


def _target_names(test: EmbeddingStore) -> pa.Array:
    """What `tma_target` calls each test row: its own `id`, or its row number."""
    names = test.instances("id").column("id").to_pylist()
    return pa.array(
        [str(row) if name is None else name for name, row in zip(names, test.rows, strict=True)],
        pa.string(),
    )
