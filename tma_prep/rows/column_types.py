"""Which Arrow types a column may have, and one schema for all columnar files of a pool."""

import functools
from collections.abc import Callable, Sequence

import pyarrow as pa
import pyarrow.parquet as pq

from tma_prep.errors import InputError
from tma_prep.files import AnyPath
from tma_prep_schemas import PREFIX

_LONGEST_TYPE = 80


def without_views(schema: pa.Schema) -> pa.Schema:
    """The schema with `string_view` and `binary_view`, at any depth, as their large forms.

    Arrow cannot take rows from a column of views, and polars writes no other text to Arrow files.
    """
    fields = [field.with_type(_viewless(field.type)) for field in schema]
    return pa.schema(fields, schema.metadata)


def common_schema(schemas: Sequence[tuple[AnyPath, pa.Schema | None]]) -> pa.Schema | None:
    """The one schema of columnar files, each with its path; None where all are JSON.

    Raises:
        InputError: The files differ, or a column cannot be carried to the shards.
    """
    first_path, first = schemas[0]
    for path, schema in schemas:
        if (schema is None) != (first is None):
            raise InputError(
                f"{path}: mixed schemas: {first_path.name} and this file are of different "
                "kinds (JSON beside Parquet or Arrow); convert them to one kind"
            )
        if schema is None or first is None:
            continue
        for name in schema.names:
            if name.startswith(PREFIX):
                raise InputError(
                    f"{path}: column `{name}` begins with {PREFIX}, which is kept for "
                    "tma-prep's own; rename it"
                )
        if len(set(schema.names)) < len(schema.names):
            raise InputError(f"{path}: two columns have the same name; rename one")
        if schema is first:
            _check_types(schema, path)
        elif not schema.equals(first):
            raise InputError(
                f"{path}: mixed schemas: {_difference(first, schema)} (compared with "
                f"{first_path.name}); give all files the same columns and types"
            )
    return first


def _check_types(schema: pa.Schema, path: AnyPath) -> None:
    """Refuse now what would fail when the shards are written, hours later."""
    for field in schema:
        reason = _obstacle(field.type)
        if reason is not None:
            kind = " ".join(str(field.type).split())
            if len(kind) > _LONGEST_TYPE:
                kind = kind[: _LONGEST_TYPE - 1] + "…"
            raise InputError(
                f"{path}: column `{field.name}` is {kind}, which cannot be written to Parquet "
                f"shards ({reason}); cast it to another type, or drop it"
            )


@functools.lru_cache(maxsize=1024)
def _obstacle(kind: pa.DataType) -> str | None:
    """Why rows of this type cannot be taken and written, None if they can."""
    if _has_lists_of_none(kind):
        return "lists of fixed length 0 do not come back"
    if _has_equal_names(kind):
        return "two fields of a struct have the same name"
    # What a null is made of may be declared to hold none.
    trial_type = _mapped(kind, lambda leaf: leaf, lambda field: field.with_nullable(True))
    try:
        table = pa.table({"": pa.nulls(1, trial_type)}).take(pa.array([0]))
        sink = pa.BufferOutputStream()
        pq.write_table(table, sink)
        pq.ParquetFile(pa.BufferReader(sink.getvalue())).read()
    except (pa.ArrowException, OSError, TypeError, ValueError) as error:
        return " ".join(str(error).split())[:120]
    return None


def _has_lists_of_none(kind: pa.DataType) -> bool:
    if pa.types.is_fixed_size_list(kind) and kind.list_size == 0:
        return True
    return any(_has_lists_of_none(kind.field(place).type) for place in range(kind.num_fields))


def _has_equal_names(kind: pa.DataType) -> bool:
    fields = [kind.field(place) for place in range(kind.num_fields)]
    if pa.types.is_struct(kind) and len({field.name for field in fields}) < len(fields):
        return True
    return any(_has_equal_names(field.type) for field in fields)


def _viewless(kind: pa.DataType) -> pa.DataType:
    found = _mapped(kind, _large_form, lambda field: field)
    return kind if found.equals(kind) else found


def _large_form(leaf: pa.DataType) -> pa.DataType:
    if pa.types.is_string_view(leaf):
        return pa.large_string()
    return pa.large_binary() if pa.types.is_binary_view(leaf) else leaf


def _mapped(
    kind: pa.DataType,
    leaf: Callable[[pa.DataType], pa.DataType],
    member: Callable[[pa.Field], pa.Field],
) -> pa.DataType:
    """The type with its innermost types and the fields of its structs replaced."""

    def inner(field: pa.Field) -> pa.Field:
        return field.with_type(_mapped(field.type, leaf, member))

    if pa.types.is_struct(kind):
        return pa.struct([member(inner(field)) for field in kind])
    if pa.types.is_map(kind):
        return pa.map_(inner(kind.key_field), inner(kind.item_field), kind.keys_sorted)
    if pa.types.is_list(kind):
        return pa.list_(inner(kind.value_field))
    if pa.types.is_large_list(kind):
        return pa.large_list(inner(kind.value_field))
    if pa.types.is_fixed_size_list(kind):
        return pa.list_(inner(kind.value_field), kind.list_size)
    if pa.types.is_dictionary(kind):
        values = _mapped(kind.value_type, leaf, member)
        return pa.dictionary(kind.index_type, values, kind.ordered)
    return leaf(kind)


def _difference(first: pa.Schema, other: pa.Schema) -> str:
    for name in first.names:
        if name not in other.names:
            return f"column `{name}` is missing"
        here, there = other.field(name), first.field(name)
        if not here.equals(there):
            return f"column `{name}` is {_kind(here)} here and {_kind(there)} there"
    extra = [name for name in other.names if name not in first.names]
    return f"column `{extra[0]}` is new" if extra else "the columns stand in another order"


def _kind(column: pa.Field) -> str:
    return f"{column.type}{'' if column.nullable else ' not null'}"
