"""An array of three values of every type that Arrow has, plain and nested."""

import datetime
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import numpy as np
import pyarrow as pa

ROWS = 3


def _of_bits(values: list[int | None], kind: pa.DataType) -> pa.Array:
    """Numbers as what they stand for in a type of time."""
    bits = pa.int32() if kind.bit_width == 32 else pa.int64()
    return pa.array(values, bits).view(kind)


def _numbers() -> Iterator[tuple[str, pa.Array]]:
    for kind in (pa.int8(), pa.int16(), pa.int32(), pa.int64()):
        most = 2 ** (kind.bit_width - 1) - 1
        yield str(kind), pa.array([-most - 1, None, most], kind)
    for kind in (pa.uint8(), pa.uint16(), pa.uint32(), pa.uint64()):
        yield str(kind), pa.array([0, None, 2**kind.bit_width - 1], kind)
    for kind, dtype in ((pa.float16(), "f2"), (pa.float32(), "f4"), (pa.float64(), "f8")):
        yield str(kind), pa.array(np.array([-0.0, np.nan, np.inf], dtype), kind)
    for kind in (
        pa.decimal32(5, 2),
        pa.decimal64(12, 2),
        pa.decimal128(30, 2),
        pa.decimal256(60, 2),
    ):
        yield str(kind), pa.array([Decimal("1.25"), None, Decimal("-3.50")], kind)
    yield "decimal of tens", pa.array([Decimal(100), None, Decimal(-200)], pa.decimal128(5, -2))


def _times() -> Iterator[tuple[str, pa.Array]]:
    far = {"s": 2**45, "ms": 2**55, "us": 2**62, "ns": 2**62}
    for unit in far:
        for zone in (None, "UTC", "Europe/Berlin", "+02:00", "Not/AZone"):
            kind = pa.timestamp(unit, zone)
            yield str(kind), _of_bits([0, None, -5], kind)
            yield f"far {kind}", _of_bits([far[unit], None, -far[unit]], kind)
        kind = pa.duration(unit)
        yield str(kind), _of_bits([1, None, -5], kind)
        yield f"far {kind}", _of_bits([2**62, None, -(2**62)], kind)
    day = 86_400_000
    yield "date32", pa.array([datetime.date(2024, 2, 29), None, datetime.date.min])
    yield "far date32", _of_bits([2**31 - 1, None, -(2**31)], pa.date32())
    yield "date64", _of_bits([day, None, -3 * day], pa.date64())
    yield "far date64", _of_bits([day * 9_999_999, None, -day * 9_999_999], pa.date64())
    yield "time32[s]", _of_bits([0, None, 86_399], pa.time32("s"))
    yield "time32[ms]", _of_bits([0, None, 86_399_999], pa.time32("ms"))
    yield "time64[us]", _of_bits([1, None, 86_399_999_999], pa.time64("us"))
    yield "time64[ns]", _of_bits([1, None, 86_399_999_999_000], pa.time64("ns"))
    yield "interval", pa.array([(1, 2, 3), None, (0, 0, 0)], pa.month_day_nano_interval())


def _texts() -> Iterator[tuple[str, pa.Array]]:
    for kind in (pa.string(), pa.large_string(), pa.string_view()):
        yield str(kind), pa.array(["", None, "日本語 longer than a view holds"], kind)
    for kind in (pa.binary(), pa.large_binary(), pa.binary_view()):
        yield str(kind), pa.array([b"", None, b"\x00\xff" * 20], kind)
    for index in (pa.int8(), pa.uint8(), pa.int16(), pa.uint16(), pa.uint32(), pa.int64()):
        places = pa.array([1, None, 0], index)
        yield f"dictionary of {index}", pa.DictionaryArray.from_arrays(places, ["", "日本"])
    yield "dictionary of bytes", pa.array([b"a", None, b"a"], pa.large_binary()).dictionary_encode()
    ordered = pa.DictionaryArray.from_arrays(pa.array([0, None, 1]), ["b", "a"], ordered=True)
    yield "ordered dictionary", ordered
    yield "fixed_size_binary", pa.array([b"ab", None, b"\x00\xff"], pa.binary(2))
    yield "fixed_size_binary of none", pa.array([b"", None, b""], pa.binary(0))


def _extensions() -> Iterator[tuple[str, pa.Array]]:
    tensor = pa.fixed_shape_tensor(pa.int32(), (2, 2))
    opaque = pa.opaque(pa.timestamp("us"), "moment", "somebody")
    given: list[tuple[pa.DataType, list[Any]]] = [
        (pa.json_(), ['{"b":1, "a":"\\ud800"}', None, "no JSON"]),
        (pa.json_(pa.large_string()), ["[1.10]", None, "null"]),
        (pa.uuid(), [b"a" * 16, None, b"c" * 16]),
        (pa.bool8(), [0, None, 3]),
        (tensor, [[1, 2, 3, 4], None, [5, 6, 7, 8]]),
        (opaque, [1, None, 3]),
    ]
    for kind, values in given:
        storage = pa.array(values, kind.storage_type)
        yield f"{kind} of {kind.storage_type}", pa.ExtensionArray.from_storage(kind, storage)


def _others() -> Iterator[tuple[str, pa.Array]]:
    yield "null", pa.nulls(ROWS)
    yield "bool", pa.array([True, None, False])
    yield "struct", pa.array([{"a": 1, "b": "x"}, None, {"a": None, "b": None}])
    yield "struct of none", pa.array([{}, None, {}], pa.struct([]))
    yield "map", pa.array([[("k", 1)], None, []], pa.map_(pa.string(), pa.int64()))
    for kind in (pa.list_, pa.large_list, pa.list_view, pa.large_list_view):
        yield str(kind(pa.int8())), pa.array([[1], None, []], kind(pa.int8()))
    never = pa.field("odd", pa.int64(), nullable=False)
    yield "list of no null", pa.array([[1], None, []], pa.list_(never))
    yield "fixed_size_list", pa.array([[1, 2], None, [3, None]], pa.list_(pa.int64(), 2))
    yield "fixed_size_list of none", pa.array([[], None, []], pa.list_(pa.int64(), 0))
    yield "run_end_encoded", pa.RunEndEncodedArray.from_arrays([2, 3], ["x", "y"])
    places = pa.array([0, 0, 0], pa.int8())
    numbers = pa.array([1, 2, 3])
    yield "sparse_union", pa.UnionArray.from_sparse(places, [numbers])
    offsets = pa.array([0, 1, 2], pa.int32())
    yield "dense_union", pa.UnionArray.from_dense(places, offsets, [numbers])


def plain() -> dict[str, pa.Array]:
    """An array of every type, by a name."""
    return dict([*_others(), *_numbers(), *_times(), *_texts(), *_extensions()])


def nested(inner: pa.Array) -> dict[str, pa.Array]:
    """The same values inside of others, by the kind of those."""
    ends = pa.array([0, 2, 2, 3], pa.int32())
    gone = pa.array([False, True, False])
    found = {
        "struct": pa.StructArray.from_arrays([inner], ["f"], mask=gone),
        "list": pa.ListArray.from_arrays(ends, inner, mask=gone),
        "large_list": pa.LargeListArray.from_arrays(ends.cast(pa.int64()), inner, mask=gone),
        "map": pa.MapArray.from_arrays(ends, pa.array(["a", "b", "c"]), inner, mask=gone),
        "dictionary": pa.DictionaryArray.from_arrays(pa.array([2, None, 0], pa.int8()), inner),
        "fixed_size_list": pa.FixedSizeListArray.from_arrays(inner, 1, mask=gone),
    }
    found["dictionary in struct"] = pa.StructArray.from_arrays([found["dictionary"]], ["f"])
    found["list of structs"] = pa.ListArray.from_arrays(ends, found["struct"])
    return found


def every() -> dict[str, pa.Array]:
    """Every type, plain and nested."""
    found = plain()
    for name, array in plain().items():
        found |= {f"{name} in {kind}": inner for kind, inner in nested(array).items()}
    return found
