"""From an order to its shards and their schedule."""

import contextlib
import functools
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pyarrow as pa

from tma_prep.artifact import (
    ARRANGE_AGAIN,
    MANIFEST,
    Artifact,
    beside,
    file_entry,
    library_versions,
    staged_folder,
    tool_version,
    write_manifest,
    write_text,
)
from tma_prep.embeddings import counted_by
from tma_prep.files import is_remote, sent_folder
from tma_prep.orders import MadeOrder, OrderPlan, Orders, shards_folder, stages, tells_enough
from tma_prep.rankings import LIBRARIES
from tma_prep.shards.writer import write_shards
from tma_prep_schemas import ROUND, ROW, FileEntry, Schedule, ScheduleStage, ShardsManifest

_STAGES = 10
"""So many has a schedule, where there are places enough to cut."""


def keep_shards(work: Orders, plan: OrderPlan, made: MadeOrder) -> bool:
    """Write the shards of an order, unless they are there; whether they were written."""
    inputs = {f"orders/{plan.name}": made.sha256, **work.sides.train.manifest.inputs}
    found = Artifact(
        shards_folder(work.workspace, plan.name, work.options), ShardsManifest, ARRANGE_AGAIN
    ).reused(
        plan.shards_config,
        inputs,
        overwrite=work.options.overwrite,
        same=functools.partial(tells_enough, work.options.leakage),
    )
    if found is None:
        _write_shards_of(work, plan, made.table, inputs)
    return found is None


def _write_shards_of(
    work: Orders, plan: OrderPlan, order: pa.Table, inputs: dict[str, str]
) -> None:
    """Write the shards and the schedule of an order."""
    train = work.sides.train
    rows = train.row_store
    # Every row is read once and written once.
    label = f"Writing shards of {plan.name}"
    target = shards_folder(work.workspace, plan.name, work.options)
    with contextlib.ExitStack() as stack:
        if is_remote(target):
            staging = beside(work.workspace.shards(plan.name), "sending")
            folder = stack.enter_context(sent_folder(staging, target, MANIFEST))
        else:
            folder = stack.enter_context(staged_folder(target))
        with (
            work.progress.stage(label, 2 * order.num_rows, "rows") as advance,
        ):
            files = write_shards(
                folder,
                order,
                rows.tables(train.rows),
                rows.schema,
                rows_per_shard=work.options.rows_per_shard,
                memory_bytes=work.options.memory_bytes,
                on_rows=advance,
            )
        manifest = ShardsManifest(
            tool_version=tool_version(),
            libraries=library_versions(*LIBRARIES),
            config=plan.shards_config,
            inputs=inputs,
            rows=order.num_rows,
            files=files,
            schedule=_schedule(work, folder, plan, order),
            order=plan.order,
            targets=work.targets,
            leakage=work.leaks,
            layouts=rows.manifest.layouts,
            traits=rows.manifest.traits,
        )
        write_manifest(folder / MANIFEST, manifest)


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
        stages=[ScheduleStage(**asdict(stage)) for stage in found],
    )
    path = folder / "schedule.json"
    write_text(path, schedule.model_dump_json(indent=2) + "\n")
    return file_entry(path, order.num_rows)
