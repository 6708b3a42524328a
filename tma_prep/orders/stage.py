"""From a ranking to orders, each made once and kept."""

import functools
from dataclasses import dataclass
from typing import TypeVar

import polars as pl
import pyarrow as pa

from tma_prep.artifact import ARRANGE_AGAIN, Artifact, made
from tma_prep.embeddings import Sides, tokenizer_sha256
from tma_prep.errors import ArtifactError, OptionError
from tma_prep.files import any_path, is_remote
from tma_prep.options import ArrangeOptions, LeakageMode
from tma_prep.orders.comparison import OrderComparison, compare_orders
from tma_prep.orders.selected import SelectedRows
from tma_prep.orders.selection import parse_budget
from tma_prep.progress import Progress
from tma_prep.rankings import LIBRARIES, RankedPool, Ranker
from tma_prep.tables import read_table, write_table
from tma_prep.workspace import Workspace
from tma_prep_schemas import ORDER, ROW_ID, LeakCounts, Manifest, OrderManifest, ShardsManifest
from tma_prep_schemas.manifests import Option

_Ordered = TypeVar("_Ordered", OrderManifest, ShardsManifest)


@dataclass(frozen=True)
class OrderPlan:
    """One order: what is wanted under its name.

    Attributes:
        before: An order that is there, made with the same options.
    """

    name: str
    order: str
    options: ArrangeOptions
    artifact: Artifact[OrderManifest]
    config: dict[str, Option]
    shards: Artifact[ShardsManifest]
    shards_config: dict[str, Option]

    def found(self, inputs: dict[str, str] | None) -> OrderManifest | None:
        """The order if it is there; see `Artifact.reused`."""
        return self._reused(self.artifact, self.config, inputs)

    def found_shards(self, inputs: dict[str, str] | None) -> ShardsManifest | None:
        """Its shards, likewise."""
        return self._reused(self.shards, self.shards_config, inputs)

    def _reused(
        self, artifact: Artifact[_Ordered], config: dict[str, Option], inputs: dict[str, str] | None
    ) -> _Ordered | None:
        return artifact.reused(
            config,
            inputs,
            overwrite=self.options.overwrite,
            same=functools.partial(_tells_enough, self.options.leakage),
        )


def plan_order(
    workspace: Workspace, name: str, order: str, ranker: Ranker, options: ArrangeOptions
) -> OrderPlan:
    """See that an order and its shards may be made.

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
    beneath = None if options.shards_to is None else any_path(options.shards_to)
    if beneath is not None and is_remote(beneath) and beneath.protocol in ("http", "https"):
        raise OptionError(f"--shards-to {beneath}: a web server takes no files; use s3://bucket/…")
    plan = OrderPlan(
        name,
        order,
        options,
        workspace.order(name),
        config,
        workspace.shards(name, beneath),
        shards_config,
    )
    plan.found(None)
    if options.shards:
        plan.found_shards(None)
    return plan


def _tells_enough(wanted: LeakageMode, option: str, existing: Manifest) -> bool:
    """Whether an order from which nothing was left out tells as much of leaks as is wanted now."""
    before = existing.config.get("leakage")
    if not option.startswith("leak") or "exclude" in (wanted, before):
        return False
    return wanted == "off" or (option == "leakage" and before in ("warn", "fail"))


@dataclass(frozen=True)
class MadeOrder:
    """An order of the workspace.

    Attributes:
        table: Schema `ORDER`.
        made: False where it was found on disk.
        change: How far it is from the order that it replaces since its inputs were updated.
    """

    table: pa.Table
    made: bool
    change: OrderComparison | None = None


class Orders:
    """The steps from a ranking to orders and shards; each thing is made when first needed."""

    def __init__(
        self,
        sides: Sides,
        ranker: Ranker,
        pool: RankedPool,
        leaks: LeakCounts | None,
        options: ArrangeOptions,
        progress: Progress,
    ) -> None:
        """Take what the orders are made from."""
        self.sides = sides
        self.selected = SelectedRows(sides, ranker.farthest_rounds, pool, options, progress)
        self.pool = pool
        self.targets = ranker.targets.recorded(sides.test)
        self.leaks = leaks
        self.options = options
        self.progress = progress

    def order(self, plan: OrderPlan) -> MadeOrder:
        """The order, written where it is not there yet, or made from another ranking."""
        inputs = self.pool.inputs | self.sides.inputs
        found = plan.found(inputs)
        if found is not None:
            path = plan.artifact.folder / found.files[0].file
            return MadeOrder(read_table(path, ORDER, remedy=ARRANGE_AGAIN), made=False)
        table = self.selected.table(plan.order)
        change = self._change(plan, table)
        with plan.artifact.making() as making:
            entry = write_table(making.folder / "order.parquet", table)
            making.finish(
                OrderManifest(
                    **made(plan.config, inputs, LIBRARIES),
                    rows=table.num_rows,
                    files=[entry],
                    order=plan.order,
                    targets=self.targets,
                    leakage=self.leaks,
                )
            )
        return MadeOrder(table, made=True, change=change)

    def _change(self, plan: OrderPlan, table: pa.Table) -> OrderComparison | None:
        """How far the order is from the one that it replaces, made with the same options.

        None where there is none, or it is damaged.
        """
        try:
            found = plan.found(None)
            if found is None:
                return None
            path = plan.artifact.folder / found.files[0].file
            before = read_table(path, ORDER, ROW_ID, remedy=ARRANGE_AGAIN)
        except ArtifactError:
            return None
        return compare_orders(*(pl.Series("id", side[ROW_ID]) for side in (before, table)))
