"""Arrays in another type that holds the same values."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tma_prep.values import items_of, json_text, values_of

JSON = pa.json_()


def converted(array: pa.Array, kind: pa.DataType) -> pa.Array:
    """An array in a type that is as its own but for dictionaries, views, widths and JSON.

    Arrow's cast does not know JSON, makes broken lists of views, loses the end of lists of nulls
    and decodes no dictionary of nested values; so nested arrays are taken apart.

    Raises:
        ArrowInvalid: A value would be changed.
    """
    own = array.type
    if pa.types.is_dictionary(own):
        # Parquet holds no null among the values of a dictionary.
        if own.equals(kind) and not array.dictionary.null_count:
            return array
        plain = kind.value_type if pa.types.is_dictionary(kind) else kind
        decoded = converted(array.dictionary, plain).take(array.indices)
        return decoded if plain is kind else decoded.dictionary_encode().cast(kind)
    if own.equals(kind):
        return array
    if pa.types.is_null(own):
        return pa.nulls(len(array), kind)
    if kind.equals(JSON):
        return _as_json(array)
    if pa.types.is_struct(kind):
        pairs = zip(array.flatten(), kind, strict=True)
        columns = [converted(values, field.type) for values, field in pairs]
        return pa.StructArray.from_arrays(columns, fields=list(kind), mask=array.is_null())
    if pa.types.is_map(kind):
        entries = array.cast(pa.list_(pa.struct([own.key_field, own.item_field])))
        keys, items = items_of(entries).flatten()
        return pa.MapArray.from_arrays(
            _offsets(entries).cast(pa.int32()),
            converted(keys, kind.key_type),
            converted(items, kind.item_type),
            type=kind,
            mask=array.is_null(),
        )
    if pa.types.is_fixed_size_list(kind):
        size = kind.list_size
        values = array.values.slice(array.offset * size, len(array) * size)
        values = converted(values, kind.value_type)
        return pa.FixedSizeListArray.from_arrays(values, type=kind, mask=array.is_null())
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        make, bits = (
            (pa.ListArray, pa.int32())
            if pa.types.is_list(kind)
            else (pa.LargeListArray, pa.int64())
        )
        values = converted(items_of(array), kind.value_type)
        offsets = _offsets(array).cast(bits)
        return make.from_arrays(offsets, values, type=kind, mask=array.is_null())
    return array.cast(kind)


def _as_json(array: pa.Array) -> pa.Array:
    if isinstance(array.type, pa.JsonType):
        return array.storage.cast(pa.string()).cast(JSON)
    texts = [None if value is None else json_text(value) for value in values_of(array)]
    return pa.array(texts, pa.string()).cast(JSON)


def _offsets(lists: pa.Array) -> pa.Array:
    """Where each list of an array begins among the items of them all, int64 [lists + 1]."""
    lengths = pc.list_value_length(lists).fill_null(0).to_numpy(zero_copy_only=False)
    return pa.array(np.concatenate([[0], np.cumsum(lengths, dtype=np.int64)]), pa.int64())
