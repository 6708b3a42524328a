"""One Arrow schema for all rows of JSON, and rows of JSON as Arrow tables of that schema."""

from collections.abc import Sequence

import pyarrow as pa

from tma_prep.instances.containers import JsonRow
from tma_prep.instances.formats import BadRow
from tma_prep_schemas import PREFIX


class JsonSchema:
    """The schema that fits every row added so far.

    Keys may be absent (null) and whole numbers may widen to floats; any other change of type makes
    the row that changes it a bad row.
    """

    def __init__(self) -> None:
        """Start with no column."""
        self._schema = pa.schema([])

    def add(self, rows: Sequence[JsonRow]) -> None:
        """Widen the schema to hold the rows; it is unchanged if they do not fit.

        Raises:
            BadRow: A row does not fit; the text names the column.
        """
        try:
            found = pa.schema(list(pa.array(rows).type)) if rows else pa.schema([])
            merged = pa.unify_schemas([self._schema, found], promote_options="permissive")
        except (pa.ArrowException, TypeError, ValueError, OverflowError) as error:
            raise BadRow(self._misfit(rows, error)) from error
        for name in merged.names:
            if name.startswith(PREFIX):
                raise BadRow(
                    f"column `{name}` begins with {PREFIX}, which is kept for tma-prep's own; "
                    "rename it"
                )
        self._schema = merged

    def _misfit(self, rows: Sequence[JsonRow], error: Exception) -> str:
        for row in rows:
            for name, value in row.items():
                try:
                    found = pa.schema([pa.field(name, pa.array([value]).type)])
                    pa.unify_schemas([self._schema, found], promote_options="permissive")
                except UnicodeEncodeError:
                    shown = name.encode("utf-8", "backslashreplace").decode("utf-8")
                    return (
                        f"column `{shown}` holds half a surrogate pair, which is not text; mend it"
                    )
                except (pa.ArrowException, TypeError, ValueError, OverflowError):
                    before = self._schema.field(name).type if name in self._schema.names else None
                    kind = f"is {before} in the rows before and here" if before else "holds"
                    return (
                        f"mixed schemas: column `{name}` {kind} {_shown(value)}; "
                        "give the column one type"
                    )
        return f"has mixed types ({' '.join(str(error).split())[:120]}); give each column one type"

    @property
    def schema(self) -> pa.Schema:
        """The schema, as Parquet can store it: an object that never has a key becomes null."""
        return pa.schema([pa.field(f.name, _storable(f.type)) for f in self._schema])


def table_of(rows: Sequence[JsonRow], schema: pa.Schema) -> pa.Table:
    """Rows as a table of that schema, absent keys as null."""
    columns = [_column([row.get(field.name) for row in rows], field.type) for field in schema]
    return pa.table(columns, schema=schema)


def _column(values: Sequence[object], kind: pa.DataType) -> pa.Array:
    try:
        return pa.array([_fitted(value, kind, to_floats=False) for value in values], type=kind)
    except pa.ArrowInvalid:
        # Arrow makes no float of a whole number above 2**53; JSON knows no such border.
        return pa.array([_fitted(value, kind, to_floats=True) for value in values], type=kind)


def _storable(kind: pa.DataType) -> pa.DataType:
    if pa.types.is_struct(kind):
        if kind.num_fields == 0:
            return pa.null()
        return pa.struct([pa.field(field.name, _storable(field.type)) for field in kind])
    if pa.types.is_list(kind):
        return pa.list_(_storable(kind.value_type))
    return kind


def _fitted(value: object, kind: pa.DataType, *, to_floats: bool) -> object:
    """The value with `{}` as null where the schema says null."""
    if pa.types.is_null(kind):
        return None
    if to_floats and isinstance(value, int) and pa.types.is_floating(kind):
        return float(value)
    if isinstance(value, dict) and pa.types.is_struct(kind):
        return {
            field.name: _fitted(value.get(field.name), field.type, to_floats=to_floats)
            for field in kind
        }
    if isinstance(value, list) and pa.types.is_list(kind):
        inner = kind.value_type
        # A list of plain values, such as a vector, is left to Arrow.
        if to_floats or pa.types.is_nested(inner) or pa.types.is_null(inner):
            return [_fitted(item, inner, to_floats=to_floats) for item in value]
    return value


def _shown(value: object) -> str:
    text = repr(value)
    return f"{type(value).__name__} {text if len(text) <= 40 else text[:39] + '…'}"
