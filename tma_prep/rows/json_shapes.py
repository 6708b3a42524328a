"""What kinds of values are where in a JSON value, and how two such shapes come together.

Arrow's own inference would do but for two things: it makes 1.0 of a true beside floats, and it
rounds whole numbers that become floats later.
"""

from collections.abc import Sequence
from typing import NamedTuple, TypeAlias

import pyarrow as pa

NULL = "null"
_TEXT, _BOOL, _FLOAT = "text", "bool", "float"
_INT = "int"
"""Whole numbers that float64 holds exactly."""
_WIDE = "wide int"
"""Whole numbers of which float64 would round one."""

MOST_LEVELS = 32
"""Lists and objects inside each other: Parquet cannot be read again from 60 lists on, nor Arrow
files from 64."""

_EXACT = 2**53  # float64 holds every whole number up to here
_LEAST, _MOST = -(2**63), 2**63 - 1


class ListOf(NamedTuple):
    """A list; `item` fits every one of its values."""

    item: "Shape"


class ObjectOf(NamedTuple):
    """An object: keys in order of appearance, each with the shape of its value."""

    fields: "tuple[tuple[str, Shape], ...]"


Shape: TypeAlias = str | ListOf | ObjectOf

_PLAIN: dict[type, Shape] = {float: _FLOAT, bool: _BOOL, type(None): NULL}
_ARROW = {
    NULL: pa.null(),
    _TEXT: pa.string(),
    _BOOL: pa.bool_(),
    _INT: pa.int64(),
    _WIDE: pa.int64(),
    _FLOAT: pa.float64(),
}


class Clash(Exception):
    """Two shapes that no type holds together."""


class Rounded(Clash):
    """Floats, and a whole number that would be rounded among them."""


class TooDeep(Clash):
    """More than `MOST_LEVELS` lists and objects inside each other."""


class TooLarge(Clash):
    """A whole number that no int64 holds; the text is the number."""


def shape_of(value: object, levels: int = MOST_LEVELS) -> Shape:
    """The shape of a value that came from JSON.

    Args:
        value: What `json.loads` makes.
        levels: How many lists and objects may be inside each other.

    Raises:
        Clash: A list in it mixes what no type holds together, a number is too large, or it is
            nested too deeply.
        UnicodeEncodeError: A text or key in it holds half a surrogate pair.
    """
    plain = _PLAIN.get(type(value))
    if plain is not None:
        return plain
    if isinstance(value, str):
        if not value.isascii():
            value.encode("utf-8")
        return _TEXT
    if isinstance(value, int):
        return _INT if -_EXACT <= value <= _EXACT else _whole([value])
    if isinstance(value, dict):
        if not levels:
            raise TooDeep
        if not "".join(value).isascii():
            "".join(value).encode("utf-8")
        inner = levels - 1
        # Most values are plain text, and a call costs more than a look.
        fields = [
            (name, _TEXT if type(item) is str and item.isascii() else shape_of(item, inner))
            for name, item in value.items()
        ]
        return ObjectOf(tuple(fields))
    if isinstance(value, list):
        if not levels:
            raise TooDeep
        return ListOf(_items_shape(value, levels - 1))
    raise Clash


def _items_shape(values: list[object], levels: int) -> Shape:
    kinds = set(map(type, values))
    if kinds == {float}:
        return _FLOAT
    if kinds in ({int}, {int, float}):
        whole = _whole([value for value in values if isinstance(value, int)])
        return merged(_FLOAT, whole) if float in kinds else whole
    shape: Shape = NULL
    for found in dict.fromkeys([shape_of(value, levels) for value in values]):
        shape = merged(shape, found)
    return shape


def _whole(values: Sequence[int]) -> Shape:
    least, most = min(values), max(values)
    if least >= -_EXACT and most <= _EXACT:
        return _INT
    for value in (least, most):
        if not _LEAST <= value <= _MOST:
            raise TooLarge(str(value))
    return _INT if all(int(float(value)) == value for value in values) else _WIDE


def merged(one: Shape, other: Shape) -> Shape:
    """The least shape that holds both; `one` itself where that is it.

    Raises:
        Clash: There is none.
    """
    if other in (one, NULL):
        return one
    if one == NULL:
        return other
    if isinstance(one, ObjectOf) and isinstance(other, ObjectOf):
        fields = dict(one.fields)
        for name, shape in other.fields:
            fields[name] = merged(fields.get(name, NULL), shape)
        return ObjectOf(tuple(fields.items()))
    if isinstance(one, ListOf) and isinstance(other, ListOf):
        return ListOf(merged(one.item, other.item))
    if isinstance(one, str) and isinstance(other, str):
        if {one, other} == {_INT, _WIDE}:
            return _WIDE
        if {one, other} == {_INT, _FLOAT}:
            return _FLOAT
        if {one, other} == {_WIDE, _FLOAT}:
            raise Rounded
    raise Clash


def arrow_type(shape: Shape) -> pa.DataType:
    """The type of a column, as Parquet can store it."""
    if isinstance(shape, ObjectOf):
        if not shape.fields:
            return pa.null()
        return pa.struct([pa.field(name, arrow_type(kind)) for name, kind in shape.fields])
    if isinstance(shape, ListOf):
        return pa.list_(arrow_type(shape.item))
    return _ARROW[shape]
