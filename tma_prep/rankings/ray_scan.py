"""The pool scanned on a Ray cluster: every slice is a task, and its vectors travel with it."""

import contextlib
from collections.abc import Iterable, Iterator
from typing import Self

import numpy as np

from tma_prep.rankings.product import PoolSlice, Scan, Scanned
from tma_prep.ray import Cluster


class RayScan:
    """See `SliceMap`. One task a CPU core; connected when first asked."""

    def __init__(self, address: str | None) -> None:
        """Name the cluster; see `Cluster`."""
        self._cluster = Cluster(address)
        self._stack = contextlib.ExitStack()
        self._connected = False

    def __enter__(self) -> Self:
        """Connect to nothing yet: a ranking that is finished needs no search."""
        return self

    def __exit__(self, *_: object) -> None:
        """Disconnect, if there was a search."""
        self._stack.close()

    def __call__(self, scan: Scan, slices: Iterable[PoolSlice]) -> Iterator[Scanned]:
        """See `SliceMap`."""
        if not self._connected:
            self._stack.enter_context(self._cluster)
            self._connected = True
        for found in self._cluster.in_order(Scan.of_slice, scan, slices):
            # Copied, for what is mapped keeps its room in the object store until the search ends.
            yield Scanned(
                first_row=found.first_row,
                nearest=np.array(found.nearest),
                similarities=np.array(found.similarities),
                rows=np.array(found.rows),
                tests=np.array(found.tests),
                scores=np.array(found.scores),
            )
