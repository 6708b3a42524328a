"""The types in which columns of Arrow and Parquet files are stored, or why they cannot be."""

import functools
from collections.abc import Callable

import pyarrow as pa
import pyarrow.parquet as pq

from tma_prep.errors import InputError
from tma_prep.files import AnyPath
from tma_prep.rows.conversion import converted
from tma_prep.tables import reason_of
from tma_prep_schemas import PREFIX

_LONGEST_TYPE = 80
_DICTIONARY_OF = {
    pa.string(): pa.string(),
    pa.large_string(): pa.string(),
    pa.binary(): pa.binary(),
    pa.large_binary(): pa.binary(),
}
"""Types of values that Parquet keeps in dictionaries, and the type in which it gives them back."""

_OTHER_LEAF = {
    pa.string_view(): pa.large_string(),
    pa.binary_view(): pa.large_binary(),
    pa.date64(): pa.date32(),
    pa.time32("s"): pa.time32("ms"),
}


def stored_schema(path: AnyPath, schema: pa.Schema) -> pa.Schema:
    """The columns of a file in the types in which they are stored, see `stored_type`.

    Raises:
        InputError: A column cannot be carried to the shards.
    """
    for name in schema.names:
        if name.startswith(PREFIX):
            raise InputError(
                f"{path}: column `{name}` begins with {PREFIX}, which is kept for "
                "tma-prep's own; rename it"
            )
    if len(set(schema.names)) < len(schema.names):
        raise InputError(f"{path}: two columns have the same name; rename one")
    for field in schema:
        # What fails when the shards are written would fail hours later.
        reason = _obstacle(field.type)
        if reason is not None:
            raise InputError(
                f"{path}: column `{field.name}` is {_shown(field.type)}, which cannot be written "
                f"to Parquet shards ({reason}); cast it to another type, or drop it"
            )
    fields = [field.with_type(stored_type(field.type)) for field in schema]
    return pa.schema(fields, schema.metadata)


@functools.lru_cache(maxsize=1024)
def stored_type(kind: pa.DataType) -> pa.DataType:
    """The type that holds the same values and comes back from Parquet as it went in.

    Views become large text, bytes and lists, seconds milliseconds, and `date64` `date32`.
    Dictionaries become their values; but a column of text or bytes that is a dictionary as a whole
    stays one, without an order of its values, which gathering its rows does not keep.
    """
    if pa.types.is_dictionary(kind):
        values = _DICTIONARY_OF.get(_stored_leaf(kind.value_type))
        if values is not None:
            return pa.dictionary(kind.index_type, values)
    found = _mapped(kind, _stored_leaf, lambda field: field)
    return kind if found.equals(kind) else found


def as_stored(table: pa.Table, path: AnyPath) -> pa.Table:
    """Rows of a file in the types of its `stored_schema`.

    Raises:
        InputError: A value does not fit.
    """
    fields = [field.with_type(stored_type(field.type)) for field in table.schema]
    columns = []
    for column, field in zip(table.columns, fields, strict=True):
        try:
            chunks = [converted(chunk, field.type) for chunk in column.chunks]
        except pa.ArrowInvalid as error:
            raise InputError(
                f"{path}: column `{field.name}` is stored as {_shown(field.type)}, which cannot "
                f"hold a value of it ({reason_of(error)}); mend it, or drop the column"
            ) from error
        columns.append(pa.chunked_array(chunks, field.type))
    return pa.table(columns, schema=pa.schema(fields, table.schema.metadata))


@functools.lru_cache(maxsize=1024)
def _obstacle(kind: pa.DataType) -> str | None:
    """Why rows of this type cannot be taken and written, None if they can."""
    stored = stored_type(kind)
    if _has_lists_of_none(stored):
        return "lists of fixed length 0 do not come back"
    if _has_equal_names(stored):
        return "two fields of a struct have the same name"
    if not pa.types.is_dictionary(stored):
        # What a null is made of may be declared to hold none.
        stored = _mapped(stored, lambda leaf: leaf, lambda field: field.with_nullable(True))
    try:
        table = pa.table({"": pa.nulls(1, stored)}).take(pa.array([0]))
        sink = pa.BufferOutputStream()
        pq.write_table(table, sink)
        found = pq.ParquetFile(pa.BufferReader(sink.getvalue())).read().schema.field(0).type
    except (pa.ArrowException, OSError, TypeError, ValueError) as error:
        return " ".join(str(error).split())[:120]
    return None if found.equals(stored) else f"it comes back as {_shown(found)}"


def _has_lists_of_none(kind: pa.DataType) -> bool:
    if pa.types.is_fixed_size_list(kind) and kind.list_size == 0:
        return True
    return any(_has_lists_of_none(kind.field(place).type) for place in range(kind.num_fields))


def _has_equal_names(kind: pa.DataType) -> bool:
    fields = [kind.field(place) for place in range(kind.num_fields)]
    if pa.types.is_struct(kind) and len({field.name for field in fields}) < len(fields):
        return True
    return any(_has_equal_names(field.type) for field in fields)


def _stored_leaf(leaf: pa.DataType) -> pa.DataType:
    if pa.types.is_timestamp(leaf) and leaf.unit == "s":
        return pa.timestamp("ms", leaf.tz)
    return _OTHER_LEAF.get(leaf, leaf)


def _mapped(
    kind: pa.DataType,
    leaf: Callable[[pa.DataType], pa.DataType],
    member: Callable[[pa.Field], pa.Field],
) -> pa.DataType:
    """The type with its innermost types and the fields of its structs replaced.

    Views of lists become lists, and dictionaries their values.
    """

    def inner(field: pa.Field) -> pa.Field:
        return field.with_type(_mapped(field.type, leaf, member))

    if pa.types.is_struct(kind):
        return pa.struct([member(inner(field)) for field in kind])
    if pa.types.is_map(kind):
        return pa.map_(inner(kind.key_field), inner(kind.item_field), kind.keys_sorted)
    if pa.types.is_list(kind) or pa.types.is_list_view(kind):
        return pa.list_(inner(kind.value_field))
    if pa.types.is_large_list(kind) or pa.types.is_large_list_view(kind):
        return pa.large_list(inner(kind.value_field))
    if pa.types.is_fixed_size_list(kind):
        return pa.list_(inner(kind.value_field), kind.list_size)
    if pa.types.is_dictionary(kind):
        return _mapped(kind.value_type, leaf, member)
    return leaf(kind)


def _shown(kind: pa.DataType) -> str:
    text = " ".join(str(kind).split())
    return text if len(text) <= _LONGEST_TYPE else f"{text[: _LONGEST_TYPE - 1]}…"
