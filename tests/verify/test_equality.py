"""Columns are compared bit for bit, however Arrow holds them."""

import datetime
import decimal
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tma_prep.verify.join import places_that_differ

ROWS = 2500
NAN, OTHER_NAN = (struct.unpack("<d", struct.pack("<Q", 0x7FF8 << 48 | low))[0] for low in (0, 1))


def differing(found: pa.Array | pa.ChunkedArray, expected: pa.Array | pa.ChunkedArray) -> list[int]:
    """Every place."""
    return list(places_that_differ(found, expected))


def many_types() -> pa.Table:
    """A column of every kind that shards carry, with nulls."""
    numbers = range(ROWS)
    start = datetime.datetime(2020, 1, 1)
    turns = pa.list_(pa.struct([("role", pa.string()), ("n", pa.float64()), ("no", pa.null())]))
    columns: dict[str, tuple[Callable[[int], object], pa.DataType]] = {
        "text": (lambda n: f"text {n}", pa.string()),
        "large": (lambda n: f"{n}" * 3, pa.large_string()),
        "bytes": (lambda n: bytes([n % 256]) * (n % 4 + 1), pa.binary()),
        "turns": (lambda n: [{"role": "user", "n": n / 3}, None][: n % 2 + 1] * 2, turns),
        "vector": (lambda n: [n, n / 2], pa.list_(pa.float32(), 2)),
        "pairs": (lambda n: [(f"k{k}", n / k if k else None) for k in range(3)], pa.map_(
            pa.string(), pa.float64())),
        "when": (lambda n: start + datetime.timedelta(n), pa.timestamp("us")),
        "price": (lambda n: decimal.Decimal(n) / 4, pa.decimal128(9, 2)),
        "kind": (lambda n: f"k{n % 4}", pa.dictionary(pa.int32(), pa.string())),
        "kinds": (lambda n: [f"k{n % 4}"], pa.list_(pa.dictionary(pa.int32(), pa.string()))),
        "yes": (lambda n: n % 2 == 0, pa.bool_()),
        "half": (lambda n: np.float16(n), pa.float16()),
        "whole": (lambda n: n, pa.int64()),
        "id": (lambda n: n.to_bytes(16, "big"), pa.uuid()),
        "json": (lambda n: f'{{"n": {n}}}', pa.json_()),
        "object": (lambda n: {"a": {"b": [n / 7, NAN]}, "c": None}, pa.struct(
            [("a", pa.struct([("b", pa.list_(pa.float64()))])), ("c", pa.null())])),
    }  # fmt: skip
    return pa.table(
        {
            name: pa.array([None if n % 13 == 0 else value(n) for n in numbers], kind)
            for name, (value, kind) in columns.items()
        }
    )


TABLE = many_types()


@pytest.mark.parametrize("name", TABLE.column_names)
def test_a_value_that_differs_is_found(name: str) -> None:
    """Rows that change places, and one that is null; nothing where none does."""
    column = TABLE.column(name).combine_chunks()
    assert not differing(column, TABLE.column(name))
    places = np.arange(ROWS)
    places[[100, 103]] = [103, 100]
    assert differing(column.take(pa.array(places)), column) == [100, 103]
    changed = pa.concat_arrays([column.slice(0, 7), pa.nulls(1, column.type), column.slice(8)])
    assert differing(changed, column) == [7]


@pytest.mark.parametrize("name", TABLE.column_names)
@pytest.mark.parametrize("step", [1000, 7])
def test_it_does_not_depend_on_how_rows_come(name: str, step: int) -> None:
    """In chunks, after rows that were sliced away, taken one by one."""
    column = TABLE.column(name)
    for start in range(0, ROWS, 500):
        piece = column.slice(start, step)
        assert not differing(piece, pa.concat_tables([TABLE, TABLE]).column(name).slice(
            ROWS + start, step))  # fmt: skip
        taken = column.combine_chunks().take(pa.array(np.arange(start, min(start + step, ROWS))))
        assert not differing(taken, piece)


@pytest.mark.parametrize("settings", [{"use_dictionary": False, "row_group_size": 100}, {}])
def test_it_does_not_depend_on_encodings(tmp_path: Path, settings: dict[str, object]) -> None:
    """Parquet with and without dictionaries; text as a dictionary, in a list too."""
    pq.write_table(TABLE, tmp_path / "x.parquet", **settings)
    found = pq.read_table(tmp_path / "x.parquet")
    for name in TABLE.column_names:
        assert not differing(found.column(name), TABLE.column(name)), name
    assert not differing(TABLE.column("text").dictionary_encode(), TABLE.column("text"))
    plain = pa.array(TABLE.column("kinds").to_pylist(), pa.list_(pa.string()))
    assert not differing(TABLE.column("kinds"), plain)


FLOATS: dict[str, tuple[pa.DataType, Callable[[float], object]]] = {
    "plain": (pa.float64(), lambda value: value),
    "list": (pa.list_(pa.float64()), lambda value: [1.0, value]),
    "large list": (pa.large_list(pa.float32()), lambda value: [value]),
    "list view": (pa.list_view(pa.float64()), lambda value: [value, 1.0]),
    "fixed": (pa.list_(pa.float32(), 2), lambda value: [2.0, value]),
    "struct": (
        pa.struct([("a", pa.null()), ("b", pa.list_(pa.float64()))]),
        lambda value: {"a": None, "b": [None, value]},
    ),
    "map": (pa.map_(pa.string(), pa.float64()), lambda value: [("k", value)]),
}


@pytest.mark.parametrize("kind", FLOATS)
def test_numbers_are_compared_as_bits(kind: str) -> None:
    """A NaN is itself, and no zero is its negative; nulls and what is below them count for none."""
    of, put = FLOATS[kind]

    def column(value: float) -> pa.Array:
        return pa.array([None, put(3.0), None, put(value)], of).slice(1)

    for value in (NAN, 0.0, -0.0, 1.5):
        assert not differing(column(value), column(value))
    assert differing(column(0.0), column(-0.0)) == [2]
    assert differing(column(NAN), column(1.0)) == [2]
    if "float" not in str(of):
        assert differing(column(NAN), column(OTHER_NAN)) == [2]


def test_what_lies_below_nulls_does_not_count() -> None:
    """Two arrays of one null that hold other bytes there."""
    arrays = [
        pa.Array.from_buffers(
            pa.float64(), 3, [pa.py_buffer(b"\x05"), pa.array([1.0, below, 3.0]).buffers()[1]]
        )
        for below in (2.0, 9.0)
    ]
    assert not differing(*arrays)
    lists = [pa.ListArray.from_arrays(pa.array([0, 1, 3]), array) for array in arrays]
    assert not differing(*lists)
