"""Shards whole and small, and ways to damage them."""

import hashlib
import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from tma_prep.artifact import file_entry, read_manifest, write_manifest, write_text
from tma_prep.orders.schedule import stages
from tma_prep.rows.sample import text_id
from tma_prep.shards.digest import RowsDigest, rows_sha256
from tma_prep.shards.seal import UNSEALED, sealed
from tma_prep.shards.writer import write_shards
from tma_prep_schemas import ORDER, Schedule, ScheduleStage, ShardsManifest

ROWS, ROWS_PER_SHARD = 240, 100


def make_whole(folder: Path) -> Path:
    """Shards of a shuffled pool, with schedule and manifest."""
    folder.mkdir(parents=True)
    numbers = range(ROWS)
    table = pa.table(
        {
            "prompt": [f"Say {n} in words." for n in numbers],
            "response": [None if n % 9 == 0 else f"word {n}" for n in numbers],
            "tags": pa.array([["a", "b"][: n % 3] for n in numbers], pa.list_(pa.string())),
        }
    )
    rows = np.random.default_rng(0).permutation(ROWS)
    similarity = np.linspace(1, 0, ROWS)
    rounds = np.arange(ROWS, dtype=np.int32) // 7 + 1
    texts = ids_of(table.take(pa.array(rows)))
    order = pa.table(
        [
            *(np.arange(ROWS), rows, texts, rounds, similarity.astype(np.float32)),
            [f"test-{n % 3}" for n in numbers],
        ],
        schema=ORDER,
    )
    written = write_shards(
        folder,
        order,
        iter([(np.arange(ROWS), table)]),
        table.schema,
        rows_per_shard=ROWS_PER_SHARD,
        memory_bytes=1 << 30,
    )
    tokens = np.ones(ROWS, dtype=np.int64)
    cut = stages(tokens, similarity, rounds=rounds, task=None, task_names=[], count=5)
    schedule = Schedule(
        order="rt",
        tokens_counted_by="words",
        stages=[ScheduleStage(**asdict(stage)) for stage in cut],
    )
    write_text(folder / "schedule.json", schedule.model_dump_json(indent=2) + "\n")
    manifest = ShardsManifest(
        tool_version="1",
        libraries={},
        config={"budget": None, "seed": 0},
        rows=ROWS,
        files=written.files,
        schedule=file_entry(folder / "schedule.json", ROWS),
        order="rt",
        format="prompt-response",
        text="prompt",
        rows_sha256=written.rows_sha256,
        manifest_sha256=UNSEALED,
    )
    write_manifest(folder / "manifest.json", sealed(manifest))
    return folder


def ids_of(table: pa.Table) -> list[str | None]:
    """`tma_id` of each row, of its prompt alone."""
    return [text_id(text) for text in table.column("prompt").to_pylist()]


def flip(path: Path, place: int) -> None:
    """Change one bit."""
    data = bytearray(path.read_bytes())
    data[place] ^= 4
    path.write_bytes(data)


def exchange(path: Path, a: int, b: int, columns: Callable[[str], bool] = lambda _: True) -> None:
    """Let two rows of a file change places, in these columns."""
    table = pq.read_table(path)
    places = np.arange(table.num_rows)
    places[[a, b]] = [b, a]
    other = table.take(pa.array(places))
    arrays = [(other if columns(name) else table).column(name) for name in table.column_names]
    pq.write_table(pa.table(arrays, schema=table.schema), path)


def put(path: Path, column: str, row: int, value: object) -> None:
    """Change one value."""
    table = pq.read_table(path)
    values = table.column(column).to_pylist()
    values[row] = value
    place = table.column_names.index(column)
    changed = pa.array(values, table.schema.field(column).type)
    pq.write_table(table.set_column(place, table.schema.field(column), changed), path)


def forge(folder: Path, *, sealing: bool = True) -> None:
    """Let the manifest say what the files hold now."""
    path = folder / "manifest.json"
    if not sealing:
        manifest = json.loads(path.read_text())
        for entry in manifest["files"]:
            data = (folder / entry["file"]).read_bytes()
            entry |= {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
        path.write_text(json.dumps(manifest, indent=2) + "\n")
        return
    forge(folder, sealing=False)
    found = read_manifest(path, ShardsManifest)
    assert found is not None
    digest = RowsDigest()
    for entry in found.files:
        digest.add(pq.read_table(folder / entry.file))
    rows = rows_sha256(digest.finish())
    write_manifest(path, sealed(found.model_copy(update={"rows_sha256": rows})))
