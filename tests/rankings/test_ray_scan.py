"""Slices that are scanned elsewhere give what the cores of this machine give."""

from collections.abc import Iterable, Iterator

import numpy as np
import pytest

from tma_prep.embeddings.unit import unit_vectors
from tma_prep.errors import DependencyError
from tma_prep.rankings import product
from tma_prep.rankings.product import PoolSlice, RayScan, Scan, Scanned, both_ways
from tma_prep.rankings.vectors import ArrayVectors

ROWS, TESTS, DIMENSION = 700, 9, 8


class Parts(ArrayVectors):
    """Vectors in several pieces, as a store has them."""

    def slices(self) -> Iterator[np.ndarray]:
        """Pieces of a length that no block divides."""
        array = self.take(np.arange(self.shape[0]))
        return iter([array[:300], array[300:301], array[301:]])


@pytest.mark.parametrize("slice_bytes", [1, 5000, 1 << 20])
def test_scanned_elsewhere(slice_bytes: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every array, to the bit, whatever the slices."""
    draw = np.random.default_rng(3)
    train = unit_vectors(draw.standard_normal((ROWS, DIMENSION)).round(1))
    tests = np.unique(unit_vectors(draw.standard_normal((TESTS, DIMENSION)).round(1)), axis=0)
    monkeypatch.setattr(product, "_PRODUCTS_PER_BLOCK", 32 * TESTS)
    monkeypatch.setattr(product, "_SLICE_BYTES", slice_bytes)
    seen: list[int] = []

    def elsewhere(scan: Scan, slices: Iterable[PoolSlice]) -> Iterator[Scanned]:
        for rows in slices:
            seen.append(len(rows.vectors))
            yield scan.of_slice(rows)

    here = both_ways(tests, Parts(train), k=20)
    there = both_ways(tests, Parts(train), k=20, elsewhere=elsewhere)
    assert sum(seen) == ROWS
    for mine, theirs in zip(here, there, strict=True):
        for name, array in vars(mine).items():
            np.testing.assert_array_equal(getattr(theirs, name), array)


def test_no_search_needs_no_cluster(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is connected when first asked, and then it must be there."""
    pytest.importorskip("ray", reason="the extra ray is not installed")
    monkeypatch.setenv("RAY_ADDRESS", "127.0.0.1:1")
    with RayScan():
        pass
    nothing = np.empty((0, 0), np.float32)
    scan = Scan(nothing, nothing, nothing, error=0.0, rows_per_block=1)
    with RayScan() as scanned, pytest.raises(DependencyError, match="no Ray cluster"):
        next(scanned(scan, []))
