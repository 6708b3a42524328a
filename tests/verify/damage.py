"""Shards whole and small with what they are made of, and ways to damage them."""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from tma_prep.artifact import write_manifest
from tma_prep.durable import file_entry, write_text
from tma_prep.shards.writer import write_shards
from tma_prep.verify.join import TrainingRows
from tma_prep_schemas import ORDER, RowLayout, ShardsManifest, Traits

ROWS, ROWS_PER_SHARD = 240, 100


def training_rows() -> TrainingRows:
    """A pool, given all at once."""
    numbers = range(ROWS)
    table = pa.table(
        {
            "prompt": [f"Say {n} in words." for n in numbers],
            "response": [None if n % 9 == 0 else f"word {n}" for n in numbers],
            "tags": pa.array([["a", "b"][: n % 3] for n in numbers], pa.list_(pa.string())),
            "score": [float("nan") if n % 4 == 0 else -0.0 for n in numbers],
        }
    )
    return TrainingRows(
        table.schema, np.arange(ROWS), lambda rows: iter([(rows, table.take(pa.array(rows)))])
    )


def order_table() -> pa.Table:
    """A shuffled order of them."""
    rows = np.random.default_rng(0).permutation(ROWS)
    return pa.table(
        [
            np.arange(ROWS),
            rows,
            [f"{row:032x}" for row in rows],
            np.arange(ROWS, dtype=np.int32) // 7 + 1,
            np.linspace(1, 0, ROWS).astype(np.float32),
            [f"test-{n % 3}" for n in range(ROWS)],
        ],
        schema=ORDER,
    )


def make_whole(folder: Path) -> Path:
    """Their shards, with a schedule and a manifest."""
    folder.mkdir(parents=True)
    training = training_rows()
    files = write_shards(
        folder,
        order_table(),
        training.tables(training.numbers),
        training.schema,
        rows_per_shard=ROWS_PER_SHARD,
        memory_bytes=1 << 30,
    )
    write_text(
        folder / "schedule.json",
        json.dumps({"order": "rt", "stages": [], "tokens_counted_by": "words"}),
    )
    manifest = ShardsManifest(
        tool_version="1",
        libraries={},
        config={"budget": None, "seed": 0},
        rows=ROWS,
        files=files,
        schedule=file_entry(folder / "schedule.json", ROWS),
        order="rt",
        layouts=[RowLayout(format="prompt-response")],
        traits=Traits(),
    )
    write_manifest(folder / "manifest.json", manifest)
    return folder


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


def forge(folder: Path) -> None:
    """Let the manifest name the files as they are now."""
    path = folder / "manifest.json"
    manifest = json.loads(path.read_text())
    for entry in manifest["files"]:
        data = (folder / entry["file"]).read_bytes()
        entry |= {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
    path.write_text(json.dumps(manifest, indent=2) + "\n")
