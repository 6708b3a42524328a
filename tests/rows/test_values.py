"""Values of Arrow in Python and JSON: what they are, and text where there is no other way."""

import datetime
import decimal
import json
import uuid
from typing import Any

import pyarrow as pa
import pytest

from tma_prep.rows.conversion import converted
from tma_prep.values import json_text, rows_of, table_of, values_of


def _bits(values: list[int | None], kind: pa.DataType) -> pa.Array:
    return pa.array(values, pa.int32() if kind.bit_width == 32 else pa.int64()).view(kind)


YEAR_14645 = 400_000_000_000_000


@pytest.mark.parametrize(
    ("array", "expected"),
    [
        (_bits([0, None], pa.date32()), [datetime.date(1970, 1, 1), None]),
        (_bits([-719_529, 3_000_000], pa.date32()), ["-0001-12-31", "10183-09-21"]),
        (_bits([2**31 - 1], pa.date32()), ["<value out of range: 2147483647>"]),
        (
            _bits([0, YEAR_14645], pa.timestamp("ms")),
            [datetime.datetime(1970, 1, 1), "14645-06-30 15:06:40.000"],
        ),
        (_bits([YEAR_14645], pa.timestamp("ms", "Europe/Berlin")), ["14645-06-30 15:06:40.000Z"]),
        (_bits([5], pa.timestamp("ms", "Not/AZone")), ["1970-01-01 00:00:00.005Z"]),
        (_bits([1, 2**62], pa.duration("s")), [datetime.timedelta(seconds=1), f"{2**62} s"]),
        (_bits([-(2**63)], pa.duration("ns")), [f"-{2**63} ns"]),
        (_bits([-(2**63)], pa.timestamp("ns")), ["1677-09-21 00:12:43.145224192"]),
        (_bits([1, 1000], pa.time64("ns")), ["00:00:00.000000001", datetime.time(0, 0, 0, 1)]),
    ],
)
def test_dates_and_times_that_python_cannot_hold(array: pa.Array, expected: list[object]) -> None:
    """They alone are text, plain and inside of others, in whatever part of an array."""
    gone = pa.array([False] * len(array))
    starts = pa.array(range(len(array) + 1), pa.int32())
    assert values_of(array) == expected
    assert values_of(pa.chunked_array([array[1:], array[:1]])) == expected[1:] + expected[:1]
    inside = pa.StructArray.from_arrays([array], ["a"], mask=gone)
    assert values_of(inside) == [{"a": value} for value in expected]
    lists = pa.ListArray.from_arrays(starts, inside)
    assert values_of(lists[-1:]) == [[{"a": expected[-1]}]]
    keys = pa.array(["k"] * len(array))
    assert values_of(pa.MapArray.from_arrays(starts, keys, array)) == [
        [("k", value)] for value in expected
    ]


def test_json_comes_as_what_it_says() -> None:
    """At any depth; what is no JSON comes as text."""
    texts = pa.array(['{"b": 1, "a": [null]}', None, "no JSON", "2.50"])
    array = texts.cast(pa.json_())
    expected: list[Any] = [{"b": 1, "a": [None]}, None, "no JSON", 2.5]
    table = pa.table({"x": array, "y": pa.StructArray.from_arrays([array], ["z"])})
    rows = rows_of(table)
    assert rows == [{"x": value, "y": {"z": value}} for value in expected]
    assert json.dumps(rows[0]["x"]) == texts[0].as_py()


def test_rows_without_columns() -> None:
    """There are as many of them."""
    assert rows_of(pa.table({"x": [1, 2]}).select([])) == [{}, {}]


def test_a_table_of_rows_holds_them() -> None:
    """JSON at any depth, absent keys and empty objects among them."""
    messages = pa.struct([("role", pa.string()), ("extra", pa.json_())])
    schema = pa.schema(
        [("a", pa.list_(messages)), ("b", pa.large_list(pa.json_())), ("c", pa.int8())]
    )
    rows: list[dict[str, object]] = [
        {"a": [{"role": "x", "extra": {"k": [1]}}, {"role": None, "extra": None}], "b": [], "c": 1},
        {"a": None, "b": [1, None, "t"], "c": None},
    ]
    assert rows_of(table_of(rows, schema)) == rows
    assert rows_of(table_of([{"a": [{}]}], schema)) == [
        {"a": [{"role": None, "extra": None}], "b": None, "c": None}
    ]


@pytest.mark.parametrize("rows", [0, 3])
def test_lists_of_lists_of_json_may_all_be_null(rows: int) -> None:
    """Also of structs."""
    for item in (pa.list_(pa.json_()), pa.struct([("x", pa.json_())])):
        nulls = pa.nulls(rows, pa.list_(item))
        assert values_of(nulls) == [None] * rows
        assert converted(nulls, pa.large_list(item)).to_pylist() == [None] * rows


def test_what_json_lacks_is_text() -> None:
    """ISO 8601, base64, digits."""
    value = [
        datetime.datetime(2020, 1, 2, tzinfo=datetime.UTC),
        datetime.timedelta(seconds=1),
        decimal.Decimal("1.10"),
        b"\xff",
        uuid.UUID(int=1),
        "日本\ud800",
    ]
    assert json_text(value) == (
        '["2020-01-02T00:00:00+00:00", "0:00:01", "1.10", "/w==", '
        '"00000000-0000-0000-0000-000000000001", "\\u65e5\\u672c\\ud800"]'
    )
