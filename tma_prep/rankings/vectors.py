"""What the search needs of stored vectors."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from tma_prep.tables import Ints, Mask, Singles


class VectorRows(Protocol):
    """Unit vectors, one a row, components multiples of 2**-26 (see `embeddings/unit.py`)."""

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and components."""

    def slices(self) -> Iterator[Singles]:
        """All rows in order, as mapped arrays of shape (some rows, components)."""

    def take(self, rows: Ints) -> Singles:
        """Copy of the named rows, shape (len(rows), components)."""


class ArrayVectors:
    """`VectorRows` over one array in memory."""

    def __init__(self, array: Singles) -> None:
        """Wrap an array of shape (rows, components), float32."""
        self._array = array

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and components."""
        return (self._array.shape[0], self._array.shape[1])

    def slices(self) -> Iterator[Singles]:
        """The whole array."""
        yield self._array

    def take(self, rows: Ints) -> Singles:
        """Copy of the named rows."""
        return self._array[rows]


@dataclass(frozen=True)
class DistinctTests:
    """Test rows without their doubles: equal tests name the same row in every round.

    Attributes:
        vectors: float32, shape (groups, d), in the order in which each first occurs.
        first: int64, shape (groups,); the lowest test row of each.
        group_of_test: int64, shape (tests,).
    """

    vectors: Singles
    first: Ints
    group_of_test: Ints


def distinct_tests(tests: Singles) -> DistinctTests:
    """Keep the first of equal rows; shape of `tests` is (m, d)."""
    _, first, group = np.unique(tests, axis=0, return_index=True, return_inverse=True)
    by_row = np.argsort(first)
    rank = np.empty_like(by_row)
    rank[by_row] = np.arange(len(by_row))
    return DistinctTests(tests[first[by_row]], first[by_row], rank[group.reshape(-1)])


def remaining_blocks(
    vectors: VectorRows, remaining: Mask | None, rows_per_block: int
) -> Iterator[tuple[Ints, Singles]]:
    """Stream the rows that remain, all without a mask, in order, packed into contiguous blocks.

    Yields:
        Row numbers, ascending, and their vectors, `rows_per_block` of them but for the last; both
        are overwritten by the next block.
    """
    total, dimension = vectors.shape
    rows_per_block = min(rows_per_block, total)
    buffer = np.empty((rows_per_block, dimension), dtype=np.float32)
    numbers = np.empty(rows_per_block, dtype=np.int64)
    filled = first = 0
    for part in vectors.slices():
        places = (
            np.arange(len(part))
            if remaining is None
            else np.flatnonzero(remaining[first : first + len(part)])
        )
        while len(places):
            chosen, places = np.split(places, [rows_per_block - filled])
            here = slice(filled, filled + len(chosen))
            if len(chosen) == chosen[-1] - chosen[0] + 1:
                buffer[here] = part[chosen[0] : chosen[-1] + 1]
            else:
                np.take(part, chosen, axis=0, out=buffer[here])
            numbers[here] = chosen + first
            filled += len(chosen)
            if filled == rows_per_block:
                yield numbers, buffer
                filled = 0
        first += len(part)
    if filled:
        yield numbers[:filled], buffer[:filled]
