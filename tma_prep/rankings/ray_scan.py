"""The pool scanned on a Ray cluster: every slice is a task, and its vectors travel with it."""

import copy
from collections.abc import Iterable, Iterator

from tma_prep.rankings.product import PoolSlice, Scan, Scanned
from tma_prep.ray import Cluster


class RayScan(Cluster):
    """See `SliceMap`. One task a CPU core."""

    def __call__(self, scan: Scan, slices: Iterable[PoolSlice]) -> Iterator[Scanned]:
        """See `SliceMap`."""
        # Copied, for what is mapped keeps its room in the object store until the search ends.
        return map(copy.deepcopy, self.in_order(Scan.of_slice, scan, slices))
