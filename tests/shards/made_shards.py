"""Shards made up for reading: small, many, with row groups of a few rows."""

import os
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from tma_prep.artifact import MANIFEST, write_manifest
from tma_prep.durable import file_entry
from tma_prep.shards.writer import shard_name
from tma_prep_schemas import SHARD_FIELDS, RowLayout, ShardsManifest, Traits


def rows_table(rows: int) -> pa.Table:
    """Rows of an order: a prompt, messages and token ids, which differ in length."""
    positions = range(rows)
    generator = np.random.default_rng(rows)
    lengths = generator.integers(1, 9, rows)
    return pa.table(
        {
            "prompt": [f"prompt {n}" for n in positions],
            "messages": [[{"role": "user", "content": str(n)}] * (n % 3) for n in positions],
            "input_ids": [generator.integers(0, 50, length).tolist() for length in lengths],
            "tma_position": np.arange(rows),
            "tma_round": pa.array([n // 7 for n in positions], pa.int32()),
            "tma_similarity": np.linspace(1, 0, rows).astype(np.float32),
            "tma_target": [f"test-{n % 3}" for n in positions],
            "tma_row": generator.permutation(rows),
            "tma_id": [f"{n:032x}" for n in positions],
        }
    )


def make_shards(
    folder: Path, rows: int, *, rows_per_shard: int = 10, rows_per_group: int = 4
) -> Path:
    """Write shards of so many rows, whole, with a manifest."""
    folder.mkdir(parents=True)
    table = rows_table(rows)
    fields = {field.name: field for field in SHARD_FIELDS}
    schema = pa.schema([fields.get(field.name, field) for field in table.schema])
    count = -(-rows // rows_per_shard)
    entries = []
    for number in range(count):
        piece = table.slice(number * rows_per_shard, rows_per_shard).cast(schema)
        path = folder / shard_name(number, count)
        pq.write_table(piece, path, row_group_size=rows_per_group)
        entries.append(file_entry(path, piece.num_rows))
    schedule = folder / "schedule.json"
    schedule.write_text("{}\n", encoding="utf-8")
    manifest = ShardsManifest(
        tool_version="0",
        libraries={},
        config={},
        rows=rows,
        files=entries,
        schedule=file_entry(schedule, 0),
        order="nft",
        layouts=[RowLayout(format="prompt-response")],
        traits=Traits(),
    )
    write_manifest(folder / MANIFEST, manifest)
    return folder


def rewrite(path: Path, table: pa.Table) -> None:
    """Put other rows into a shard, behind the back of its manifest."""
    pq.write_table(table, path, row_group_size=4)


def open_shards_of(folder: Path) -> list[str]:
    """Names of the files of a folder that this process holds open."""
    names = []
    for descriptor in Path("/proc/self/fd").iterdir():
        try:
            target = Path(os.readlink(descriptor))
        except FileNotFoundError:
            continue
        if target.parent == folder.resolve():
            names.append(target.name)
    return names
