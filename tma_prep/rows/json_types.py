"""The Arrow type of each column of JSON rows, and rows as tables of these types and back.

An object with the same keys in the same order in every row is a struct. Every other object, and
every mixture of types, is `arrow.json`: the text of the value, which keeps exactly its keys, so
that time and memory are linear in the rows however many keys there are.
"""

from typing import NamedTuple, TypeAlias

import pyarrow as pa

from tma_prep.rows.bad_row import BadRow
from tma_prep.values import JsonRow
from tma_prep_schemas import PREFIX

MOST_LEVELS = 32
"""Lists and objects inside each other that have a type of their own: Parquet cannot be read again
from 60 lists on, nor Arrow files from 64. What is deeper is `arrow.json`."""

MOST_JSON_LEVELS = 256
"""Lists and objects inside each other that a value may have at all: Python's own limit leaves
fewer the deeper the caller stands."""

MOST_COLUMNS = 2000

_NULL, _TEXT, _BOOL, _FLOAT, _JSON = "null", "text", "bool", "float", "json"
_INT = "int"
"""Whole numbers below 2**53 in magnitude, all of which float64 holds."""
_WIDE = "wide int"

_EXACT = 2**53
_LEAST, _MOST = -(2**63), 2**63 - 1
_MOST_SHAPES_KNOWN = 4096


class _ListOf(NamedTuple):
    item: "_Shape"


class _ObjectOf(NamedTuple):
    fields: "tuple[tuple[str, _Shape], ...]"


_Shape: TypeAlias = str | _ListOf | _ObjectOf

_PLAIN: dict[type, _Shape] = {float: _FLOAT, bool: _BOOL, type(None): _NULL}
_ARROW = {
    _NULL: pa.null(),
    _TEXT: pa.string(),
    _BOOL: pa.bool_(),
    _INT: pa.int64(),
    _WIDE: pa.int64(),
    _FLOAT: pa.float64(),
    _JSON: pa.json_(),
}


class JsonTypes:
    """The types that fit every row added so far."""

    def __init__(self) -> None:
        """Start with no column."""
        self._columns: dict[str, _Shape] = {}
        self._known: set[object] = set()

    def add(self, row: JsonRow) -> None:
        """Widen the types to hold the row.

        Raises:
            BadRow: It holds what no JSON file should, or a column that it must not have.
        """
        try:
            "".join(row).encode("utf-8")
            shapes = [(name, _shape_of(value, MOST_LEVELS)) for name, value in row.items()]
        except (UnicodeEncodeError, _TooLarge, _TooDeep) as error:
            raise _refusal(row) from error
        known = tuple(shapes)
        if known in self._known:
            return
        self._check_names([name for name, _ in shapes if name not in self._columns])
        for name, shape in shapes:
            self._columns[name] = _merged(self._columns.get(name, _NULL), shape)
        if len(self._known) == _MOST_SHAPES_KNOWN:
            self._known.clear()
        self._known.add(known)

    def _check_names(self, new: list[str]) -> None:
        for name in new:
            if name.startswith(PREFIX):
                raise BadRow(
                    f"column `{name}` begins with {PREFIX}, which is kept for tma-prep's own; "
                    "rename it"
                )
        if len(self._columns) + len(new) > MOST_COLUMNS:
            raise BadRow(
                f"column `{new[0]}` is one more than the {MOST_COLUMNS:,} that rows may have "
                "together; put keys that differ from row to row into an object"
            )

    @property
    def schema(self) -> pa.Schema:
        """A column for every key, in order of appearance."""
        return pa.schema([(name, _arrow_type(shape)) for name, shape in self._columns.items()])


class _TooLarge(Exception):
    """A whole number has more than 64 bits; the text is the number."""


class _TooDeep(Exception):
    """There are more lists and objects inside each other than `MOST_JSON_LEVELS`."""


def _refusal(row: JsonRow) -> BadRow:
    """What is wrong with a row that has no types, by the column."""
    for name, value in row.items():
        try:
            name.encode("utf-8")
            _shape_of(value, MOST_LEVELS)
        except UnicodeEncodeError:
            shown = name.encode("utf-8", "backslashreplace").decode("utf-8")
            return BadRow(
                f"column `{shown}` holds half a surrogate pair, which is not text; mend it"
            )
        except _TooLarge as error:
            number = str(error) if len(str(error)) <= 40 else f"{str(error)[:39]}…"
            return BadRow(
                f"column `{name}` holds {number}, and a whole number must lie between -2**63 and "
                "2**63 - 1; write it as text"
            )
        except _TooDeep:
            return BadRow(
                f"column `{name}` is nested more than {MOST_JSON_LEVELS} levels deep; "
                "flatten it, or write it as text"
            )
    raise AssertionError("a row without types has a column without a type")


def _shape_of(value: object, levels: int) -> _Shape:
    """The shape of what `json.loads` made.

    Args:
        value: The value.
        levels: How many lists and objects may have a type of their own; below 0 inside of those
            that have none.

    Raises:
        _TooDeep: It is nested too deeply.
        _TooLarge: A whole number has more than 64 bits.
        UnicodeEncodeError: A text or key holds half a surrogate pair.
    """
    plain = _PLAIN.get(type(value))
    if plain is not None:
        return plain
    if isinstance(value, str):
        if not value.isascii():
            value.encode("utf-8")
        return _TEXT
    if isinstance(value, int):
        return _whole(value)
    if levels == MOST_LEVELS - MOST_JSON_LEVELS:
        raise _TooDeep
    if isinstance(value, dict):
        keys = "".join(value)
        if not keys.isascii():
            keys.encode("utf-8")
        fields = tuple((name, _shape_of(item, levels - 1)) for name, item in value.items())
        return _ObjectOf(fields) if fields and levels > 0 else _JSON
    assert isinstance(value, list)
    return _ListOf(_items_shape(value, levels - 1)) if levels > 0 else _deep(value, levels - 1)


def _items_shape(values: list[object], levels: int) -> _Shape:
    # A list of plain numbers, such as a vector, is looked at as a whole.
    kinds = set(map(type, values))
    if kinds == {float}:
        return _FLOAT
    if kinds == {int}:
        return _merged(_whole(min(values)), _whole(max(values)))  # type: ignore[type-var, arg-type]
    shape: _Shape = _NULL
    for value in values:
        shape = _merged(shape, _shape_of(value, levels))
    return shape


def _deep(values: list[object], levels: int) -> _Shape:
    for value in values:
        _shape_of(value, levels)
    return _JSON


def _whole(value: int) -> _Shape:
    if -_EXACT < value < _EXACT:
        return _INT
    if not _LEAST <= value <= _MOST:
        raise _TooLarge(str(value))
    return _WIDE


def _merged(one: _Shape, other: _Shape) -> _Shape:
    """The least shape that holds both."""
    if other in (one, _NULL):
        return one
    if one == _NULL:
        return other
    if isinstance(one, _ObjectOf) and isinstance(other, _ObjectOf):
        if [name for name, _ in one.fields] != [name for name, _ in other.fields]:
            return _JSON
        both = zip(one.fields, other.fields, strict=True)
        return _ObjectOf(tuple((name, _merged(a, b)) for (name, a), (_, b) in both))
    if isinstance(one, _ListOf) and isinstance(other, _ListOf):
        return _ListOf(_merged(one.item, other.item))
    if {one, other} == {_INT, _WIDE}:
        return _WIDE
    return _FLOAT if {one, other} == {_INT, _FLOAT} else _JSON


def _arrow_type(shape: _Shape) -> pa.DataType:
    if isinstance(shape, _ObjectOf):
        return pa.struct([(name, _arrow_type(kind)) for name, kind in shape.fields])
    return pa.list_(_arrow_type(shape.item)) if isinstance(shape, _ListOf) else _ARROW[shape]
