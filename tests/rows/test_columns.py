"""The user's columns come back with every value and type they came in with."""

import json
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.rows.folder import Folder, json_lines, read
from tma_prep.rows.sources import find_files
from tma_prep.values import rows_of

P: dict[str, object] = {"prompt": "p", "response": "r"}
JSON = pa.json_()


def _typed_table(rows: int) -> pa.Table:
    """A column of every type that Parquet and Arrow share."""
    numbers = range(rows)
    zone = timezone(timedelta(hours=2))
    columns: dict[str, pa.Array] = {
        "prompt": pa.array([f"p{n}" for n in numbers], pa.large_string()),
        "response": pa.array([f"r{n}" for n in numbers]).dictionary_encode(),
        "turns": pa.array(
            [[{"who": "a", "score": n}, {"who": None, "score": None}] for n in numbers],
            pa.list_(pa.struct([("who", pa.string()), ("score", pa.int16())])),
        ),
        "when": pa.array([datetime(2024, 1, 1, tzinfo=zone)] * rows, pa.timestamp("us", "+02:00")),
        "exact": pa.array([n if n % 3 else None for n in numbers], pa.timestamp("ns")),
        "day": pa.array([date(2024, 2, 29)] * rows),
        "clock": pa.array([time(1, 2, 3, 4)] * rows, pa.time64("us")),
        "price": pa.array([Decimal(f"{n}.25") for n in numbers], pa.decimal128(20, 2)),
        "nothing": pa.nulls(rows),
        "half": pa.array(np.arange(rows, dtype=np.float16)),
        "counted": pa.array([2**64 - 1 - n for n in numbers], pa.uint64()),
        "blob": pa.array([b"\x00\xff"] * rows),
        "pairs": pa.array([[("k", n)] for n in numbers], pa.map_(pa.string(), pa.int64())),
        "vector": pa.array([[n, 1.5] for n in numbers], pa.list_(pa.float32(), 2)),
        "deep": pa.array([{"a": {"b": [n]}} if n % 2 else None for n in numbers]),
        "yes": pa.array([None, True, False] * (rows // 3), pa.bool_()),
    }
    fields = [
        pa.field(name, values.type, nullable=name != "yes" or values.null_count > 0)
        for name, values in columns.items()
    ]
    return pa.table(list(columns.values()), pa.schema(fields, {"owner": "someone"}))


@pytest.mark.parametrize("ending", ["parquet", "arrow"])
def test_every_type_survives(folder: Folder, ending: str) -> None:
    """All rows and a choice of rows, over several blocks, with the types of the file."""
    table = _typed_table(6000)
    path = folder.write(f"x.{ending}", table)
    if ending == "parquet":
        table = pq.read_table(path)
    found = read(path)
    assert found.found.schema is not None and found.found.schema.equals(table.schema)
    assert found.table.equals(table)


def test_several_files_of_one_schema(folder: Folder) -> None:
    """Rows go on from file to file, though one is Parquet and one is Arrow."""
    table = pa.table({"prompt": ["a", "b", "c"], "response": ["", "", ""], "n": [1, 2, 3]})
    one = folder.write("1.parquet", table.slice(0, 2))
    two = folder.write("2.arrow", table.slice(2))
    found = read(one, two)
    assert found.table.equals(table)
    assert [row.row for row in found.instances] == [0, 1, 2]


@pytest.mark.parametrize(
    ("values", "kind", "expected"),
    [
        ([1, 2.5, -3], pa.float64(), [1.0, 2.5, -3.0]),
        ([[1], [2.5], []], pa.list_(pa.float64()), [[1.0], [2.5], []]),
        ([{"a": 1}, {"a": 0.5}], pa.struct([("a", pa.float64())]), [{"a": 1.0}, {"a": 0.5}]),
        ([2**53, 0.5, 2**53 + 2], JSON, [2**53, 0.5, 2**53 + 2]),
        ([[2**60], [0.5]], pa.list_(JSON), [[2**60], [0.5]]),
        ([1, "a", True, {"b": []}], JSON, [1, "a", True, {"b": []}]),
        ([[1, "a"], [None]], pa.list_(JSON), [[1, "a"], [None]]),
        ([True, 1], JSON, [True, 1]),
        ([2**62 + 1, -1], pa.int64(), [2**62 + 1, -1]),
        ([None, "x", None], pa.string(), [None, "x", None]),
        ([None, None], pa.null(), [None, None]),
        ([True, None], pa.bool_(), [True, None]),
        ([{}, {}], JSON, [{}, {}]),
        ([{}, {"a": 1}], JSON, [{}, {"a": 1}]),
        ([{"a": 1, "b": 2}, {"b": 2, "a": 1}], JSON, [{"a": 1, "b": 2}, {"b": 2, "a": 1}]),
        ([[{}], []], pa.list_(JSON), [[{}], []]),
        ([[[{}]], None], pa.list_(pa.list_(JSON)), [[[{}]], None]),
        ([[{"b": None}], [{"b": "x"}]], pa.list_(pa.struct([("b", pa.string())])), None),
        ([{"a": {}}, {"a": {"c": 0}}], pa.struct([("a", JSON)]), [{"a": {}}, {"a": {"c": 0}}]),
        ([float("inf"), 1], pa.float64(), [float("inf"), 1.0]),
        (["\u0000", "\u2028 é\t"], pa.string(), ["\u0000", "\u2028 é\t"]),
    ],
)
@pytest.mark.parametrize("apart", [0, 2048], ids=["one block", "two blocks"])
@pytest.mark.parametrize("ending", ["jsonl", "json"])
def test_json_types(
    folder: Folder,
    values: list[object],
    kind: pa.DataType,
    expected: list[object] | None,
    apart: int,
    ending: str,
) -> None:
    """Whole numbers widen to floats; what has no one type is JSON, also across blocks."""
    rows = [{**P, "x": values[0]}, *[dict(P)] * apart, *({**P, "x": value} for value in values[1:])]
    content = json_lines(rows) if ending == "jsonl" else json.dumps(rows)
    found = read(folder.write(f"x.{ending}", content))
    column = found.table.column("x")
    assert column.type == kind
    expected = values if expected is None else expected
    assert [row["x"] for row in rows_of(found.table)] == [
        *[expected[0], *[None] * apart],
        *expected[1:],
    ]
    pq.write_table(found.table, folder.root / "out.parquet")
    assert pq.read_table(folder.root / "out.parquet").equals(found.table)


def test_absent_keys_are_null(folder: Folder) -> None:
    """A key may come late and go again; columns stand in order of appearance."""
    path = folder.lines("x.jsonl", {**P, "b": 1}, dict(P), {"a": "x", **P})
    assert read(path).table.to_pylist() == [
        {**P, "b": 1, "a": None},
        {**P, "b": None, "a": None},
        {**P, "b": None, "a": "x"},
    ]


def test_a_bad_row_has_no_say_in_the_types(folder: Folder) -> None:
    """What a skipped row alone has leaves no column and no type behind."""
    bad: dict[str, object] = {"prompt": "", "response": "r", "x": "text", "only": 1}
    found = read(folder.lines("x.jsonl", bad, {**P, "x": 1}), on_bad_row="skip")
    assert found.table.to_pylist() == [{**P, "x": 1}]


def test_ids_become_the_instance_names(folder: Folder) -> None:
    """An `id` of any type, as text; none where it is null."""
    path = folder.lines("x.jsonl", {**P, "id": 7}, {**P, "id": None})
    assert [row.id for row in read(path).instances] == ["7", None]


def test_the_input_is_not_touched(folder: Folder) -> None:
    """Reading writes nothing beside the input."""
    path = folder.lines("in/x.jsonl", P)
    before = (folder.root / "in" / "x.jsonl").read_bytes()
    assert len(read(path).table) == 1
    assert [file.name for file in (folder.root / "in").iterdir()] == ["x.jsonl"]
    assert find_files([path])[0].read_bytes() == before
