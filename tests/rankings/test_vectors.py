"""Packing what remains into blocks loses, doubles and moves no row."""

from collections.abc import Iterator

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from tma_prep.rankings.vectors import ArrayVectors, remaining_blocks


class InParts(ArrayVectors):
    """Rows that lie in several files."""

    def __init__(self, array: NDArray[np.float32], sizes: list[int]) -> None:
        """Cut the array after each size."""
        super().__init__(array)
        self._parts = np.split(array, np.cumsum(sizes)[:-1])

    def slices(self) -> Iterator[NDArray[np.float32]]:
        """Part after part."""
        return iter(self._parts)


@given(
    sizes=st.lists(st.integers(1, 9), min_size=1, max_size=6),
    rows_per_block=st.integers(1, 12),
    seed=st.integers(0, 1000),
)
def test_blocks_are_the_remaining_rows_in_order(
    sizes: list[int], rows_per_block: int, seed: int
) -> None:
    """Whatever the parts, the mask and the block size."""
    total = sum(sizes)
    array = np.arange(2 * total, dtype=np.float32).reshape(total, 2)
    remaining = np.random.default_rng(seed).random(total) < 0.6
    for mask in (remaining, None):
        expected = np.flatnonzero(remaining) if mask is not None else np.arange(total)
        rows: list[int] = []
        for numbers, block in remaining_blocks(InParts(array, sizes), mask, rows_per_block):
            assert (block == array[numbers]).all()
            rows += numbers.tolist()
        assert rows == expected.tolist()
