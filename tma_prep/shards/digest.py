"""One digest over whole rows in order, whatever files, row groups and encodings hold them."""

import hashlib
from collections.abc import Iterable, Iterator

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

ROWS_PER_BLOCK = 1024


class RowsDigest:
    """The digest of rows that come in order, a few at a time; a block is held at most.

    Rows are cut into blocks of 1,024 from position 0, the last may be shorter, and `rows_sha256` is
    the SHA-256 over the SHA-256 of every block, 32 bytes each. A block is fed its columns one
    after the other: the length of the name in UTF-8 and the name, then the values. Values are:

    1. how many, and how many of them are null; if any are, a byte each, 0 for null and 1 otherwise;
    2. of the values that are none (nulls are left out from here on): of text and bytes the lengths,
       then all bytes together; of lists and maps the lengths, then their items, a map's as pairs,
       as values by these rules; of a struct every field as values; of booleans a byte each; of
       anything else its bytes as Arrow lays them out, little-endian.

    Counts and lengths are int64, little-endian. A dictionary is what it stands for.
    """

    def __init__(self) -> None:
        """Start at a position that a block begins with."""
        self.blocks: list[bytes] = []
        self._held: list[pa.Table] = []
        self._held_rows = 0

    def add(self, rows: pa.Table) -> None:
        """Take the next rows."""
        start = 0
        while start < rows.num_rows:
            piece = rows.slice(start, ROWS_PER_BLOCK - self._held_rows)
            self._held.append(piece)
            self._held_rows += piece.num_rows
            start += piece.num_rows
            if self._held_rows == ROWS_PER_BLOCK:
                self.finish()

    def finish(self) -> list[bytes]:
        """The digest of every block, the last of which may be shorter."""
        if self._held:
            self.blocks.append(_block_sha256(pa.concat_tables(self._held)))
            self._held, self._held_rows = [], 0
        return self.blocks


def rows_sha256(blocks: Iterable[bytes]) -> str:
    """What stands in the manifest, from the digests of all blocks."""
    return hashlib.sha256(b"".join(blocks)).hexdigest()


def _block_sha256(rows: pa.Table) -> bytes:
    digest = hashlib.sha256()
    for name, column in zip(rows.column_names, rows.columns, strict=True):
        encoded = name.encode("utf-8")
        digest.update(_int64(len(encoded)) + encoded)
        for piece in canonical(in_one(column)):
            digest.update(piece)
    return digest.digest()


def in_one(column: pa.ChunkedArray) -> pa.Array:
    """A column as one array; Arrow would copy even one chunk to combine it."""
    return column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()


def canonical(array: pa.Array) -> Iterator[bytes | memoryview]:
    """The bytes of values, see `RowsDigest`: equal for equal values, however they are held."""
    if isinstance(array, pa.ExtensionArray):
        array = array.storage
    kind = array.type
    if pa.types.is_dictionary(kind):
        array = array.dictionary_decode()
    elif pa.types.is_map(kind):
        # Of a part of a map array, Arrow gives the keys and items of all.
        array = array.cast(pa.list_(pa.struct([kind.key_field, kind.item_field])))
    elif pa.types.is_string_view(kind) or pa.types.is_binary_view(kind):
        array = array.cast(pa.large_binary())
    kind = array.type
    yield _int64(len(array)) + _int64(array.null_count)
    if array.null_count:
        yield array.is_valid().cast(pa.uint8()).to_numpy().tobytes()
        array = array.drop_null()
    if not len(array):
        return
    if pa.types.is_struct(kind):
        for place in range(kind.num_fields):
            yield from canonical(array.field(place))
    elif _is_list(kind):
        yield pc.list_value_length(array).to_numpy().astype("<i8").tobytes()
        yield from canonical(array.flatten())
    elif _is_text(kind):
        yield from _texts(array)
    elif pa.types.is_boolean(kind):
        yield array.cast(pa.uint8()).to_numpy().tobytes()
    else:
        width = kind.bit_width // 8
        start = array.offset * width
        yield memoryview(array.buffers()[1])[start : start + len(array) * width]


def _texts(array: pa.Array) -> Iterator[bytes | memoryview]:
    """Lengths and bytes of text without nulls."""
    large = pa.types.is_large_string(array.type) or pa.types.is_large_binary(array.type)
    _, offsets, data = array.buffers()
    ends = np.frombuffer(offsets, "<i8" if large else "<i4")[array.offset :][: len(array) + 1]
    yield np.diff(ends).astype("<i8").tobytes()
    if data is not None:
        yield memoryview(data)[ends[0] : ends[-1]]


def _is_text(kind: pa.DataType) -> bool:
    return bool(
        pa.types.is_string(kind)
        or pa.types.is_large_string(kind)
        or pa.types.is_binary(kind)
        or pa.types.is_large_binary(kind)
    )


def _is_list(kind: pa.DataType) -> bool:
    return bool(
        pa.types.is_list(kind)
        or pa.types.is_large_list(kind)
        or pa.types.is_fixed_size_list(kind)
        or pa.types.is_list_view(kind)
        or pa.types.is_large_list_view(kind)
    )


def _int64(number: int) -> bytes:
    return number.to_bytes(8, "little")
