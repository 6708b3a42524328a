"""One schema for files whose columns differ, and the rows of each file in it."""

from collections.abc import Collection, Sequence

import pyarrow as pa

from tma_prep.rows.conversion import JSON, converted

_MOST_VALUES = 128
"""So many values do indices of 8 bits count."""


class DoesNotFit(Exception):
    """A value is not held exactly by the type that its column has in the united schema."""

    def __init__(self, column: str) -> None:
        """Name the column, which `united_schema` is to take as one of `misfits`."""
        super().__init__(column)
        self.column = column


def united_schema(schemas: Sequence[pa.Schema], misfits: Collection[str] = ()) -> pa.Schema:
    """The schema that holds the rows of every file, columns in order of appearance.

    Compatible types are widened. Where types are not compatible, at whatever depth, the values are
    JSON; so are structs whose keys are not the same in the same order.

    Args:
        schemas: Of the files as they are stored, those of JSON files as inferred.
        misfits: Columns of which a value did not fit into this schema without them: dictionaries
            become their values, and where the files differ the values are JSON.
    """
    found: dict[str, pa.Field] = {}
    for place, schema in enumerate(schemas):
        for field in schema:
            before = found.get(field.name)
            if field.name in misfits:
                field = field.with_type(_plain(field.type))
            if before is None:
                found[field.name] = field.with_nullable(field.nullable or place > 0)
            else:
                found[field.name] = _united(before, field)
                if field.name in misfits and not field.type.equals(before.type):
                    found[field.name] = found[field.name].with_type(JSON)
        for name in found.keys() - set(schema.names):
            found[name] = found[name].with_nullable(True)
    return pa.schema(found.values(), schemas[0].metadata)


class UnitedRows:
    """Brings the rows of one file after the other to the united schema.

    Attributes:
        schema: The united schema.
    """

    def __init__(self, schema: pa.Schema) -> None:
        """No rows yet."""
        self.schema = schema
        # Indices of 16 bits are enough for the rows of any row group.
        self._seen: dict[str, set[object]] = {
            field.name: set()
            for field in schema
            if pa.types.is_dictionary(field.type) and field.type.index_type.bit_width == 8
        }

    def conformed(self, table: pa.Table) -> pa.Table:
        """Rows of a file; a column that it lacks is null.

        Raises:
            DoesNotFit: A value would be changed, or values of dictionaries are too many by now.
        """
        columns = []
        for field in self.schema:
            if field.name not in table.column_names:
                columns.append(pa.nulls(table.num_rows, field.type))
                continue
            try:
                chunks = [converted(chunk, field.type) for chunk in table.column(field.name).chunks]
            except pa.ArrowInvalid as error:
                raise DoesNotFit(field.name) from error
            seen = self._seen.get(field.name)
            if seen is not None:
                seen.update(*(chunk.dictionary.to_pylist() for chunk in chunks))
                if len(seen) > _MOST_VALUES:
                    raise DoesNotFit(field.name)
            columns.append(pa.chunked_array(chunks, field.type))
        return pa.table(columns, schema=self.schema)


def _united(one: pa.Field, other: pa.Field) -> pa.Field:
    nullable = one.nullable or other.nullable
    return one.with_type(wider(one.type, other.type)).with_nullable(nullable)


def wider(one: pa.DataType, other: pa.DataType) -> pa.DataType:
    """The least type that holds the values of both, JSON where there is no other."""
    if one.equals(other) or pa.types.is_null(other):
        return one
    if pa.types.is_null(one):
        return other
    if pa.types.is_dictionary(one) or pa.types.is_dictionary(other):
        return wider(_plain(one), _plain(other))
    if pa.types.is_struct(one) and pa.types.is_struct(other):
        if one.names != other.names:
            return JSON
        return pa.struct([_united(*pair) for pair in zip(one, other, strict=True)])
    if pa.types.is_map(one) and pa.types.is_map(other):
        keys = _united(one.key_field, other.key_field)
        return pa.map_(keys, _united(one.item_field, other.item_field))
    if _is_list(one) and _is_list(other):
        large = pa.types.is_large_list(one) or pa.types.is_large_list(other)
        return (pa.large_list if large else pa.list_)(_united(one.value_field, other.value_field))
    return _promoted(one, other)


def _plain(kind: pa.DataType) -> pa.DataType:
    return kind.value_type if pa.types.is_dictionary(kind) else kind


def _is_list(kind: pa.DataType) -> bool:
    return bool(
        pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind)
    )


def _is_text(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def _is_bytes(kind: pa.DataType) -> bool:
    return bool(
        pa.types.is_binary(kind)
        or pa.types.is_large_binary(kind)
        or pa.types.is_fixed_size_binary(kind)
    )


def _is_exact(kind: pa.DataType) -> bool:
    return bool(pa.types.is_integer(kind) or pa.types.is_decimal(kind))


_FAMILIES = (
    _is_text,
    _is_bytes,
    _is_exact,
    pa.types.is_floating,
    pa.types.is_time,
    pa.types.is_timestamp,
    pa.types.is_duration,
)
"""Within each, Arrow's promotion keeps every value, or a cast to it fails."""


def _promoted(one: pa.DataType, other: pa.DataType) -> pa.DataType:
    if any(is_one(one) and is_one(other) for is_one in _FAMILIES):
        schemas = [pa.schema([pa.field("", kind)]) for kind in (one, other)]
        try:
            return pa.unify_schemas(schemas, promote_options="permissive").field(0).type
        except (pa.ArrowTypeError, pa.ArrowInvalid):  # time zones, more digits than a type has
            return JSON
    numbers = (pa.types.is_integer, pa.types.is_floating)
    if all(any(is_one(kind) for kind in (one, other)) for is_one in numbers):
        return pa.float64()
    return JSON
