"""Where two columns differ, bit for bit, however Arrow holds their values."""

from collections.abc import Iterator

import pyarrow as pa
import pyarrow.compute as pc

_BITS = {16: pa.int16(), 32: pa.int32(), 64: pa.int64()}
_LISTS = (
    pa.ListType,
    pa.LargeListType,
    pa.FixedSizeListType,
    pa.ListViewType,
    pa.LargeListViewType,
)


def places_that_differ(
    found: pa.ChunkedArray | pa.Array, expected: pa.ChunkedArray | pa.Array
) -> Iterator[int]:
    """Places at which two columns of the same length differ, ascending, found by halving.

    A NaN is equal to itself, 0.0 is not -0.0, and a dictionary is the values that it stands for.
    """
    yield from _differing(_in_one(found), _in_one(expected), 0)


def _in_one(column: pa.ChunkedArray | pa.Array) -> pa.Array:
    """A column as one array; Arrow would copy even one chunk to combine it."""
    if isinstance(column, pa.Array):
        return column
    return column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()


def _differing(a: pa.Array, b: pa.Array, first: int) -> Iterator[int]:
    if _same(a, b):
        return
    if len(a) <= 1:
        yield first
        return
    half = len(a) // 2
    yield from _differing(a.slice(0, half), b.slice(0, half), first)
    yield from _differing(a.slice(half), b.slice(half), first + half)


def _same(a: pa.Array, b: pa.Array) -> bool:
    """Arrow's own comparison, with numbers of floating point compared as integers at any depth."""
    a, b = _plain(a), _plain(b)
    kind = a.type
    if pa.types.is_floating(kind):
        bits = _BITS[kind.bit_width]
        return bool(a.view(bits).equals(b.view(bits)))
    if pa.types.is_struct(kind):
        fields = zip(a.flatten(), b.flatten(), strict=True)
        return a.is_null().equals(b.is_null()) and all(_same(*pair) for pair in fields)
    if isinstance(kind, _LISTS):
        lengths = pc.list_value_length(a), pc.list_value_length(b)
        return lengths[0].equals(lengths[1]) and _same(a.flatten(), b.flatten())
    return bool(a.equals(b))


def _plain(array: pa.Array) -> pa.Array:
    """The values of an extension or a dictionary, and of maps lists of pairs."""
    if isinstance(array, pa.ExtensionArray):
        return _plain(array.storage)
    if pa.types.is_dictionary(array.type):
        return array.dictionary_decode()
    if pa.types.is_map(array.type):
        # Of a part of a map array, Arrow gives the keys and items of all.
        return array.cast(pa.list_(pa.struct([array.type.key_field, array.type.item_field])))
    return array
