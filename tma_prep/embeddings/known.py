"""Which texts must be embedded: each that is new, once; the others have their vector already."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

BYTES_A_ROW = 64
"""Memory while equal texts are found: ids, their sorted order and where each group begins."""

_HEX_DIGITS = 32


@dataclass(frozen=True)
class KnownTexts:
    """Where the vector of every row comes from; one entry a row.

    Attributes:
        first: int64, place of the first row with the same text; a row's own place if it is that.
        earlier: int64, place in an earlier store of a row with the same text, -1 where there is
            none.
        gone: Distinct texts of the earlier store that are here no more.
    """

    first: NDArray[np.int64]
    earlier: NDArray[np.int64]
    gone: int

    @property
    def is_new(self) -> NDArray[np.bool_]:
        """Rows whose text is to be embedded."""
        is_first: NDArray[np.bool_] = self.first == np.arange(len(self.first))
        return is_first & (self.earlier < 0)


def known_texts(ids: NDArray[np.uint64], earlier: NDArray[np.uint64] | None) -> KnownTexts:
    """Find equal texts by their ids.

    Args:
        ids: Shape (rows, 2), the halves of every row's `tma_id`.
        earlier: The same of an earlier store, None if there is none.
    """
    first = _first_equal(ids)
    if earlier is None:
        return KnownTexts(first, np.full(len(first), -1, dtype=np.int64), gone=0)
    both = _first_equal(np.concatenate([earlier, ids]))
    places = np.where(both[len(earlier) :] < len(earlier), both[len(earlier) :], -1)
    texts_before = np.count_nonzero(both[: len(earlier)] == np.arange(len(earlier)))
    return KnownTexts(first, places, int(texts_before) - len(np.unique(places[places >= 0])))


def halves_of(ids: Sequence[str]) -> NDArray[np.uint64]:
    """`tma_id`s as pairs of integers, shape (ids, 2)."""
    return np.frombuffer(bytes.fromhex("".join(ids)), dtype=">u8").reshape(-1, 2).astype(np.uint64)


def halves_of_column(ids: pa.ChunkedArray) -> NDArray[np.uint64]:
    """The same for a stored column, without a Python object a row."""
    pieces = [np.empty((0, 2), dtype=np.uint64)]
    for chunk in ids.chunks:
        # Every id is 32 ASCII digits, so their bytes stand side by side.
        digits = chunk.buffers()[2].slice(_HEX_DIGITS * chunk.offset, _HEX_DIGITS * len(chunk))
        pieces.append(halves_of([digits.to_pybytes().decode("ascii")]))
    return np.concatenate(pieces)


def _first_equal(ids: NDArray[np.uint64]) -> NDArray[np.int64]:
    """For each row the place of the first row with the same id."""
    # The sort is stable: within equal ids rows stand in their order.
    order = np.lexsort((ids[:, 1], ids[:, 0]))
    begins = np.ones(len(order), dtype=np.bool_)
    begins[1:] = (ids[order[1:]] != ids[order[:-1]]).any(axis=1)
    starts = np.flatnonzero(begins)
    first = np.empty(len(order), dtype=np.int64)
    first[order] = np.repeat(order[starts], np.diff(np.append(starts, len(order))))
    return first
