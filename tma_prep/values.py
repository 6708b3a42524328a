"""Values of Arrow as Python objects, and as JSON."""

import base64
import datetime
import decimal
import functools
import itertools
import json
import uuid
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from tma_prep.errors import InputError

JsonRow = dict[str, object]

_NOT_HELD = (pa.ArrowException, OverflowError, ValueError, LookupError)
"""What Arrow, pandas and `zoneinfo` raise where Python has no such date, duration or time zone."""


def rows_of(table: pa.Table) -> list[dict[str, object]]:
    """The rows of a table, each by column name.

    JSON is decoded. A date, time or duration that Python cannot hold is text, as Arrow writes it:
    years before 1 and beyond 9999, nanoseconds, unknown time zones (in UTC then).
    """
    if not table.num_columns:
        return [{} for _ in range(table.num_rows)]
    names = table.column_names
    columns = [values_of(column) for column in table.columns]
    return [dict(zip(names, row, strict=True)) for row in zip(*columns, strict=True)]


def values_of(column: pa.ChunkedArray | pa.Array) -> list[object]:
    """The values of a column, as `rows_of` has them."""
    if not _needs_care(column.type):
        return list(column.to_pylist())
    if isinstance(column, pa.ChunkedArray):
        return [value for chunk in column.chunks for value in values_of(chunk)]
    kind = column.type
    if isinstance(kind, pa.JsonType):
        return [None if text is None else _decoded(text) for text in column.storage.to_pylist()]
    if isinstance(column, pa.ExtensionArray):
        return values_of(column.storage)
    if pa.types.is_struct(kind):
        names = [field.name for field in kind]
        rows = zip(*(values_of(field) for field in column.flatten()), strict=True)
        return [
            dict(zip(names, row, strict=True)) if there else None
            for row, there in zip(rows, column.is_valid().to_pylist(), strict=True)
        ]
    if pa.types.is_map(kind):
        pairs = column.cast(pa.list_(pa.struct([kind.key_field, kind.item_field])))
        flat = items_of(pairs)
        keys, items = (values_of(field) for field in flat.flatten())
        return list(_lists(pairs, list(zip(keys, items, strict=True))))
    if pa.types.is_nested(kind):
        return list(_lists(column, values_of(items_of(column))))
    return _moments(column)


def _decoded(text: str) -> object:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):  # Arrow does not look whether it is JSON.
        return text


def items_of(lists: pa.Array) -> pa.Array:
    """The items of the lists of an array that are not null, one after the other."""
    # Arrow's `flatten` knows no empty array of lists of JSON, nor of structs with JSON.
    return lists.values[:0] if lists.null_count == len(lists) else lists.flatten()


def _lists(array: pa.Array, items: list[object]) -> Iterator[list[object] | None]:
    """The lists of an array, taken from the items of them all."""
    left = iter(items)
    for length in pc.list_value_length(array).to_pylist():
        yield None if length is None else list(itertools.islice(left, length))


@functools.lru_cache(maxsize=1024)
def _needs_care(kind: pa.DataType) -> bool:
    """Whether Arrow's own values would not do: for JSON, dates, times and durations."""
    if isinstance(kind, pa.JsonType):
        return True
    if isinstance(kind, pa.BaseExtensionType):
        return _needs_care(kind.storage_type)
    inner = [kind.field(place).type for place in range(kind.num_fields)]
    return bool(pa.types.is_temporal(kind)) or any(map(_needs_care, inner))


def _moments(array: pa.Array) -> list[object]:
    if getattr(array.type, "unit", None) != "ns":
        try:
            return list(array.to_pylist())
        except _NOT_HELD:
            pass
    return [_moment(scalar) for scalar in array]


def _moment(scalar: pa.Scalar) -> object:
    # Arrow drops nanoseconds of a time without a word.
    if scalar.type != pa.time64("ns") or not scalar.is_valid or scalar.value % 1000 == 0:
        try:
            value = scalar.as_py()
        except _NOT_HELD:
            pass
        else:
            if value == value:  # pandas takes the least number of nanoseconds for no time at all
                return value
    if pa.types.is_duration(scalar.type):
        return f"{scalar.value} {scalar.type.unit}"
    if pa.types.is_timestamp(scalar.type) and scalar.type.tz is not None:
        return f"{scalar.cast(pa.timestamp(scalar.type.unit)).cast(pa.string())}Z"
    return scalar.cast(pa.string()).as_py()


def table_of(rows: Sequence[Mapping[str, object]], schema: pa.Schema) -> pa.Table:
    """Rows as a table, what its JSON columns hold as text.

    Raises:
        ArrowException: A value does not fit.
    """
    columns = [_array_of([row.get(field.name) for row in rows], field.type) for field in schema]
    return pa.table(columns, schema=schema)


def _array_of(values: Sequence[Any], kind: pa.DataType) -> pa.Array:
    """Values as an array; Arrow makes none of JSON that is inside of something."""
    if not _holds_json(kind):
        return pa.array(values, kind)
    if isinstance(kind, pa.JsonType):
        texts = [None if value is None else json_text(value) for value in values]
        return pa.array(texts, pa.string()).cast(kind)
    gone = pa.array([value is None for value in values], pa.bool_())
    if pa.types.is_struct(kind):
        rows = [value or {} for value in values]
        fields = [_array_of([row.get(field.name) for row in rows], field.type) for field in kind]
        return pa.StructArray.from_arrays(fields, fields=list(kind), mask=gone)
    large = pa.types.is_large_list(kind)
    lists = [value or [] for value in values]
    ends = list(itertools.accumulate(map(len, lists), initial=0))
    return (pa.LargeListArray if large else pa.ListArray).from_arrays(
        pa.array(ends, pa.int64() if large else pa.int32()),
        _array_of(list(itertools.chain.from_iterable(lists)), kind.value_type),
        type=kind,
        mask=gone,
    )


@functools.lru_cache(maxsize=1024)
def _holds_json(kind: pa.DataType) -> bool:
    inner = (kind.field(place).type for place in range(kind.num_fields))
    return isinstance(kind, pa.JsonType) or any(map(_holds_json, inner))


def json_text(value: object) -> str:
    """A value of `values_of` as JSON, with what JSON lacks as `json_default` writes it."""
    return json.dumps(value, default=json_default)


def json_default(value: object) -> str:
    """A value that JSON does not have, as text: base64 of bytes, ISO 8601 of dates and times.

    Raises:
        InputError: No text is known for it.
    """
    if isinstance(value, bytes):
        return base64.b64encode(value).decode("ascii")
    if isinstance(value, datetime.date | datetime.time):
        return value.isoformat()
    if isinstance(value, decimal.Decimal | datetime.timedelta | uuid.UUID):
        return str(value)
    raise InputError(f"a value of type {type(value).__name__} cannot stand in JSON")
