"""Shards hold every row of the order once, in order, with the user's columns as they were."""

import datetime
import decimal
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from numpy.typing import NDArray

from tma_prep.errors import InputError
from tma_prep.shards import writer as writer_module
from tma_prep.shards.writer import Runs, shard_name, write_shards
from tma_prep_schemas import ORDER, SHARD_FIELDS

ROWS = 57


def user_table() -> pa.Table:
    """Columns of many types, nested ones too."""
    numbers = range(ROWS)
    return pa.table(
        {
            "prompt": pa.array([f"prompt {n}" for n in numbers]),
            "large": pa.array([f"{n}" * 3 for n in numbers], pa.large_string()),
            "turns": pa.array([[{"role": "user", "n": n}] * (n % 3) for n in numbers]),
            "when": pa.array(
                [datetime.datetime(2020, 1, 1) + datetime.timedelta(n) for n in numbers],
                pa.timestamp("us"),
            ),
            "price": pa.array([decimal.Decimal(n) / 4 for n in numbers], pa.decimal128(9, 2)),
            "kind": pa.array([f"k{n % 4}" for n in numbers]).dictionary_encode(),
            "nothing": pa.nulls(ROWS),
            "nothings": pa.array([[None] * (n % 3) for n in numbers], pa.list_(pa.null())),
            "maybe": pa.array([n if n % 2 else None for n in numbers], pa.int8()),
        }
    )


def order_of(rows: NDArray[np.int64]) -> pa.Table:
    """An order of these rows."""
    count = len(rows)
    return pa.table(
        [
            np.arange(count),
            rows,
            [f"{row:032x}" for row in rows],
            pa.array([row % 5 for row in rows], pa.int32()),
            np.linspace(1, 0, count).astype(np.float32),
            [f"test-{row % 3}" for row in rows],
        ],
        schema=ORDER,
    )


def stream(table: pa.Table, step: int) -> Iterator[tuple[NDArray[np.int64], pa.Table]]:
    """The user's rows a few at a time, each piece with a dictionary of its own."""
    for start in range(0, table.num_rows, step):
        piece = table.slice(start, step)
        kind = piece.column("kind").cast(pa.string()).combine_chunks().dictionary_encode()
        piece = piece.set_column(5, table.schema.field("kind"), kind)
        yield np.arange(start, start + piece.num_rows), piece


def write(
    folder: Path, order: pa.Table, *, rows_per_shard: int = 20, memory: int = 1 << 30
) -> dict[str, bytes]:
    """Write shards, and return their bytes by name."""
    folder.mkdir()
    table = user_table()
    entries = write_shards(
        folder,
        order,
        stream(table, 7),
        table.schema,
        rows_per_shard=rows_per_shard,
        memory_bytes=memory,
    )
    assert sorted(path.name for path in folder.iterdir()) == [entry.file for entry in entries]
    assert [pq.read_metadata(folder / e.file).num_rows for e in entries] == [
        e.rows for e in entries
    ]
    return {entry.file: (folder / entry.file).read_bytes() for entry in entries}


def test_rows_and_columns_are_the_users_own(tmp_path: Path) -> None:
    """Every value, type and column, then tma-prep's columns."""
    rows = np.random.default_rng(0).permutation(ROWS)
    order = order_of(rows)
    write(tmp_path / "shards", order)
    found = pq.read_table(tmp_path / "shards")
    table = user_table()
    assert found.schema.names == [*table.schema.names, *(field.name for field in SHARD_FIELDS)]
    expected = table.take(pa.array(rows))
    for name in table.schema.names:
        assert found.schema.field(name).type == table.schema.field(name).type
        assert found.column(name).to_pylist() == expected.column(name).to_pylist()
    for field in SHARD_FIELDS:
        assert found.schema.field(field.name).type == field.type
        assert found.column(field.name).to_pylist() == order.column(field.name).to_pylist()


@pytest.mark.parametrize("rows_per_shard", [1, 20, 57, 1000])
def test_shards_are_cut_by_rows_and_sort_by_name(tmp_path: Path, rows_per_shard: int) -> None:
    """Every shard but the last has the rows asked for."""
    files = write(tmp_path / "s", order_of(np.arange(ROWS)), rows_per_shard=rows_per_shard)
    count = -(-ROWS // rows_per_shard)
    assert list(files) == [shard_name(number, count) for number in range(count)] == sorted(files)
    sizes = [pq.read_metadata(tmp_path / "s" / name).num_rows for name in files]
    assert sizes[:-1] == [rows_per_shard] * (count - 1)


def test_bytes_do_not_depend_on_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One run in memory, or a run for every few rows, spilled to disk."""
    monkeypatch.setattr(writer_module, "ROWS_PER_GROUP", 3)
    spilled = []
    spill = Runs._spilled

    def counted(runs: Runs, table: pa.Table) -> pa.Table:
        spilled.append(table)
        return spill(runs, table)

    monkeypatch.setattr(Runs, "_spilled", counted)
    order = order_of(np.random.default_rng(1).permutation(ROWS))
    roomy = write(tmp_path / "roomy", order)
    assert not spilled
    assert write(tmp_path / "tight", order, memory=1) == roomy
    assert len(spilled) == 9


def test_wide_rows_make_short_row_groups(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """So that no group grows beyond what can be held."""
    monkeypatch.setattr(writer_module, "BYTES_PER_GROUP", 1000)
    write(tmp_path / "s", order_of(np.arange(ROWS)), rows_per_shard=40)
    metadata = pq.read_metadata(tmp_path / "s" / shard_name(0, 2))
    assert metadata.num_rows == 40
    assert metadata.num_row_groups > 3


def test_rows_that_are_not_in_the_order_are_left_out(tmp_path: Path) -> None:
    """A budget keeps some rows only."""
    write(tmp_path / "s", order_of(np.array([40, 2, 17])))
    assert pq.read_table(tmp_path / "s").column("prompt").to_pylist() == [
        "prompt 40",
        "prompt 2",
        "prompt 17",
    ]


def test_a_row_that_does_not_come_is_told(tmp_path: Path) -> None:
    """The input shrank since it was embedded."""
    with pytest.raises(InputError, match="2 of 3 rows came back .* run embed again"):
        write(tmp_path / "s", order_of(np.array([1, 2, ROWS + 5])))
