"""One Arrow schema for all rows of JSON, and rows of JSON as Arrow tables of that schema."""

from collections.abc import Sequence

import pyarrow as pa

from tma_prep.rows.formats import BadRow
from tma_prep.rows.json_container import JsonRow
from tma_prep.rows.json_shapes import (
    MOST_LEVELS,
    NULL,
    Clash,
    ObjectOf,
    Rounded,
    TooDeep,
    TooLarge,
    arrow_type,
    merged,
    shape_of,
)
from tma_prep_schemas import PREFIX

_MOST_SHAPES_KNOWN = 4096


class JsonSchema:
    """The schema that fits every row added so far.

    Keys may be absent (null) and whole numbers may widen to floats that hold them exactly; any
    other change of type makes the row that changes it a bad row.
    """

    def __init__(self) -> None:
        """Start with no column."""
        self._shape = ObjectOf(())
        self._known: set[object] = set()

    def add(self, row: JsonRow) -> None:
        """Widen the schema to hold the row; it is unchanged if the row does not fit.

        Raises:
            BadRow: The row does not fit; the text names the column.
        """
        try:
            shape = shape_of(row)
            if shape in self._known:
                return
            widened = merged(self._shape, shape)
        except (Clash, UnicodeEncodeError) as error:
            raise BadRow(self._misfit(row)) from error
        for name in row:
            if name.startswith(PREFIX):
                raise BadRow(
                    f"column `{name}` begins with {PREFIX}, which is kept for tma-prep's own; "
                    "rename it"
                )
        if isinstance(widened, ObjectOf):
            self._shape = widened
        if len(self._known) == _MOST_SHAPES_KNOWN:
            self._known.clear()
        self._known.add(shape)

    def _misfit(self, row: JsonRow) -> str:
        columns = dict(self._shape.fields)
        inside = MOST_LEVELS - 1
        for name, value in row.items():
            before = columns.get(name, NULL)
            kind = "holds"
            if before != NULL:
                kind = f"is {arrow_type(before)} in the rows before and here"
            try:
                name.encode("utf-8")
                merged(before, shape_of(value, inside))
            except UnicodeEncodeError:
                shown = name.encode("utf-8", "backslashreplace").decode("utf-8")
                return f"column `{shown}` holds half a surrogate pair, which is not text; mend it"
            except TooDeep:
                return f"is nested more than {MOST_LEVELS} levels deep; flatten it"
            except TooLarge as error:
                return (
                    f"column `{name}` holds int {_cut(str(error))}, and a whole number must lie "
                    "between -2**63 and 2**63 - 1; write it as text"
                )
            except Rounded:
                return (
                    f"mixed schemas: column `{name}` {kind} {_shown(value)}, and a whole number "
                    "beside floats must be one that float64 holds exactly; write the column's "
                    "numbers as text, or all of them whole"
                )
            except Clash:
                return (
                    f"mixed schemas: column `{name}` {kind} {_shown(value)}; "
                    "give the column one type"
                )
        raise AssertionError("a row that does not fit has a column that does not")

    @property
    def schema(self) -> pa.Schema:
        """The schema, as Parquet can store it: an object that never has a key becomes null."""
        return pa.schema([pa.field(name, arrow_type(kind)) for name, kind in self._shape.fields])


def table_of(rows: Sequence[JsonRow], schema: pa.Schema) -> pa.Table:
    """Rows as a table of that schema, absent keys as null."""
    columns = [_column([row.get(field.name) for row in rows], field.type) for field in schema]
    return pa.table(columns, schema=schema)


def _column(values: Sequence[object], kind: pa.DataType) -> pa.Array:
    if pa.types.is_string(kind):
        return pa.array(values, type=kind)
    try:
        return pa.array([_fitted(value, kind, to_floats=False) for value in values], type=kind)
    except pa.ArrowInvalid:
        # Arrow makes no float of any whole number above 2**53, though some are floats exactly.
        return pa.array([_fitted(value, kind, to_floats=True) for value in values], type=kind)


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
    return f"{type(value).__name__} {_cut(repr(value))}"


def _cut(text: str) -> str:
    return text if len(text) <= 40 else text[:39] + "…"
