"""From an order to its shards and their schedule."""

from pathlib import Path

import numpy as np
import pyarrow as pa

from tma_prep.artifact import made
from tma_prep.durable import file_entry, write_text
from tma_prep.embeddings import counted_by
from tma_prep.orders import OrderPlan, Orders, stages
from tma_prep.rankings import LIBRARIES
from tma_prep.shards.writer import write_shards
from tma_prep_schemas import ROUND, ROW, FileEntry, Schedule, ShardsManifest

_STAGES = 10
"""So many has a schedule, where there are places enough to cut."""


def keep_shards(work: Orders, plan: OrderPlan, order: pa.Table) -> bool:
    """Write the shards of an order, unless they are there; whether they were written."""
    train = work.sides.train
    inputs = {f"orders/{plan.name}": plan.artifact.sha256, **train.manifest.inputs}
    if plan.found_shards(inputs) is not None:
        return False
    rows, count = train.row_store, order.num_rows
    # Every row is read once and written once.
    with (
        plan.shards.making() as making,
        work.progress.stage(f"Writing shards of {plan.name}", 2 * count, "rows") as advance,
    ):
        files = write_shards(
            making.folder,
            order,
            rows.tables(train.rows),
            rows.schema,
            rows_per_shard=work.options.rows_per_shard,
            memory_bytes=work.options.memory_bytes,
            on_rows=advance,
        )
        making.finish(
            ShardsManifest(
                **made(plan.shards_config, inputs, LIBRARIES),
                rows=count,
                files=files,
                schedule=_schedule(work, making.folder, plan, order),
                order=plan.order,
                targets=work.targets,
                leakage=work.leaks,
                layouts=rows.manifest.layouts,
                traits=rows.manifest.traits,
            )
        )
    return True


def _schedule(work: Orders, folder: Path, plan: OrderPlan, order: pa.Table) -> FileEntry:
    train, tasks = work.sides.train, work.selected.tasks
    places = np.searchsorted(train.rows, order.column(ROW).to_numpy())
    rounds = order.column(ROUND)
    found = stages(
        work.selected.tokens[places],
        work.pool.similarity[places],
        rounds=None if rounds.null_count else rounds.to_numpy(),
        task=None if tasks is None else tasks.of_row[places],
        task_names=[] if tasks is None else tasks.names,
        count=_STAGES,
    )
    schedule = Schedule(
        order=plan.order,
        tokens_counted_by=counted_by(train, work.options.tokenizer),
        stages=found,
    )
    path = folder / "schedule.json"
    write_text(path, schedule.model_dump_json(indent=2) + "\n")
    return file_entry(path, order.num_rows)
